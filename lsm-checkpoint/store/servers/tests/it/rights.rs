//! The requests of each task, compared with the table in `RIGHTS.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::Method;
use lsm_checkpoint::Progress;
use lsm_checkpoint_servers::tour::{compare, options};
use lsm_checkpoint_servers::{BUCKET, Call, Engine, Fault, Server, Settings};
use lsm_checkpoint_store::{
    CollectOptions, Error, Location, Options, PushOptions, Repository, VerifyOptions, WriterId,
};
use lsm_fs::StdFs;
use tempfile::TempDir;

const PAGE: &str = include_str!("../../../RIGHTS.md");

/// The requests that a task makes only after a failure or a fence, which this test does not cause.
const AFTER_FAILURES: [(&str, &str, &str); 3] =
    [("init", "GetObject", "head"), ("push", "AbortMultipartUpload", "data"), ("push", "GetObject", "data")];

/// A request and the kind of objects that it concerns.
type Request = (String, String);

/// Reads the table: the requests of each task.
fn documented() -> BTreeMap<String, BTreeSet<Request>> {
    let rows: Vec<Vec<&str>> = PAGE
        .lines()
        .skip_while(|line| !line.starts_with("| task |"))
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let (names, rows) = (&rows[0], &rows[2..]);
    let mut tasks = BTreeMap::new();
    for row in rows {
        let cells = names.iter().zip(row).skip(1);
        let requests = cells.flat_map(|(name, cell)| {
            let objects = cell.split(", ").filter(|object| !object.is_empty());
            objects.map(|object| ((*name).to_owned(), object.to_owned()))
        });
        let requests: BTreeSet<_> = requests.collect();
        for task in row[0].split(", ") {
            tasks.insert(task.to_owned(), requests.clone());
        }
    }
    tasks
}

/// Names a request as S3 does. The names in a request for many deletes are in its body, which a plan does not see.
fn named(call: &Call) -> Request {
    let action = match call.method {
        Method::GET if call.lists() => "ListBucket",
        Method::GET | Method::HEAD => "GetObject",
        Method::DELETE if call.query.contains("uploadId") => "AbortMultipartUpload",
        Method::POST if call.query.contains("delete") => "DeleteObject",
        Method::DELETE => "DeleteObject",
        _ => "PutObject",
    };
    let place = if call.lists() {
        let prefix = call.query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).unwrap();
        prefix.replace("%2F", "/")
    } else {
        call.path.trim_start_matches(&format!("/{BUCKET}")).trim_start_matches('/').to_owned()
    };
    let below = place.strip_prefix("r/").unwrap_or_default();
    (action.to_owned(), below.split('/').next().unwrap_or_default().to_owned())
}

/// A repository on a server, and the requests of the task under way.
struct Ground {
    server: Server,
    dir: TempDir,
    made: BTreeMap<String, BTreeSet<Request>>,
    now: Arc<Mutex<BTreeSet<Request>>>,
}

impl Ground {
    fn new() -> Self {
        let server = Server::start(Settings::default()).unwrap();
        let now = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = Arc::clone(&now);
        server.proxy.plan(move |call| {
            seen.lock().unwrap().insert(named(call));
            Fault::None
        });
        Self { server, dir: TempDir::new().unwrap(), made: BTreeMap::new(), now }
    }

    fn location(&self) -> Location {
        Location::of_store(self.server.store().unwrap(), "r")
    }

    async fn open(&self) -> Repository {
        Repository::open(self.location(), options().part_bytes(0)).await.unwrap()
    }

    /// Adds the requests since the last call to a task.
    fn did(&mut self, task: &str) {
        let requests = std::mem::take(&mut *self.now.lock().unwrap());
        self.made.entry(task.to_owned()).or_default().extend(requests);
    }

