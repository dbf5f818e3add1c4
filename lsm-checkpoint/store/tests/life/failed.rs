//! Restores that fail: their errors, and the debris that they leave for the next call.

use std::{
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use lsm_checkpoint::{Checkpoint, CheckpointInfo};
use lsm_checkpoint_store::{BackupId, Defect, Error, Location, ReadOptions, Repository, RepositoryFs};
use lsm_fs::{Fs, FsExt, FsOpenOptions, StdFs, SyncMode};
use lsm_fs_mem::{MemFs, MemFsOptions, VolumeOptions};
use object_store::memory::InMemory;

use crate::{
    ground::{Db, Ground, noise, objects, options, push, run},
    hooked::{Hooked, Seen, denied},
};

const MIB: usize = 1 << 20;
const FILES: usize = 6;

/// A backup of six files of 1 MiB, in a store whose files can be made to fail.
struct Failing {
    ground: Ground,
    checkpoint: PathBuf,
    repository: Repository,
    backup: BackupId,
    fails: Arc<AtomicBool>,
}

impl Failing {
    fn new(failure: fn(&object_store::path::Path) -> object_store::Error) -> Self {
        let ground = Ground::new();
        let db = Db::new("db", &[]);
        for number in 0..FILES {
            db.add(&number.to_string(), &noise(number as u64, MIB));
        }
        let checkpoint = ground.checkpoint(&db, "checkpoint");
        let (store, fails) = (Arc::new(InMemory::new()), Arc::new(AtomicBool::new(false)));
        let is_failing = Arc::clone(&fails);
        let place = Hooked::place(&store, move |seen, path| {
            let fails = seen == Seen::BeforeGet && path.as_ref().starts_with("data/");
            if fails && is_failing.load(Ordering::Relaxed) { Err(failure(path)) } else { Ok(()) }
        });
        let repository = run(Repository::init(place, options())).unwrap();
        let backup = run(push(&repository, &checkpoint)).backup.id;
        Self { ground, checkpoint, repository, backup, fails }
    }

    fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
    }

    fn files(&self) -> RepositoryFs {
        run(self.repository.files(self.backup, &ReadOptions::new())).unwrap()
    }

    /// Leaves the first files of the checkpoint as a dead restore would.
    fn leave(&self, fs: &dyn Fs, staged: &Path, files: std::ops::Range<usize>) {
        fs.create_dir_all(&staged.join("tables")).unwrap();
        for number in files {
            let inside = format!("tables/{number}");
            let bytes = std::fs::read(self.checkpoint.join(&inside)).unwrap();
            fs.write_new(&staged.join(inside), &bytes, SyncMode::Normal).unwrap();
        }
    }
}

fn unreachable(_: &object_store::path::Path) -> object_store::Error {
    object_store::Error::Generic { store: "test", source: "503 Service Unavailable".into() }
}

fn restore(files: &RepositoryFs, fs: &Arc<dyn Fs>, target: &Path) -> Result<CheckpointInfo, Error> {
    files.restore(fs, target, &Checkpoint::new())
}

