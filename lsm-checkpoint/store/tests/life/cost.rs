//! The requests and the bytes of each task, compared with the formulas of `OPERATING.md`.

mod formula;

use std::{path::Path, sync::Arc, time::Duration};

use lsm_checkpoint::{Checkpoint, CheckpointDir, restore};
use lsm_checkpoint_store::{BackupId, CollectOptions, Pushed, ReadOptions, Repository, VerifyOptions};
use lsm_fs::{Fs, StdFs};
use lsm_fs_mem::MemFs;

use crate::{
    counted::{Counted, Requests},
    ground::{Db, Ground, noise, options, push, run},
};
use formula::{assert_bytes, assert_requests};

const MIB: usize = 1 << 20;

/// A database of `small` files of 1,000 bytes and one of `long` MiB.
#[derive(Clone, Copy)]
struct Size {
    small: u64,
    long: u64,
}

const SIZES: [Size; 3] =
    [Size { small: 2, long: 17 }, Size { small: 30, long: 9 }, Size { small: 3, long: 0 }];

impl Size {
    fn db(self) -> Db {
        let db = Db::new("db", &[]);
        for n in 0..self.small {
            db.add(&format!("{n:06}"), &noise(n, 1000));
        }
        if self.long > 0 {
            db.add("long", &noise(99, usize::try_from(self.long).unwrap() * MIB));
        }
        db
    }

    /// The requests of at most `mib` MiB that transfer the long file.
    fn chunks(self, mib: u64) -> u64 {
        self.long.div_ceil(mib)
    }
}

/// A repository on a store that counts.
struct Fixture {
    ground: Ground,
    store: Counted,
}

impl Fixture {
    fn new() -> Self {
        let store = Counted::default();
        let _ = run(Repository::init(store.place(), options())).unwrap();
        Self { ground: Ground::new(), store }
    }

    /// Runs a task as a process of its own does, which opens the repository first.
    fn count<T>(&self, work: impl FnOnce(&Repository) -> T) -> (T, Requests) {
        let _ = self.store.take();
        let repository = run(Repository::open(self.store.place(), options())).unwrap();
        let done = work(&repository);
        (done, self.store.take())
    }

    fn push(&self, db: &Db, name: &str) -> (Pushed, Requests) {
        let checkpoint = self.ground.checkpoint(db, name);
        self.count(|repository| run(push(repository, &checkpoint)))
    }

    /// Pushes four checkpoints. Each has one file more than the one before it, and another `CURRENT`.
    fn four_backups(&self, size: Size) -> Vec<BackupId> {
        let db = size.db();
        let push = |n: u32| {
            let (pushed, _) = self.push(&db, &format!("{n}"));
            db.add(&format!("new{n}"), b"new");
            pushed.backup.id
        };
        (0..4).map(push).collect()
    }
}

#[test]
fn a_push_makes_the_requests_of_the_page() {
    for size in SIZES {
        let fixture = Fixture::new();
        let db = size.db();
        let (long, parts) = (u64::from(size.long > 0), size.chunks(8));
        let (pushed, requests) = fixture.push(&db, "first");
        assert_eq!(pushed.sent_files, size.small + long + 1, "the files and CURRENT");
        let first = [('f', pushed.sent_files), ('l', long), ('p', parts)];
        assert_requests("push, first of a source", &first, requests);
        for name in ["second", "third", "fourth"] {
            db.add(name, b"new");
            let (pushed, requests) = fixture.push(&db, name);
            assert_eq!(pushed.sent_files, 2, "the new file and CURRENT");
            assert_requests("push, later ones", &[('f', 2), ('l', 0), ('p', 0)], requests);
        }
    }
}

#[test]
fn a_restore_makes_the_requests_of_the_page() {
    for size in SIZES {
        let fixture = Fixture::new();
        let [first, ..] = fixture.four_backups(size)[..] else { panic!() };
        let ((), requests) = fixture.count(|repository| {
            let files = run(repository.files(first, &ReadOptions::new())).unwrap();
            let fs: Arc<dyn Fs> = Arc::new(StdFs);
            let _ = files.restore(&fs, &fixture.ground.path("restored"), &Checkpoint::new()).unwrap();
        });
        assert_requests("restore", &[('c', size.small + 1 + size.chunks(4))], requests);
        let catalog = requests.received - (size.small * 1000 + size.long * MIB as u64 + 1);
        assert!(catalog < 32_000, "{catalog} bytes beside the files: no piece is fetched twice");
    }
}