    /// Takes a checkpoint with a file that is sent in parts, and pushes it.
    async fn push(&mut self, engine: &mut Engine, name: &str) {
        engine.add(u64::from(name.as_bytes()[0]), 1, (5 << 20) + 1_000).unwrap();
        let checkpoint = self.dir.path().join(name);
        engine.checkpoint(&checkpoint).unwrap();
        self.open().await.push(Arc::new(StdFs), &checkpoint, &PushOptions::new()).await.unwrap();
        self.did("push");
    }

    /// Cancels a push. With a state directory, its writer stays.
    async fn dead_push(&mut self, engine: &mut Engine) -> WriterId {
        engine.add(9, 1, 1_000).unwrap();
        let (checkpoint, state) = (self.dir.path().join("dead"), self.dir.path().join("state"));
        engine.checkpoint(&checkpoint).unwrap();
        std::fs::create_dir(&state).unwrap();
        let options = options().concurrency(1).state(Arc::new(StdFs), state);
        let repository = Repository::open(self.location(), options).await.unwrap();
        // The writer is registered before the first file is sent.
        let after_a_file = |progress: &Progress| match progress.files_done {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        };
        let cancel = PushOptions::new().progress(Arc::new(after_a_file));
        let cancelled = repository.push(Arc::new(StdFs), &checkpoint, &cancel).await;
        assert!(matches!(cancelled, Err(Error::Cancelled)), "{cancelled:?}");
        let writers = repository.status().await.unwrap().writers;
        self.now.lock().unwrap().clear();
        writers[0].id
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_lists_the_requests_of_each_task() {
    let mut ground = Ground::new();
    Repository::init(ground.location(), Options::new().probe_rounds(2)).await.unwrap();
    ground.did("init");
    let mut engine = Engine::open(&ground.dir.path().join("db"), "rights").unwrap();
    ground.push(&mut engine, "monday").await;
    ground.push(&mut engine, "tuesday").await;
    let backups = ground.open().await.list().await.unwrap();
    ground.did("list");
    ground.open().await.status().await.unwrap();
    ground.did("status");
    ground.open().await.status().await.unwrap();
    ground.did("writers");
    ground.open().await.check().await.unwrap();
    ground.did("check");
    ground.open().await.verify(&VerifyOptions::new()).await.unwrap();
    ground.did("verify");
    let tuesday = ground.dir.path().join("tuesday");
    compare(&ground.open().await, backups[1].id, &tuesday).await.unwrap();
    ground.did("restore");
    let nobody = WriterId([0; 16]);
    let repository = ground.open().await;
    repository.status().await.unwrap();
    repository.list().await.unwrap();
    assert!(!repository.fence(nobody).await.unwrap());
    repository.check().await.unwrap();
    ground.did("doctor");
    ground.open().await.forget(&[backups[0].id]).await.unwrap();
    ground.did("forget");
    ground.open().await.undo(&[backups[0].id]).await.unwrap();
    ground.did("undo");
    let writer = ground.dead_push(&mut engine).await;
    assert!(ground.open().await.fence(writer).await.unwrap());
    ground.did("fence");
    ground.open().await.forget(&[backups[0].id]).await.unwrap();
    ground.did("forget");
    for grace in [Duration::from_secs(3600), Duration::ZERO] {
        ground.open().await.collect(&CollectOptions::new().grace(grace)).await.unwrap();
    }
    ground.did("collect");
    let made = |task: &str| ground.made.get(if task == "show" { "restore" } else { task });
    for (task, mut expected) in documented() {
        let mut made = made(&task).unwrap_or_else(|| panic!("{task} was not run")).clone();
        if made.remove(&("DeleteObject".to_owned(), String::new())) {
            assert!(expected.iter().any(|(name, _)| name == "DeleteObject"), "{task} deletes");
            expected.retain(|(name, _)| name != "DeleteObject");
        }
        for (_, name, object) in AFTER_FAILURES.iter().filter(|(of, ..)| *of == task) {
            assert!(expected.remove(&((*name).to_owned(), (*object).to_owned())), "{task}: {name} {object}");
        }
        assert_eq!(made, expected, "{task}");
    }
}
