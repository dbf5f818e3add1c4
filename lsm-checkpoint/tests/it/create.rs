//! Undisturbed checkpoints, and refused requests.

mod control;
mod creators;
mod refusals;
mod trace;

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{Catalog, Checkpoint, Method, Policy, run_checkpoint};
use lsm_fs::{DirectorySync, Fs, StdFs};
use lsm_fs_mem::{DurabilityAudit, MemFs, MemFsOptions, VolumeOptions};

use crate::db::{Db, SEQNO, VERSION};

pub(crate) const DIR: &str = "/db";
pub(crate) const TARGET: &str = "/checkpoint";

/// Creates a database in memory.
pub(crate) fn mem_db(trees: &[&'static str]) -> (MemFs, Db) {
    let fs = MemFs::new();
    let db = prepared(&fs, trees);
    (fs, db)
}

pub(crate) fn prepared(fs: &MemFs, trees: &[&'static str]) -> Db {
    Db::prepare(fs, Path::new(DIR), trees);
    fs.settle();
    Db::open(Arc::new(fs.clone()), Path::new(DIR), trees)
}

/// Creates a database at `/db` and another volume at `/backup`.
pub(crate) fn two_volumes(options: VolumeOptions) -> (MemFs, Db) {
    let fs = MemFsOptions::new().volume("/backup", options).build().unwrap();
    let db = prepared(&fs, &[""]);
    (fs, db)
}

#[test]
fn a_linked_checkpoint_is_complete_and_described() {
    let (fs, db) = mem_db(&[""]);
    let info = run_checkpoint(&db, &fs, Path::new(TARGET)).unwrap();
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
    db.check_source(&fs).unwrap();
    assert_eq!((info.sst_files, info.blob_files, info.other_files), (2, 1, 5));
    assert_eq!((info.version_id, info.seqno), (VERSION, Some(SEQNO)));
    assert_eq!(info.durability, DirectorySync::Durable);
    assert_eq!(info.trees, [(String::new(), VERSION)]);
    let linked = info.by_method(Method::HardLink);
    assert_eq!((linked.files, linked.bytes), (3, 1640));
    assert_eq!(info.by_method(Method::Copy).files, 1, "the log");
    assert_eq!(info.by_method(Method::Written).files, 4, "options, edits, manifest, CURRENT");
    let all: u64 = Method::ALL.map(|method| info.by_method(method).bytes).iter().sum();
    assert_eq!(info.total_bytes, all);
    assert_eq!(info.pause.unwrap().deferred_files, 0);
    assert!(!db.pause.is_paused());
    let catalog = Catalog::read(&fs, Path::new(TARGET)).unwrap();
    assert_eq!((catalog.identity.as_str(), catalog.total_bytes()), ("a test", info.total_bytes));
    assert_eq!(catalog.files.last().unwrap().name, "current", "what makes it readable comes last");
    assert_eq!(fs.read_dir(Path::new("/")).unwrap().len(), 2, "nothing else is left");
}

#[test]
fn checkpoints_work_on_the_host() {
    let dir = tempfile::tempdir().unwrap();
    let (source, target) = (dir.path().join("db"), dir.path().join("checkpoint"));
    Db::prepare(&StdFs, &source, &["a", "b"]);
    let db = Db::open(Arc::new(StdFs), &source, &["a", "b"]);
    for policy in [Policy::LinkOnly, Policy::PreferLink, Policy::PreferReflink, Policy::Independent] {
        Checkpoint::new().policy(policy).create(&db, &StdFs, &target).unwrap();
        assert!(db.check_target(&StdFs, &target).unwrap());
        StdFs.remove_dir_all(&target).unwrap();
    }
    db.check_source(&StdFs).unwrap();
    assert_eq!(StdFs.read_dir(dir.path()).unwrap().len(), 1);
}

#[test]
fn several_trees_are_one_checkpoint() {
    let (fs, db) = mem_db(&["users", "orders"]);
    let info = run_checkpoint(&db, &fs, Path::new(TARGET)).unwrap();
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
    assert_eq!((info.sst_files, info.blob_files), (4, 2));
    assert_eq!(info.trees, [("users".to_owned(), VERSION), ("orders".to_owned(), VERSION)]);
}

#[test]
fn another_backend_gets_copies() {
    let (_, db) = mem_db(&[""]);
    let elsewhere = MemFs::new();
    let info = run_checkpoint(&db, &elsewhere, Path::new(TARGET)).unwrap();
    assert!(db.check_target(&elsewhere, Path::new(TARGET)).unwrap());
    assert_eq!(info.by_method(Method::Copy).files, 4);
}

#[test]
fn nothing_is_published_before_it_is_durable() {
    let (fs, _) = mem_db(&["a", "b"]);
    for policy in [Policy::PreferLink, Policy::PreferReflink, Policy::Independent] {
        let audit = DurabilityAudit::new(fs.fork(), "/");
        audit.published_directory(TARGET);
        let audited = Arc::new(audit);
        let db = Db::open(audited.clone(), Path::new(DIR), &["a", "b"]);
        Checkpoint::new().policy(policy).create(&db, &audited, Path::new(TARGET)).unwrap();
        audited.assert_durable(Path::new(TARGET));
        assert!(audited.violations().is_empty());
    }
}

#[test]
fn equal_calls_make_equal_traces() {
    let run = || {
        let (fs, db) = mem_db(&["a", "b"]);
        let traced = lsm_fs_mem::TraceFs::new(fs);
        run_checkpoint(&db, &traced, Path::new(TARGET)).unwrap();
        traced.take()
    };
    assert_eq!(run(), run());
}
