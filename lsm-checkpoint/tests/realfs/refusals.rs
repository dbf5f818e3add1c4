//! A refusal by a mount leads to the next method, or ends the checkpoint and leaves nothing.

use std::{path::Path, process::Command, sync::Arc};

use lsm_checkpoint::{Change, Checkpoint, CheckpointInfo, Error, Method, Policy};
use lsm_fs::{DirPair, Fs, FsExt, NamePair, Op, StdFs, batch::hard_link_batch, errno};

use crate::{
    db::Db,
    mounts::{BTRFS, EXT4, EXT4_B, READ_ONLY, TMPFS, XFS, root, scratch},
    stressed::names,
};

/// Creates a database in a new directory of the mount: two tables, a blob, and a log that is always copied.
fn db(variable: &str) -> (tempfile::TempDir, Db) {
    let dir = scratch(variable);
    let source = dir.path().join("db");
    Db::prepare(&StdFs, &source, &[""]);
    (dir, Db::open(Arc::new(StdFs), &source, &[""]))
}

fn create(policy: Policy, db: &Db, target: &Path) -> Result<CheckpointInfo, Error> {
    Checkpoint::new().policy(policy).create(db, &StdFs, target)
}

/// Creates a checkpoint and verifies it. Returns the number of linked, cloned and copied files.
fn methods(policy: Policy, db: &Db, target: &Path) -> [u64; 3] {
    let info = create(policy, db, target).unwrap();
    assert!(db.check_target(&StdFs, target).unwrap());
    db.check_source(&StdFs).unwrap();
    [Method::HardLink, Method::Reflink, Method::Copy].map(|method| info.by_method(method).files)
}

/// Checks that a checkpoint by links only fails with this errno.
fn link_refused(db: &Db, target: &Path, code: i32) {
    match create(Policy::LinkOnly, db, target) {
        Err(Error::LinkRefused { source: Some(refusal), .. }) => {
            assert_eq!((refusal.op(), refusal.raw_os_error()), (Op::HardLink, Some(code)), "{refusal}");
        }
        other => panic!("{other:?}"),
    }
    assert!(!StdFs.exists(target).unwrap());
    db.check_source(&StdFs).unwrap();
}

#[test]
fn another_mount_takes_copies_and_no_links() {
    for (from, to) in [(EXT4, EXT4_B), (XFS, BTRFS), (BTRFS, TMPFS), (TMPFS, EXT4)] {
        let ((_dir, db), there) = (db(from), scratch(to));
        link_refused(&db, &there.path().join("linked"), errno::EXDEV);
        assert!(names(there.path()).is_empty(), "{from} to {to}");
        for policy in [Policy::PreferLink, Policy::PreferReflink, Policy::Independent] {
            let target = there.path().join(format!("{policy:?}"));
            assert_eq!(methods(policy, &db, &target), [0, 0, 4], "{from} to {to}, {policy:?}");
        }
    }
}

#[test]
fn an_inode_with_65_000_names_is_copied_and_the_others_are_linked() {
    let (dir, db) = db(EXT4);
    let full = dir.path().join("names");
    StdFs.create_dir(&full).unwrap();
    let numbers: Vec<_> = (0..64_999).map(|n| n.to_string()).collect();
    let pairs: Vec<_> = numbers.iter().map(|name| NamePair::new("1", name)).collect();
    hard_link_batch(
        &StdFs,
        DirPair { from: &dir.path().join("db/tables"), to: &full },
        &pairs,
        &mut |_, linked| {
            linked.unwrap();
            std::ops::ControlFlow::Continue(())
        },
    );
    link_refused(&db, &dir.path().join("linked"), errno::EMLINK);
    assert_eq!(methods(Policy::PreferLink, &db, &dir.path().join("checkpoint")), [2, 0, 2]);
    assert_eq!(names(dir.path()), ["checkpoint", "db", "names"]);
}

/// Sets an attribute of a file until it is dropped, so that the directory of the test can be removed.
struct Immutable<'a>(&'a Path);

impl<'a> Immutable<'a> {
    fn new(path: &'a Path) -> Option<Self> {
        let set = Command::new("chattr").arg("+i").arg(path).status();
        set.is_ok_and(|status| status.success()).then_some(Self(path))
    }
}

impl Drop for Immutable<'_> {
    fn drop(&mut self) {
        let _ = Command::new("chattr").arg("-i").arg(self.0).status();
    }
}

