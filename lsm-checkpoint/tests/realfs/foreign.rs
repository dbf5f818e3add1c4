//! Every operation on filesystems of other systems and of userspace. `cargo xtask realfs --foreign` mounts them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{
    Checkpoint, CheckpointDir, CheckpointState, Error, Method, Policy, VerifyOptions, list, remove, restore,
    sweep, verify,
};
use lsm_fs::{Fs, FsExt, FsFile, FsOpenOptions, Op, StdFs, SyncMode, errno};

use crate::db::{Db, all_files};

const NORMAL: SyncMode = SyncMode::Normal;

fn mounts(variable: &str) -> Vec<PathBuf> {
    let Some(mounts) = std::env::var_os(variable) else {
        panic!("{variable} is not set: run these tests with `cargo xtask realfs --foreign`");
    };
    let mounts: Vec<_> = std::env::split_paths(&mounts).filter(|path| path.is_absolute()).collect();
    assert!(!mounts.is_empty(), "no foreign filesystem could be mounted");
    mounts
}

/// Returns the bytes of every file below a directory, without the catalog.
fn bytes_below(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = all_files(&StdFs, dir, Path::new("")).unwrap().into_iter();
    let files = files.filter(|file| file != Path::new("CHECKPOINT"));
    files.map(|file| (file.clone(), StdFs.read_to_vec(&dir.join(&file), 1 << 20).unwrap())).collect()
}

fn check(dir: &Path, expected: &BTreeMap<PathBuf, Vec<u8>>) {
    let found = bytes_below(dir);
    for (path, bytes) in expected {
        assert_eq!(found.get(path), Some(bytes), "{}", path.display());
    }
    let names = StdFs.read_dir(dir.parent().unwrap()).unwrap();
    assert!(names.iter().all(|entry| !entry.name.as_encoded_bytes().starts_with(b".")), "{names:?}");
}

