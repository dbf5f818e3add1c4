//! Every order in which threads can use a [`DeletionPause`], within loom's bounds.
//!
//! Nothing is compiled unless `--cfg loom` is given:
//! `CARGO_TARGET_DIR=target/loom RUSTFLAGS="--cfg loom" cargo test -p lsm-checkpoint --test loom --release`.
#![cfg(loom)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where something fails")]

mod disk;

use std::{path::Path, sync::Arc};

use disk::Disk;
use loom::{sync::atomic::AtomicBool, sync::atomic::Ordering::SeqCst, thread};
use lsm_checkpoint::{DeletionPause, Enqueue};
use lsm_fs::Fs;

const A: &str = "/a";
const B: &str = "/b";

/// An engine with two files in its version. A capture takes the files that are still in the version. A compaction takes
/// one file out and deletes it. Other threads can act between any two steps.
struct Engine {
    disk: Arc<Disk>,
    fs: Arc<dyn Fs>,
    pause: Arc<DeletionPause>,
    in_version: [AtomicBool; 2],
}

impl Engine {
    fn new() -> Arc<Self> {
        let disk = Arc::new(Disk::new([A, B]));
        let fs: Arc<dyn Fs> = disk.clone();
        let in_version = [AtomicBool::new(true), AtomicBool::new(true)];
        Arc::new(Self { disk, fs, pause: Arc::new(DeletionPause::with_clock(Default::default)), in_version })
    }

    fn delete(&self, file: &str) {
        self.in_version[usize::from(file == B)].store(false, SeqCst);
        if self.pause.try_enqueue(&self.fs, Path::new(file)) == Enqueue::DeleteNow {
            self.fs.remove_file(Path::new(file)).unwrap();
        }
    }

    fn captured(&self) -> Vec<&'static str> {
        [A, B]
            .into_iter()
            .zip(&self.in_version)
            .filter(|(_, live)| live.load(SeqCst))
            .map(|(f, _)| f)
            .collect()
    }

    /// Takes a checkpoint. Every captured file must exist when it is linked. The pause begins just before the capture.
    /// An earlier beginning is not needed: the explored orders include deletions that asked before it.
    fn checkpoint(&self) {
        let guard = self.pause.acquire();
        let files = self.captured();
        guard.narrow(files.iter().copied());
        for file in files {
            assert!(self.disk.has(file), "{file} was captured and is gone");
            guard.release(Path::new(file));
        }
        assert!(guard.resume().failed.is_empty());
    }

    /// Checks the final state: deleted files are gone, were deleted once, and the other files exist.
    fn settle(&self) {
        assert!(!self.pause.is_paused());
        assert_eq!(self.pause.deferred(), 0, "a deletion was lost");
        assert!(self.pause.take_failed().is_empty());
        for (file, live) in [A, B].into_iter().zip(&self.in_version) {
            assert_eq!(self.disk.has(file), live.load(SeqCst), "{file}");
        }
        assert_eq!(self.disk.misses(), 0, "a file was unlinked twice");
    }
}

fn explore(run: impl Fn(Arc<Engine>) -> Vec<thread::JoinHandle<()>> + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    // `LOOM_MAX_PREEMPTIONS` overrides this bound.
    model.preemption_bound = model.preemption_bound.or(Some(4));
    model.check(move || {
        let engine = Engine::new();
        for thread in run(Arc::clone(&engine)) {
            thread.join().unwrap();
        }
        engine.settle();
    });
}

fn spawn(engine: &Arc<Engine>, run: impl FnOnce(&Engine) + 'static) -> thread::JoinHandle<()> {
    let engine = Arc::clone(engine);
    thread::spawn(move || run(&engine))
}

#[test]
fn a_checkpoint_beside_a_compaction() {
    explore(|engine| {
        let checkpoint = spawn(&engine, Engine::checkpoint);
        engine.delete(A);
        engine.delete(B);
        vec![checkpoint]
    });
}

#[test]
fn two_checkpoints_beside_a_compaction() {
    explore(|engine| {
        let checkpoints = vec![spawn(&engine, Engine::checkpoint), spawn(&engine, Engine::checkpoint)];
        engine.delete(A);
        checkpoints
    });
}

#[test]
fn the_last_release_beside_a_new_acquire() {
    explore(|engine| {
        let old = engine.pause.acquire();
        let ends = spawn(&engine, move |_| drop(old));
        let begins = spawn(&engine, Engine::checkpoint);
        engine.delete(B);
        vec![ends, begins]
    });
}

#[test]
fn two_deleters_beside_a_checkpoint() {
    explore(|engine| {
        let deleters = vec![spawn(&engine, |e| e.delete(A)), spawn(&engine, |e| e.delete(B))];
        engine.checkpoint();
        deleters
    });
}

/// A control: an engine that unlinks without asking loses a captured file.
#[test]
#[should_panic(expected = "was captured and is gone")]
fn a_deleter_that_does_not_ask_is_detected() {
    explore(|engine| {
        let checkpoint = spawn(&engine, Engine::checkpoint);
        engine.in_version[0].store(false, SeqCst);
        engine.fs.remove_file(Path::new(A)).unwrap();
        vec![checkpoint]
    });
}
