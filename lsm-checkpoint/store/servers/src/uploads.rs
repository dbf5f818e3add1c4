//! Uploads in parts under faults: each request of an upload fails once, and each kind of request fails always.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt, TryStreamExt};
use hyper::Method;
use lsm_checkpoint_store::{Location, PushOptions, Repository};
use lsm_fs::StdFs;
use object_store::ObjectStore;
use object_store::path::Path;
use tempfile::TempDir;

use crate::call::Call;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::proxy::Proxy;
use crate::repositories::assert_no_garbage;
use crate::tour::{Failure, compare, options, sound};

/// The least length of a part. Each upload has a part of this length and a short one.
const PART: u64 = 5 << 20;
const TAIL: usize = 1_000;

/// The faults of a request of an upload. Its answer has a body that the client reads.
const FAULTS: [Fault; 8] = [
    Fault::CutRequest,
    Fault::LoseAnswer,
    Fault::Refuse(503),
    Fault::RefuseAfter(500),
    Fault::Refuse(500),
    Fault::CutBody,
    Fault::ShortBody,
    Fault::Trickle,
];

/// The kinds of requests of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Begins an upload. Azure has no such request.
    Begin,
    /// Sends a part.
    Part,
    /// Makes an object of the parts.
    Complete,
}

impl Request {
    const ALL: [Self; 3] = [Self::Begin, Self::Part, Self::Complete];

    /// Returns the kind of a request, or `None` if it does not belong to an upload.
    #[must_use]
    pub fn of(call: &Call) -> Option<Self> {
        let query = |word: &str| call.query.contains(word);
        match call.method {
            Method::POST if query("uploads") => Some(Self::Begin),
            Method::POST if query("uploadId=") => Some(Self::Complete),
            Method::PUT if query("partNumber=") => Some(Self::Part),
            Method::PUT if query("comp=blocklist") => Some(Self::Complete),
            Method::PUT if query("comp=block") => Some(Self::Part),
            _ => None,
        }
    }
}

/// A checkpoint with a file that is sent in parts, on a server.
#[derive(Debug)]
pub struct Uploads<'a> {
    store: &'a Arc<dyn ObjectStore>,
    proxy: &'a Proxy,
    dir: TempDir,
}