fn names(fs: &dyn Fs, dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs.read_dir(dir).unwrap().into_iter().map(|entry| entry.name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_failed_restore_leaves_the_debris_of_a_killed_one_to_the_next() {
    let failing = Failing::new(unreachable);
    let fs: Arc<dyn Fs> = Arc::new(StdFs);
    let (parent, target) = (failing.ground.path("data"), failing.ground.path("data/db"));
    failing.leave(&*fs, &parent.join(".db.checkpoint-staged"), 0..4);
    failing.fail(true);
    for _ in 0..2 {
        let error = restore(&failing.files(), &fs, &target).unwrap_err();
        assert!(matches!(error, Error::Store { .. }), "{error}");
        assert_eq!(names(&*fs, &parent), [".db.killed.checkpoint-staged"]);
    }
    let cancelling = |_: &_| ControlFlow::Break(());
    let error = failing.files().restore(&fs, &target, &Checkpoint::new().progress(&cancelling)).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
    assert_eq!(names(&*fs, &parent), [".db.killed.checkpoint-staged"]);
    failing.fail(false);
    let files = failing.files();
    let _ = restore(&files, &fs, &target).unwrap();
    assert!(files.fetched_bytes() < (3 * MIB) as u64, "{} bytes fetched", files.fetched_bytes());
    assert_eq!(names(&*fs, &parent), ["db"]);
}

#[test]
fn the_debris_of_two_killed_restores_is_used() {
    let failing = Failing::new(unreachable);
    let fs: Arc<dyn Fs> = Arc::new(StdFs);
    let (parent, target) = (failing.ground.path("data"), failing.ground.path("data/db"));
    failing.leave(&*fs, &parent.join(".db.killed.checkpoint-staged"), 0..3);
    failing.leave(&*fs, &parent.join(".db.checkpoint-staged"), 2..6);
    // The later restore has this file in part.
    let part = parent.join(".db.checkpoint-staged/tables/2");
    std::fs::write(&part, &std::fs::read(&part).unwrap()[..100]).unwrap();
    let files = failing.files();
    let _ = restore(&files, &fs, &target).unwrap();
    assert!(files.fetched_bytes() < 10, "{} bytes fetched", files.fetched_bytes());
    assert_eq!(names(&*fs, &parent), ["db"]);
}

/// Makes a volume of this size with a file of that size on it.
fn volume(capacity: usize, ballast: usize) -> (MemFs, Arc<dyn Fs>) {
    let fs = MemFsOptions::new().root(VolumeOptions::new().capacity_bytes(capacity as u64)).build().unwrap();
    fs.write_new(Path::new("/ballast"), &vec![0; ballast], SyncMode::Normal).unwrap();
    (fs.clone(), Arc::new(fs))
}

#[test]
fn debris_makes_room_for_its_own_copy() {
    let failing = Failing::new(unreachable);
    let (mem, fs) = volume(9 * MIB, 0);
    failing.leave(&mem, Path::new("/.db.checkpoint-staged"), 0..4);
    let files = failing.files();
    let _ = restore(&files, &fs, Path::new("/db")).unwrap();
    assert!(files.fetched_bytes() < (3 * MIB) as u64, "{} bytes fetched", files.fetched_bytes());
    for number in 0..FILES {
        let inside = format!("tables/{number}");
        let expected = std::fs::read(failing.checkpoint.join(&inside)).unwrap();
        assert!(mem.read_to_vec(&Path::new("/db").join(inside), 2 << 20).unwrap() == expected, "{number}");
    }
    assert_eq!(names(&mem, Path::new("/")), ["ballast", "db"]);
}

#[test]
fn debris_stays_until_there_is_enough_room() {
    let failing = Failing::new(unreachable);
    let (mem, fs) = volume(10 * MIB, 6 * MIB);
    failing.leave(&mem, Path::new("/.db.checkpoint-staged"), 0..2);
    let error = restore(&failing.files(), &fs, Path::new("/db")).unwrap_err();
    let is_full = matches!(error, Error::Checkpoint(lsm_checkpoint::Error::NoSpace { .. }));
    assert!(is_full, "{error}");
    assert_eq!(names(&mem, Path::new("/")), [".db.killed.checkpoint-staged", "ballast"]);
    mem.remove_file(Path::new("/ballast")).unwrap();
    let files = failing.files();
    let _ = restore(&files, &fs, Path::new("/db")).unwrap();
    assert!(files.fetched_bytes() < (5 * MIB) as u64, "{} bytes fetched", files.fetched_bytes());
    assert_eq!(names(&mem, Path::new("/")), ["db"]);
}

/// Returns the errors of both kinds of restore, and the kind of the error of a read.
fn failures(failing: &Failing) -> ([Error; 2], io::ErrorKind) {
    let fs: Arc<dyn Fs> = Arc::new(StdFs);
    let files = failing.files();
    let new = restore(&files, &fs, &failing.ground.path("new")).unwrap_err();
    let empty = failing.ground.path("empty");
    std::fs::create_dir_all(&empty).unwrap();
    let into = files.restore_into(&*fs, &empty, &Checkpoint::new()).unwrap_err();
    let mut file = files.open(&files.dir().join("tables/0"), &FsOpenOptions::new().read(true)).unwrap();
    let read = io::Read::read(&mut file, &mut [0; 10]).unwrap_err();
    ([new, into], read.kind())
}

#[test]
fn a_failed_request_is_the_error_of_the_restore() {
    let failing = Failing::new(denied);
    failing.fail(true);
    let (errors, kind) = failures(&failing);
    assert!(matches!(errors, [Error::Denied { .. }, Error::Denied { .. }]), "{errors:?}");
    assert_eq!(kind, io::ErrorKind::PermissionDenied);

    let failing = Failing::new(unreachable);
    failing.fail(true);
    let (errors, kind) = failures(&failing);
    assert!(matches!(errors, [Error::Store { .. }, Error::Store { .. }]), "{errors:?}");
    assert!(errors.iter().all(|error| error.to_string().contains("503")), "{errors:?}");
    assert_eq!(kind, io::ErrorKind::TimedOut);
}

#[test]
fn a_damaged_object_is_the_error_of_the_restore() {
    let mut failing = Failing::new(unreachable);
    let place = Location::local(failing.ground.path("repository")).unwrap();
    failing.repository = run(Repository::init(place, options())).unwrap();
    run(push(&failing.repository, &failing.checkpoint));
    for victim in objects(&failing.ground.path("repository"), "data") {
        let mut bytes = std::fs::read(&victim).unwrap();
        bytes[0] ^= 1;
        std::fs::write(&victim, bytes).unwrap();
    }
    let (errors, kind) = failures(&failing);
    let is_damage = |error: &Error| matches!(error, Error::Corrupt { what: Defect::Digest, .. });
    assert!(errors.iter().all(is_damage), "{errors:?}");
    assert_eq!(kind, io::ErrorKind::InvalidData);
}
