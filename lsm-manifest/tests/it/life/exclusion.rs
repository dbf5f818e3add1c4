//! Two processes that open one directory.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use lsm_fs::{Fs, Op, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs};
use lsm_manifest::{Error, ManifestDirectory, Result, WriteOptions};

use super::{life_cycle, open, options, places, run, shared};

/// The first process. A complete run of the second process happens before the first looks at a path for the k-th time.
fn race(fs: &MemFs, dir: &'static str, k: u64) -> (Result<Vec<u8>>, Option<Result<Vec<u8>>>) {
    let second = Arc::new(Mutex::new(None));
    let interrupted = FaultFs::new(fs.clone());
    let (outcome, other, looks) = (Arc::clone(&second), fs.clone(), AtomicU64::new(0));
    let interrupt = move |_: &Path| {
        if looks.fetch_add(1, Ordering::Relaxed) + 1 == k {
            *outcome.lock().unwrap() = Some(run(&other, dir, 2));
        }
        false
    };
    interrupted.inject(Fault::on_any().where_path(interrupt).every(1));
    let first = life_cycle::run(&shared(interrupted), Path::new(dir), 1);
    let second = second.lock().unwrap().take();
    (first, second)
}

#[test]
fn one_of_two_concurrent_starts_is_refused() {
    for place in places() {
        let (mut told, mut both) = (0, 0);
        for k in 1.. {
            let fs = place.fs.fork();
            let (first, second) = race(&fs, place.dir, k);
            let Some(second) = second else {
                assert!(k > 20, "{}: {k}", place.name);
                break;
            };
            let first = first.unwrap_or_else(|error| panic!("{}, {k}: {error}", place.name));
            match second {
                Err(Error::InUse { .. }) => told += 1,
                Ok(second) => {
                    assert_eq!((&first[..], &second[..]), (&[2, 1][..], &[2][..]), "{}, {k}", place.name);
                    both += 1;
                }
                Err(error) => panic!("{}, {k}: {error}", place.name),
            }
            assert!(run(&fs, place.dir, 9).unwrap().starts_with(&first), "{}, {k}", place.name);
        }
        println!("{}: told {told} times, one after the other {both} times", place.name);
        assert!(told > 20 && both > 0, "{}: {told}, {both}", place.name);
    }
}

#[test]
fn a_directory_is_in_use_until_it_is_dropped() {
    let fs = MemFs::new();
    let (directory, _) = open(&fs, "/db").unwrap();
    let refused = open(&fs, "/db").map(drop).unwrap_err();
    assert_eq!(refused.to_string(), "/db: in use by another process, which holds its owner lock");
    drop(directory);
    open(&fs, "/db").map(drop).unwrap();
}

#[test]
fn a_caller_may_hold_the_lock_itself() {
    let fs = MemFs::new();
    fs.create_dir(Path::new("/db")).unwrap();
    let _lock = fs.try_lock_directory(Path::new("/db")).unwrap().unwrap();
    assert!(matches!(open(&fs, "/db").map(drop), Err(Error::InUse { .. })));
    let options = options().locked_by_caller();
    let (directory, _) = ManifestDirectory::open(&shared(fs.clone()), Path::new("/db"), &options).unwrap();
    let archive = directory.next_version(WriteOptions::new()).unwrap().finish().unwrap();
    let _ = directory.publish(&archive).unwrap();
}

/// If directories cannot be locked, the caller must keep other writers out.
#[test]
fn without_locks_a_directory_opens_but_a_failed_lock_is_an_error() {
    for (code, opens) in [(errno::EOPNOTSUPP, true), (errno::EIO, false)] {
        let fs = FaultFs::new(MemFs::new());
        fs.inject(Fault::on(Op::TryLockDirectory).from_nth(1).before(code));
        let opened = ManifestDirectory::open(&shared(fs), Path::new("/db"), &options()).map(drop);
        assert_eq!(opened.is_ok(), opens, "{opened:?}");
    }
}
