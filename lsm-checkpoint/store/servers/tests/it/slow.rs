//! Answers that come slowly, and answers that stop.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use lsm_checkpoint_servers::tour::{compare, options, sound};
use lsm_checkpoint_servers::{Call, Engine, Fault, Server, Settings, s3_within};
use lsm_checkpoint_store::{Backup, Error, Location, PushOptions, Repository, VerifyOptions};
use lsm_fs::StdFs;
use tempfile::TempDir;

/// The time limit of a request. Only an answer that never comes is slower.
const LIMIT: Duration = Duration::from_secs(3);

struct Ground {
    server: Server,
    dir: TempDir,
    backup: Backup,
}

impl Ground {
    async fn new() -> Self {
        let (server, dir) = (Server::start(Settings::default()).unwrap(), TempDir::new().unwrap());
        let mut engine = Engine::open(&dir.path().join("db"), "slow").unwrap();
        engine.add(1, 3, 300_000).unwrap();
        engine.checkpoint(&dir.path().join("checkpoint")).unwrap();
        let place = Location::of_store(server.store().unwrap(), "r");
        let repository = Repository::init(place, options().probe_rounds(0)).await.unwrap();
        let checkpoint = dir.path().join("checkpoint");
        let pushed = repository.push(Arc::new(StdFs), &checkpoint, &PushOptions::new()).await.unwrap();
        Self { server, dir, backup: pushed.backup }
    }

    fn checkpoint(&self) -> PathBuf {
        self.dir.path().join("checkpoint")
    }

    /// Opens the repository with a time limit for each request.
    async fn limited(&self, attempts: u32) -> Repository {
        let store = s3_within(&self.server.proxy.url(), LIMIT).unwrap();
        let options = options().attempts(attempts, Duration::ZERO);
        Repository::open(Location::of_store(store, "r"), options).await.unwrap()
    }
}

fn reads_a_file(call: &Call) -> bool {
    call.method == Method::GET && call.path.contains("/data/")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_store_is_read_whole() {
    let ground = Ground::new().await;
    ground.server.proxy.plan(|call| if Fault::Trickle.fits(call) { Fault::Trickle } else { Fault::None });
    let place = Location::of_store(ground.server.store().unwrap(), "r");
    let repository = Repository::open(place, options()).await.unwrap();
    sound(&repository).await.unwrap();
    compare(&repository, ground.backup.id, &ground.checkpoint()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_survives_an_answer_that_stops() {
    let ground = Ground::new().await;
    let mut stalled = 0;
    ground.server.proxy.plan(move |call| {
        stalled += usize::from(reads_a_file(call));
        if reads_a_file(call) && stalled == 1 { Fault::Stall } else { Fault::None }
    });
    let repository = ground.limited(4).await;
    compare(&repository, ground.backup.id, &ground.checkpoint()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_always_stop_end_at_the_time_limit() {
    let ground = Ground::new().await;
    ground.server.proxy.plan(|call| if reads_a_file(call) { Fault::Stall } else { Fault::None });
    let repository = ground.limited(1).await;
    let verified = repository.verify(&VerifyOptions::new()).await;
    let Err(Error::Store { key, .. }) = &verified else { panic!("{verified:?}") };
    assert!(key.starts_with("data/"), "{key}");
    let before = std::fs::read_dir(ground.dir.path()).unwrap().count();
    compare(&repository, ground.backup.id, &ground.checkpoint()).await.unwrap_err();
    assert_eq!(std::fs::read_dir(ground.dir.path()).unwrap().count(), before, "the restore leaves nothing");
}