impl<'a> Uploads<'a> {
    /// Takes the checkpoint.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn new(store: &'a Arc<dyn ObjectStore>, proxy: &'a Proxy) -> Result<Self, Failure> {
        let dir = TempDir::new()?;
        let mut engine = Engine::open(&dir.path().join("db"), "uploads")?;
        engine.add(1, 1, usize::try_from(PART)? + TAIL)?;
        engine.checkpoint(&dir.path().join("checkpoint"))?;
        Ok(Self { store, proxy, dir })
    }

    fn checkpoint(&self) -> PathBuf {
        self.dir.path().join("checkpoint")
    }

    async fn open(&self, prefix: &str) -> Result<Repository, Failure> {
        let place = Location::of_store(Arc::clone(self.store), prefix);
        Ok(Repository::open(place, options().concurrency(1).part_bytes(PART)).await?)
    }

    /// Pushes the checkpoint to a new repository under a plan, which sees only the requests of uploads. A backup that
    /// is there afterwards must be whole. Then the push succeeds without faults, and no garbage is left. Returns the
    /// number of requests of uploads, and `true` if the push under the plan succeeded.
    ///
    /// # Errors
    ///
    /// A backup is damaged or lost, or garbage is left.
    pub async fn push(
        &self,
        prefix: &str,
        mut plan: impl FnMut(Request, usize) -> Fault + Send + 'static,
    ) -> Result<(usize, bool), Failure> {
        let place = Location::of_store(Arc::clone(self.store), prefix);
        Repository::init(place, options().probe_rounds(0)).await?;
        let (counter, mut number) = (Arc::new(AtomicUsize::new(0)), 0);
        let seen = Arc::clone(&counter);
        self.proxy.plan(move |call| {
            let Some(request) = Request::of(call) else { return Fault::None };
            number += 1;
            seen.store(number, Ordering::Relaxed);
            plan(request, number - 1)
        });
        let pushed = self.push_once(prefix).await;
        self.proxy.plan(|_| Fault::None);
        let recovered = self.recover(prefix, pushed.is_ok()).await;
        recovered.map_err(|error| format!("{prefix}: {error}; the push before: {pushed:?}"))?;
        Ok((counter.load(Ordering::Relaxed), pushed.is_ok()))
    }

    async fn push_once(&self, prefix: &str) -> Result<(), Failure> {
        let repository = self.open(prefix).await?;
        repository.push(Arc::new(StdFs), &self.checkpoint(), &PushOptions::new()).await?;
        Ok(())
    }

    async fn recover(&self, prefix: &str, was_pushed: bool) -> Result<(), Failure> {
        let repository = self.open(prefix).await?;
        sound(&repository).await?;
        if was_pushed && repository.list().await?.len() != 1 {
            return Err("a backup that was committed is not there".into());
        }
        self.push_once(prefix).await?;
        let backups = repository.list().await?;
        let [backup] = &backups[..] else { return Err(format!("not one backup: {backups:?}").into()) };
        compare(&repository, backup.id, &self.checkpoint()).await?;
        assert_no_garbage(&repository, self.store, prefix).await?;
        sound(&repository).await?;
        self.clear(prefix).await
    }

    /// Deletes the repository, so that many runs need little space.
    async fn clear(&self, prefix: &str) -> Result<(), Failure> {
        let root = Path::from(prefix);
        let listed: Vec<_> = self.store.list(Some(&root)).map_ok(|meta| meta.location).try_collect().await?;
        let listed = futures::stream::iter(listed.into_iter().map(Ok)).boxed();
        self.store.delete_stream(listed).try_collect::<Vec<_>>().await?;
        Ok(())
    }

    /// Lets each request of an upload fail once with every other fault, in turn, or with each fault if
    /// `LSM_STORE_FAULTS` is `all`. Then lets each kind of request fail always. Returns the number of runs.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub async fn sweep(&self) -> Result<usize, Failure> {
        let parts = Arc::new(AtomicUsize::new(0));
        let (last, seen) = (Arc::new(AtomicUsize::new(usize::MAX)), Arc::clone(&parts));
        let completed = Arc::clone(&last);
        let note = move |request, number| {
            match request {
                Request::Part => _ = seen.fetch_add(1, Ordering::Relaxed),
                Request::Complete => completed.store(number, Ordering::Relaxed),
                Request::Begin => {}
            }
            Fault::None
        };
        let (requests, pushed) = self.push("parts", note).await?;
        // Otherwise a request of the upload is not recognised, and would meet no fault.
        let is_complete = parts.load(Ordering::Relaxed) == 2 && last.load(Ordering::Relaxed) == requests - 1;
        if !is_complete || !pushed {
            return Err(format!("an upload in {requests} requests, pushed: {pushed}").into());
        }
        let mut runs = 1;
        let all = std::env::var("LSM_STORE_FAULTS").is_ok_and(|faults| faults == "all");
        for (turn, fault) in FAULTS.into_iter().enumerate() {
            for at in (0..requests).filter(|at| all || (at + turn) % 2 == 0) {
                let prefix = format!("parts-{fault:?}-{at}").replace(['(', ')'], "-");
                let once = move |_, number| if number == at { fault } else { Fault::None };
                let (_, pushed) = self.push(&prefix, once).await?;
                if !pushed {
                    return Err(format!("{prefix}: one fault ends the push").into());
                }
                runs += 1;
            }
        }
        // The other faults differ from these only if they happen once.
        for fault in FAULTS.into_iter().take(3) {
            for kind in Request::ALL {
                let prefix = format!("parts-{fault:?}-{kind:?}").replace(['(', ')'], "-");
                self.push(&prefix, move |request, _| if request == kind { fault } else { Fault::None })
                    .await?;
                runs += 1;
            }
        }
        Ok(runs)
    }
}
