//! [`run`]: takes backups while eight writers are at work.

use std::{
    path::Path,
    sync::{
        Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use fjall::OptimisticTxDatabase;
use lsm_checkpoint::{VerifyOptions, verify};
use lsm_checkpoint_fjall::Backup;
use lsm_fs::StdFs;

use super::{
    super::world::{contents, open, restored},
    check::{Clock, Moment},
    lane::{Handles, Kind, Lane},
};

/// The number of operations for each backup. Then the writers wait for the next backup, so that the database stays
/// small.
const OPERATIONS: u64 = 12_000;

/// The number of operations before each backup begins.
const LEAD: u64 = 500;

/// A gate that limits the number of operations.
#[derive(Default)]
struct Gate {
    /// The number of operations that may begin. With `u64::MAX` the writers end.
    open: Mutex<u64>,
    changed: Condvar,
    begun: AtomicU64,
}

impl Gate {
    /// Waits until the next operation may begin. Returns `false` at the end.
    fn pass(&self) -> bool {
        let n = self.begun.fetch_add(1, Ordering::SeqCst);
        let mut open = self.open.lock().unwrap();
        while *open <= n {
            open = self.changed.wait(open).unwrap();
        }
        let goes_on = *open < u64::MAX;
        drop(open);
        self.changed.notify_all();
        goes_on
    }

    fn open(&self, until: u64) {
        *self.open.lock().unwrap() = until;
        self.changed.notify_all();
    }

    /// Waits until this number of operations has begun or waits to begin.
    fn wait_for(&self, n: u64) {
        let mut open = self.open.lock().unwrap();
        while self.begun.load(Ordering::SeqCst) < n {
            open = self.changed.wait(open).unwrap();
        }
    }
}

/// Ends the writers, even after a panic.
struct End<'a>(&'a Gate);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.open(u64::MAX);
    }
}

/// Returns the number of backups: `LSM_FJALL_BACKUPS`, or 10.
pub(crate) fn backups() -> u64 {
    std::env::var("LSM_FJALL_BACKUPS").map_or(10, |backups| backups.parse().unwrap())
}

/// Takes this number of backups of a database under load, and checks each.
pub(crate) fn run(dir: &Path, backups: u64, backup: &Backup<'_>) {
    let folder = tempfile::tempdir_in(dir).unwrap();
    let builder = OptimisticTxDatabase::builder(folder.path().join("db"));
    // Use many workers. fjall's workers deadlock if all of them have just rotated a memtable and the queue is full.
    let db = builder.max_journaling_size(64 << 20).worker_threads(8).open().unwrap();
    let handles = Handles::new(db);
    let (clock, gate) = (Clock::new(), Gate::default());
    let mut lanes = Kind::ALL.map(Lane::new);
    std::thread::scope(|scope| {
        let _end = End(&gate);
        for (at, kind) in Kind::ALL.into_iter().enumerate() {
            let (clock, gate, handles) = (&clock, &gate, &handles);
            let _ = scope.spawn(move || {
                let (mut done, mut next) = (0, 0);
                while gate.pass() {
                    // A throttled lane skips most of its turns.
                    if next > 0 {
                        next -= 1;
                        std::thread::yield_now();
                        continue;
                    }
                    next = kind.interval() / Kind::ALL.len() as u64;
                    done += 1;
                    clock.stamp(at, || handles.db.inner().seqno(), || handles.act(kind, done));
                }
            });
        }
        for n in 0..backups {
            gate.open((n + 1) * OPERATIONS);
            gate.wait_for(n * OPERATIONS + LEAD);
            let target = folder.path().join(format!("backup {n}"));
            let began = clock.tick();
            let info = backup.create(&handles.db, &target);
            let info = info.unwrap_or_else(|error| panic!("backup {n}: {error}"));
            println!(
                "backup {n}: cut at {:?} in {} attempts, {} journals of {} bytes, pause {:?}",
                info.cut, info.attempts, info.journals, info.journal_bytes, info.pause,
            );
            let report = verify(&StdFs, &target, &VerifyOptions::full()).unwrap();
            assert!(report.is_sound(), "backup {n}: {report}");
            let copy = restored(&target);
            let moment = Moment { began, cut: info.cut.unwrap() };
            clock.check(&mut lanes, &copy, &moment).unwrap_or_else(|error| panic!("backup {n}: {error}"));
            std::fs::remove_dir_all(target).unwrap();
        }
    });
    println!("{}, {} journals", handles.compacted(), handles.db.journal_count());
    // The source is unharmed.
    handles.end();
    let expected = contents(handles.db.inner());
    drop(handles);
    let db = open(&folder.path().join("db"));
    let found = contents(&db);
    assert!(found == expected, "the source differs after a restart");
}