#[test]
fn an_immutable_file_is_not_linked_and_the_others_are() {
    for (variable, expected) in [(EXT4, [2, 0, 2]), (XFS, [2, 1, 1]), (BTRFS, [2, 1, 1])] {
        let (dir, db) = db(variable);
        let table = dir.path().join("db/tables/2");
        let Some(_immutable) = Immutable::new(&table) else {
            println!("{variable}: skipped, chattr cannot make a file immutable here");
            continue;
        };
        link_refused(&db, &dir.path().join("linked"), errno::EPERM);
        assert_eq!(methods(Policy::PreferLink, &db, &dir.path().join("checkpoint")), expected, "{variable}");
    }
}

#[test]
fn a_mount_without_clones_links_or_copies() {
    for variable in [EXT4, TMPFS] {
        let (dir, db) = db(variable);
        let target = |name: &str| dir.path().join(name);
        let refused = StdFs.reflink_file(&dir.path().join("db/tables/1"), &target("clone")).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(errno::EOPNOTSUPP), "{variable}: {refused}");
        assert_eq!(methods(Policy::Independent, &db, &target("a")), [0, 0, 4], "{variable}");
        assert_eq!(methods(Policy::PreferReflink, &db, &target("b")), [3, 0, 1], "{variable}");
    }
    for variable in [XFS, BTRFS] {
        let (dir, db) = db(variable);
        assert_eq!(methods(Policy::Independent, &db, &dir.path().join("a")), [0, 3, 1], "{variable}");
    }
}

#[test]
fn a_read_only_mount_is_refused_at_once() {
    let (_dir, db) = db(EXT4);
    let there = root(READ_ONLY).join("dir");
    for policy in [Policy::LinkOnly, Policy::Independent] {
        let Err(Error::Fs(error)) = create(policy, &db, &there.join("checkpoint")) else { panic!("written") };
        assert_eq!((error.op(), error.raw_os_error()), (Op::CreateDir, Some(errno::EROFS)), "{error}");
    }
    assert_eq!(names(&there), ["file"]);
    db.check_source(&StdFs).unwrap();
    assert!(!db.pause.is_paused());
}

#[test]
fn a_vanished_source_file_is_reported_and_nothing_is_left() {
    for to in [EXT4, EXT4_B] {
        for policy in [Policy::PreferLink, Policy::Independent] {
            let ((dir, mut db), there) = (db(EXT4), scratch(to));
            let gone = dir.path().join("db/tables/2");
            let path = gone.clone();
            db.on_capture = Box::new(move |_| StdFs.remove_file(&path).unwrap());
            match create(policy, &db, &there.path().join("checkpoint")) {
                Err(Error::SourceChanged { path, what: Change::Gone }) => assert_eq!(path, gone),
                other => panic!("{to}, {policy:?}: {other:?}"),
            }
            assert!(names(there.path()).is_empty());
            assert!(!db.pause.is_paused());
        }
    }
}

#[test]
fn a_target_inside_the_source_is_refused_however_it_is_spelled() {
    for variable in [EXT4, XFS, BTRFS, TMPFS] {
        let (dir, db) = db(variable);
        let (at, elsewhere) = (dir.path(), scratch(TMPFS));
        let link = elsewhere.path().join("link");
        std::os::unix::fs::symlink(at.join("db/tables"), &link).unwrap();
        let inside = [
            at.join("db/checkpoint"),
            at.join("db/tables/checkpoint"),
            at.join("./db/../db/checkpoint"),
            link.join("checkpoint"),
            // By its spelling, this path lies next to the link.
            link.join("../checkpoint"),
        ];
        for target in inside {
            let refused = create(Policy::PreferLink, &db, &target);
            assert!(matches!(refused, Err(Error::NestedTarget { .. })), "{}: {refused:?}", target.display());
        }
        assert_eq!(names(&at.join("db")), ["blobs", "log", "tables"], "{variable}");
        // The path passes through the source but lies next to it.
        let beside = elsewhere.path().join("beside");
        std::os::unix::fs::symlink(at, &beside).unwrap();
        assert_eq!(methods(Policy::PreferLink, &db, &beside.join("db/../checkpoint")), [3, 0, 1]);
        assert_eq!(names(at), ["checkpoint", "db"]);
    }
}