/// Files that were read to their end must not take the room of the pieces that are fetched ahead.
#[test]
fn a_restore_with_little_memory_fetches_each_piece_once() {
    let fixture = Fixture::new();
    let db = Db::new("db", &[]);
    for n in 0..30 {
        db.add(&format!("{n:06}"), &noise(n, 250_000));
    }
    db.add("long", &noise(99, 24 * MIB));
    let (pushed, _) = fixture.push(&db, "checkpoint");
    let ((), requests) = fixture.count(|repository| {
        let little = ReadOptions::new().memory(6 << 20);
        let files = run(repository.files(pushed.backup.id, &little)).unwrap();
        let opened = CheckpointDir::open(Arc::new(files.clone()), files.dir()).unwrap();
        // This target takes one file after the other.
        let _ = restore(&opened, &MemFs::new(), Path::new("/live")).unwrap();
        assert_eq!(files.fetched_bytes(), pushed.sent_bytes);
    });
    assert_requests("restore", &[('c', 24 / 4 + 30 + 1)], requests);
}

#[test]
fn looks_make_the_requests_of_the_page() {
    for size in SIZES {
        let fixture = Fixture::new();
        let backups = fixture.four_backups(size).len() as u64;
        let (_, requests) = fixture.count(|repository| run(repository.list()).unwrap());
        assert_requests("list, status", &[], requests);
        let (_, requests) = fixture.count(|repository| run(repository.status()).unwrap());
        assert_requests("list, status", &[], requests);
        let (report, requests) = fixture.count(|repository| run(repository.check()).unwrap());
        assert!(report.damaged.is_empty());
        assert_requests("check", &[('b', backups), ('o', 2)], requests);
        let options = VerifyOptions::new();
        let (_, requests) = fixture.count(|repository| run(repository.verify(&options)).unwrap());
        // Three new files, and the CURRENT of each backup.
        let chunks = size.small + size.chunks(8) + 3 + backups;
        assert_requests("verify", &[('b', backups), ('o', 2), ('v', chunks)], requests);
    }
}

#[test]
fn forget_and_collect_make_the_requests_of_the_page() {
    for size in SIZES {
        let fixture = Fixture::new();
        let backups = fixture.four_backups(size);
        let collect = |grace| {
            let options = CollectOptions::new().grace(grace);
            fixture.count(|repository| run(repository.collect(&options)).unwrap())
        };
        let (report, requests) = collect(Duration::ZERO);
        assert_eq!(report.deleted_objects, 0);
        assert_requests("collect", &[('b', 4), ('o', 2), ('d', 0)], requests);
        let (_, requests) = fixture.count(|repository| run(repository.forget(&backups[..1])).unwrap());
        assert_requests("forget, undo, fence", &[], requests);
        let (_, requests) = fixture.count(|repository| run(repository.undo(&backups[..1])).unwrap());
        assert_requests("forget, undo, fence", &[], requests);
        let _ = fixture.count(|repository| run(repository.forget(&backups[1..])).unwrap());
        let (report, requests) = collect(Duration::ZERO);
        assert_eq!(report.dropped_backups, 3);
        let left = [('b', 1), ('o', 2), ('d', 2)];
        assert_requests("collect that drops backups", &left, requests);
    }
}

/// The bytes that a push sends beside the files, by the differences of pushes.
#[test]
fn catalogs_and_states_grow_by_the_bytes_of_the_page() {
    let fixture = Fixture::new();
    let db = Db::new("db", &[("1", b"one")]);
    let push = |name: &str| {
        let (pushed, requests) = fixture.push(&db, name);
        requests.sent - pushed.sent_bytes
    };
    let (first, second) = (push("first"), push("second"));
    (0..1000).for_each(|n| db.add(&format!("{n:06}"), b"x"));
    let many = push("many");
    db.add("long00", &noise(1, 48 * MIB));
    let long = push("long");
    let backup = second - first;
    let file = (many - second - backup) / 1000;
    let mib = (long - many - backup - file) / 47;
    assert_bytes([first - backup - file, backup, file, mib]);
}
