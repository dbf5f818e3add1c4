//! Every request of every verb fails once. Afterwards the same verbs succeed, nothing is lost, and no garbage is left.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lsm_checkpoint_servers::tour::{Failure, compare, options, sound};
use lsm_checkpoint_servers::{Call, Engine, Fault, Seeded, Server, Settings, assert_no_garbage};
use lsm_checkpoint_store::{CollectOptions, Location, PushOptions, Repository};
use lsm_fs::StdFs;
use object_store::ObjectStore;
use tempfile::TempDir;

/// Two checkpoints that share tables.
struct Sources {
    _dir: TempDir,
    monday: PathBuf,
    tuesday: PathBuf,
}

impl Sources {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let mut engine = Engine::open(&dir.path().join("db"), "sweep").unwrap();
        let (monday, tuesday) = (dir.path().join("monday"), dir.path().join("tuesday"));
        engine.add(1, 2, 5_000).unwrap();
        engine.checkpoint(&monday).unwrap();
        engine.add(2, 1, 5_000).unwrap();
        engine.checkpoint(&tuesday).unwrap();
        Self { _dir: dir, monday, tuesday }
    }
}

struct Run<'a> {
    store: Arc<dyn ObjectStore>,
    sources: &'a Sources,
    prefix: String,
}

impl Run<'_> {
    async fn open(&self) -> Result<Repository, Failure> {
        let place = Location::of_store(Arc::clone(&self.store), &self.prefix);
        Ok(Repository::open(place, options().concurrency(1)).await?)
    }

    async fn push(&self, checkpoint: &Path) -> Result<(), Failure> {
        self.open().await?.push(Arc::new(StdFs), checkpoint, &PushOptions::new()).await?;
        Ok(())
    }

    /// Runs the verbs whose requests fail.
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

    /// Checks after a failure that the second backup can be pushed and read, and that no garbage is left.
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

/// Runs the verbs under a plan on a new server, and recovers. Returns the number of requests.
async fn run(
    settings: Settings,
    sources: &Sources,
    name: &str,
    plan: impl FnMut(&Call) -> Fault + Send + 'static,
) -> usize {
    let server = Server::start(settings).unwrap();
    let run = Run { store: server.store().unwrap(), sources, prefix: "r".to_owned() };
    let place = Location::of_store(Arc::clone(&run.store), &run.prefix);
    Repository::init(place, options().probe_rounds(0)).await.unwrap();
    server.proxy.plan(plan);
    let worked = run.work().await;
    let requests = server.proxy.traffic().requests;
    server.proxy.plan(|_| Fault::None);
    if let Err(error) = run.recover().await {
        panic!("{name}: {error}; before that: {worked:?}");
    }
    requests
}

/// In CI, each request gets every fourth fault, in turn. With `LSM_STORE_FAULTS=all`, each request gets every fault.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_fails_once() {
    let turns = if std::env::var("LSM_STORE_FAULTS").is_ok_and(|faults| faults == "all") { 1 } else { 4 };
    let sources = Sources::new();
    let requests = run(Settings::default(), &sources, "no fault", |_| Fault::None).await;
    assert!(requests > 40, "{requests} requests");
    let mut runs = 0;
    for at in 0..requests {
        for (turn, &fault) in Fault::ALL.iter().enumerate() {
            if (at + turn) % turns == 0 {
                let plan = move |call: &Call| {
                    if call.number == at && fault.fits(call) { fault } else { Fault::None }
                };
                run(Settings::default(), &sources, &format!("{fault:?} at request {at}"), plan).await;
                runs += 1;
            }
        }
    }
    println!("{runs} runs with a fault at one of {requests} requests");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_fail_at_random() {
    let sources = Sources::new();
    for seed in 0..20 {
        let mut faults = Seeded::new(seed, 4);
        let settings = Settings { page: Some(2), skew: 0 };
        run(settings, &sources, &format!("seed {seed}"), move |call| faults.fault(call)).await;
    }
}
