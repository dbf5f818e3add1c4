//! Kills a push or a collect at each of its requests, before and after the effect of the request.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use lsm_checkpoint_servers::tour::{compare, options, sound};
use lsm_checkpoint_servers::{Child, Engine, Fault, Server, Settings, Words, assert_no_garbage};
use lsm_checkpoint_store::{Location, PushOptions, Repository};
use lsm_fs::StdFs;
use tempfile::TempDir;

const WORKER: &str = env!("CARGO_BIN_EXE_worker");

/// An event of a worker, or the moment of its death.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Words(Words),
    Held,
}

impl From<Words> for Event {
    fn from(words: Words) -> Self {
        Self::Words(words)
    }
}

/// Starts a worker and kills it at request number `at`, which the proxy holds. Returns its lines, and `true` if it was
/// killed.
fn kill_at(server: &Server, arguments: &[String], at: usize, fault: Fault) -> (Vec<String>, bool) {
    let (sender, events): (_, Receiver<Event>) = channel();
    let held = sender.clone();
    server.proxy.plan(move |call| {
        if call.number != at {
            return Fault::None;
        }
        held.send(Event::Held).unwrap();
        fault
    });
    let mut child = Child::start(Path::new(WORKER), 0, arguments, sender).unwrap();
    let (mut lines, mut killed) = (Vec::new(), false);
    loop {
        match events.recv().unwrap() {
            Event::Held => {
                child.kill().unwrap();
                killed = true;
            }
            Event::Words(Words::Line(_, line)) => lines.push(line),
            Event::Words(Words::End(_)) => break,
        }
    }
    server.proxy.plan(|_| Fault::None);
    (lines, killed)
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|&word| word.to_owned()).collect()
}

struct Place {
    /// The server. Each kill gets a new one, so that lists stay short.
    server: Server,
    dir: TempDir,
    old: PathBuf,
    new: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let mut engine = Engine::open(&dir.path().join("db"), "killed").unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        engine.add(1, 2, 3_000).unwrap();
        engine.checkpoint(&old).unwrap();
        engine.add(2, 2, 3_000).unwrap();
        engine.checkpoint(&new).unwrap();
        Self { server: Server::start(Settings::default()).unwrap(), dir, old, new }
    }

    async fn repository(&self, prefix: &str) -> Repository {
        let place = Location::of_store(self.server.store().unwrap(), prefix);
        let repository = Repository::init(place, options().probe_rounds(0)).await.unwrap();
        repository.push(Arc::new(StdFs), &self.old, &PushOptions::new()).await.unwrap();
        repository
    }

    async fn check(&self, prefix: &str, repository: &Repository) {
        sound(repository).await.unwrap();
        assert_no_garbage(repository, &self.server.store().unwrap(), prefix).await.unwrap();
        sound(repository).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_is_killed_at_any_request_goes_on() {
    let mut place = Place::new();
    for fault in [Fault::Hold, Fault::HoldAnswer] {
        for at in 0.. {
            place.server = Server::start(Settings::default()).unwrap();
            let prefix = format!("push-{at}-{fault:?}");
            let repository = place.repository(&prefix).await;
            let (url, state) = (place.server.proxy.url(), place.dir.path().join(&prefix));
            let (new, state) = (place.new.display().to_string(), state.display().to_string());
            let arguments = words(&["push", &url, "1", &prefix, &new, &state, "1"]);
            let (lines, killed) = kill_at(&place.server, &arguments, at, fault);
            // A commit that was answered stands, even though the process died.
            let (again, _) = kill_at(&place.server, &arguments, usize::MAX, fault);
            assert!(
                again.iter().any(|line| line.starts_with("committed")),
                "{prefix}: {lines:?}, then {again:?}"
            );
            let backups = repository.list().await.unwrap();
            assert_eq!(backups.len(), 2, "{prefix}");
            compare(&repository, backups[1].id, &place.new).await.unwrap();
            place.check(&prefix, &repository).await;
            if !killed {
                assert!(at > 10, "a push has more requests than {at}");
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collect_that_is_killed_at_any_request_harms_nothing() {
    let mut place = Place::new();
    for fault in [Fault::Hold, Fault::HoldAnswer] {
        for at in 0.. {
            place.server = Server::start(Settings::default()).unwrap();
            let prefix = format!("collect-{at}-{fault:?}");
            let repository = place.repository(&prefix).await;
            let old = repository.list().await.unwrap()[0].id;
            repository.push(Arc::new(StdFs), &place.new, &PushOptions::new()).await.unwrap();
            repository.forget(&[old]).await.unwrap();
            let url = place.server.proxy.url();
            let (_, killed) = kill_at(&place.server, &words(&["collect", &url, "1", &prefix]), at, fault);
            let backups = repository.list().await.unwrap();
            assert_eq!(backups.len(), 1, "{prefix}");
            compare(&repository, backups[0].id, &place.new).await.unwrap();
            place.check(&prefix, &repository).await;
            if !killed {
                assert!(at > 8, "a collect has more requests than {at}");
                break;
            }
        }
    }
}
