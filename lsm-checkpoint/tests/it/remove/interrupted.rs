//! Removals that fail between two steps, and the sweep that finishes them.

use std::path::Path;

use lsm_checkpoint::{Error, Removal, remove, run_checkpoint, sweep};
use lsm_fs::{FsExt, Op, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs};

use super::{NORMAL, STAGED, debris, with_checkpoint};
use crate::{
    create::{TARGET, prepared},
    db::{Db, all_files},
    tweak::Tweak,
};

/// Checks that a sweep removes the rest of a checkpoint, and that the source is intact.
fn sweeps_the_rest(fs: &MemFs, db: &Db) {
    let swept = sweep(fs, Path::new("/"), NORMAL).unwrap();
    assert!(swept.failed.is_empty(), "{swept:?}");
    assert!(!fs.exists(Path::new(TARGET)).unwrap() && debris(fs).is_empty(), "{swept:?}");
    db.check_source(fs).unwrap();
}

/// A crash may bring the name back until the parent is synced, so every file stays until then.
#[test]
fn a_checkpoint_whose_new_name_is_not_durable_keeps_its_files() {
    let fs = MemFs::new();
    let db = with_checkpoint(&fs, &[""]);
    let files = |dir: &str| all_files(&fs, Path::new(dir), Path::new("")).unwrap();
    let before = files(TARGET);
    let faulty = FaultFs::new(fs.clone());
    faulty.inject(Fault::on(Op::SyncDirectory).at("/").nth(1).before(errno::EIO));
    let failed = remove(&faulty, Path::new(TARGET), NORMAL).unwrap_err();
    assert!(matches!(failed, Error::RemovedNotDurable { .. }), "{failed:?}");
    assert_eq!(files(STAGED), before);
    sweeps_the_rest(&fs, &db);
}

/// The catalog goes first, so that its absence tells a sweep that the removal in place had begun. A damaged catalog
/// names no pointers that could tell.
#[test]
fn a_damaged_checkpoint_that_has_lost_its_catalog_is_not_whole() {
    let fs = MemFs::new();
    let mut db = prepared(&fs, &[""]);
    db.extras = false;
    run_checkpoint(&db, &fs, Path::new(TARGET)).unwrap();
    let _ = fs.rewrite_atomic(Path::new("/checkpoint/CHECKPOINT"), b"damaged", NORMAL).unwrap();
    let faulty = FaultFs::new(fs.clone());
    faulty.inject(Fault::on(Op::RemoveDirAll).nth(1).before(errno::EIO));
    let in_place = Tweak::new(faulty).without_directory_renames();
    let failed = Removal::new().force(true).run(&in_place, Path::new(TARGET)).unwrap_err();
    assert!(matches!(failed, Error::LeftBehind { .. }), "{failed:?}");
    assert!(fs.exists(Path::new("/checkpoint/tables/1")).unwrap());
    sweeps_the_rest(&fs, &db);
}