fn methods(info: &lsm_checkpoint::CheckpointInfo) -> String {
    let used = Method::ALL.into_iter().filter(|method| info.by_method(*method).files > 0);
    used.map(|method| format!("{} {}", info.by_method(method).files, method.name()))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The database lies on the host, or on the mount itself.
#[test]
fn every_operation_works() {
    for mount in mounts("LSM_REALFS_FOREIGN") {
        let (there, host) = (tempfile::tempdir_in(&mount).unwrap(), tempfile::tempdir().unwrap());
        for (from, source) in [("host", host.path()), ("mount", there.path())] {
            let source = source.join("db");
            Db::prepare(&StdFs, &source, &[""]);
            let db = Db::open(Arc::new(StdFs), &source, &[""]);
            let backups = there.path().join(format!("of-{from}"));
            StdFs.create_dir(&backups).unwrap();
            let all = [Policy::PreferLink, Policy::PreferReflink, Policy::Independent];
            let policies = if links_fail(there.path()) { &all[2..] } else { &all };
            for &policy in policies {
                let done = operate(&db, &backups, policy);
                println!("{}, from the {from}, {policy:?}: {done}", mount.display());
            }
        }
    }
}

/// Returns `true` if a link fails as on a broken device. rclone reports links in this way, and no policy that links
/// works there.
fn links_fail(dir: &Path) -> bool {
    let [file, link] = ["file", "link"].map(|name| dir.join(name));
    StdFs.write_new(&file, b"probe", NORMAL).unwrap();
    let linked = StdFs.hard_link(&file, &link);
    for made in [file, link] {
        let _ = StdFs.remove_file(&made);
    }
    linked.is_err_and(|e| e.raw_os_error() == Some(errno::EIO))
}

/// Makes, checks, restores and removes checkpoints. Returns the methods that were used.
fn operate(db: &Db, backups: &Path, policy: Policy) -> String {
    let path = |name: &str| backups.join(name);
    let options = Checkpoint::new().policy(policy);
    let info = options.create(db, &StdFs, &path("first")).unwrap();
    check(&path("first"), &db.expected());
    let base = path("first");
    let based = options.base(&base).verify_base(true);
    let (next, used) = match based.create(db, &StdFs, &path("second")) {
        Ok(info) => (info, "with a base"),
        // rclone reports a link that it cannot make as a failing device, which is no reason to try another method.
        Err(Error::Fs(e)) if (e.op(), e.raw_os_error()) == (Op::HardLink, Some(errno::EIO)) => {
            (options.create(db, &StdFs, &path("second")).unwrap(), "a base is refused with EIO, without it")
        }
        Err(error) => panic!("{error}"),
    };
    check(&path("second"), &db.expected());
    let listed = list(&StdFs, backups).unwrap();
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert!(listed.iter().all(|listed| matches!(listed.state, CheckpointState::Complete)), "{listed:?}");
    let report = verify(&StdFs, &path("second"), &VerifyOptions::full()).unwrap();
    assert!(report.is_sound(), "{report:?}");
    let second = CheckpointDir::open(Arc::new(StdFs), path("second")).unwrap();
    let _ = restore(&second, &StdFs, &path("restored")).unwrap();
    check(&path("restored"), &db.expected());
    StdFs.create_dir(&path("data")).unwrap();
    let _ = options.restore_into(&second, &StdFs, &path("data")).unwrap();
    check(&path("data"), &db.expected());
    let swept = sweep(&StdFs, backups, NORMAL).unwrap();
    assert!(swept.failed.is_empty() && swept.cleared.is_empty(), "{swept:?}");
    for name in ["first", "second"] {
        assert!(remove(&StdFs, &path(name), NORMAL).unwrap().left.is_empty());
        assert!(!StdFs.exists(&path(name)).unwrap());
    }
    for name in ["restored", "data"] {
        StdFs.remove_dir_all(&path(name)).unwrap();
    }
    db.check_source(&StdFs).unwrap();
    format!("{}; {used}, {}", methods(&info), methods(&next))
}

/// The volume is filled to its last block and its last name. `rm -rf` works there, and so does `remove`.
#[test]
fn a_checkpoint_is_removed_from_a_full_volume() {
    for mount in mounts("LSM_REALFS_FOREIGN_SMALL") {
        let (there, host) = (tempfile::tempdir_in(&mount).unwrap(), tempfile::tempdir().unwrap());
        Db::prepare(&StdFs, &host.path().join("db"), &[""]);
        let db = Db::open(Arc::new(StdFs), &host.path().join("db"), &[""]);
        let target = there.path().join("daily");
        Checkpoint::new().policy(Policy::Independent).create(&db, &StdFs, &target).unwrap();
        let (refused, names) = fill(there.path());
        let removed = remove(&StdFs, &target, NORMAL);
        println!("{}, full after {names} names ({refused}): {removed:?}", mount.display());
        assert!(removed.unwrap().left.is_empty());
        assert!(!StdFs.exists(&target).unwrap());
        let left = StdFs.read_dir(there.path()).unwrap();
        assert_eq!(left.len(), names, "something was left");
    }
}

/// Fills a directory's volume. Returns the last refusal and the number of new names.
fn fill(dir: &Path) -> (String, usize) {
    let new = FsOpenOptions::new().write(true).create_new(true);
    let mut names = 0;
    let mut piece = 1 << 20;
    loop {
        let made = StdFs.open(&dir.join(format!("filler-{names}")), &new);
        let Ok(file) = made else { return (made.unwrap_err().to_string(), names) };
        names += 1;
        let mut offset = 0;
        while piece > 0 {
            match file.write_at(&vec![1; piece], offset).and_then(|()| file.sync_data(NORMAL)) {
                Ok(()) => offset += piece as u64,
                Err(_) => piece /= 2,
            }
        }
        if names >= NAMES_MAX {
            return ("names need no blocks here".to_owned(), names);
        }
    }
}

/// Enough empty files to fill the entries of a directory on most filesystems.
const NAMES_MAX: usize = 3_000;
