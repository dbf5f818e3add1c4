//! [`Verbs`]: the verbs of a repository under faults, and a check without faults.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lsm_checkpoint_store::{CollectOptions, Location, PushOptions, Repository};
use lsm_fs::StdFs;
use object_store::ObjectStore;
use tempfile::TempDir;

use crate::call::Call;
use crate::engine::Engine;
use crate::fault::{Fault, Seeded};
use crate::proxy::Proxy;
use crate::repositories::assert_no_garbage;
use crate::tour::{Failure, compare, options, sound};

/// Two checkpoints that share tables.
#[derive(Debug)]
pub struct Sources {
    _dir: TempDir,
    monday: PathBuf,
    tuesday: PathBuf,
}

impl Sources {
    /// Takes the checkpoints.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn new() -> Result<Self, Failure> {
        let dir = TempDir::new()?;
        let mut engine = Engine::open(&dir.path().join("db"), "sweep")?;
        let (monday, tuesday) = (dir.path().join("monday"), dir.path().join("tuesday"));
        engine.add(1, 2, 5_000)?;
        engine.checkpoint(&monday)?;
        engine.add(2, 1, 5_000)?;
        engine.checkpoint(&tuesday)?;
        Ok(Self { _dir: dir, monday, tuesday })
    }
}

/// The verbs on one repository. Each verb opens the repository anew, with one request at a time.
#[derive(Debug)]
pub struct Verbs<'a> {
    store: Arc<dyn ObjectStore>,
    sources: &'a Sources,
    prefix: String,
}

impl<'a> Verbs<'a> {
    /// Prepares the verbs for a prefix that holds nothing.
    #[must_use]
    pub fn new(store: &Arc<dyn ObjectStore>, prefix: impl Into<String>, sources: &'a Sources) -> Self {
        Self { store: Arc::clone(store), sources, prefix: prefix.into() }
    }

    /// Makes the repository, and runs the verbs under a plan. Then, without faults, the second checkpoint is pushed
    /// again. Its backup must be whole, and no garbage may be left. Returns the number of requests under the plan.
    ///
    /// # Errors
    ///
    /// A call failed without faults, a backup is lost, or garbage is left.
    pub async fn under(
        &self,
        proxy: &Proxy,
        plan: impl FnMut(&Call) -> Fault + Send + 'static,
    ) -> Result<usize, Failure> {
        let place = Location::of_store(Arc::clone(&self.store), &self.prefix);
        Repository::init(place, options().probe_rounds(0)).await?;
        proxy.plan(plan);
        let worked = self.work().await;
        let requests = proxy.traffic().requests;
        proxy.plan(|_| Fault::None);
        match self.recover().await {
            Ok(()) => Ok(requests),
            Err(error) => Err(format!("{error}; before that: {worked:?}").into()),
        }
    }

    async fn open(&self) -> Result<Repository, Failure> {
        let place = Location::of_store(Arc::clone(&self.store), &self.prefix);
        Ok(Repository::open(place, options().concurrency(1)).await?)
    }

    async fn push(&self, checkpoint: &Path) -> Result<(), Failure> {
        self.open().await?.push(Arc::new(StdFs), checkpoint, &PushOptions::new()).await?;
        Ok(())
    }

    /// The verbs whose requests fail.
    async fn work(&self) -> Result<(), Failure> {
        self.push(&self.sources.monday).await?;
        self.push(&self.sources.tuesday).await?;
        let repository = self.open().await?;
        let [first, second] = repository.list().await?.try_into().map_err(|list| format!("{list:?}"))?;
        compare(&repository, second.id, &self.sources.tuesday).await?;
        repository.forget(&[first.id]).await?;
        self.open().await?.collect(&CollectOptions::new().grace(Duration::ZERO)).await?;
        sound(&self.open().await?).await
    }

    /// After a failure: the second backup can be pushed and read, and no garbage is left.
    async fn recover(&self) -> Result<(), Failure> {
        sound(&self.open().await?).await?;
        self.push(&self.sources.tuesday).await?;
        let repository = self.open().await?;
        let backups = repository.list().await?;
        let last = backups.last().ok_or("no backup")?;
        compare(&repository, last.id, &self.sources.tuesday).await?;
        assert_no_garbage(&repository, &self.store, &self.prefix).await?;
        sound(&self.open().await?).await
    }
}

/// Runs the verbs once for each seed, where about one request in four has a fault. Returns the number of requests.
///
/// # Errors
///
/// As [`Verbs::under`], with the seed.
pub async fn storm(store: &Arc<dyn ObjectStore>, proxy: &Proxy, seeds: u64) -> Result<usize, Failure> {
    let sources = Sources::new()?;
    let mut requests = 0;
    for seed in 0..seeds {
        let mut faults = Seeded::new(seed, 4);
        let verbs = Verbs::new(store, format!("storm-{seed}"), &sources);
        let outcome = verbs.under(proxy, move |call| faults.fault(call)).await;
        requests += outcome.map_err(|error| format!("seed {seed}: {error}"))?;
    }
    Ok(requests)
}
