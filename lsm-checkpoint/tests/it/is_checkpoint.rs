//! The check of an engine before it opens a directory.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{CheckpointDir, Error, is_checkpoint, restore, run_checkpoint};
use lsm_fs::{Fs, FsExt, Op, SyncMode};
use lsm_fs_mem::{Fault, FaultFs};

use crate::create::{DIR, TARGET, mem_db};

#[test]
fn only_a_checkpoint_is_recognised_as_one() {
    let (fs, db) = mem_db(&[""]);
    let (target, copy) = (Path::new(TARGET), Path::new("/copy"));
    run_checkpoint(&db, &fs, target).unwrap();
    restore(&CheckpointDir::open(Arc::new(fs.clone()), target).unwrap(), &fs, copy).unwrap();
    assert!(is_checkpoint(&fs, target).unwrap());
    for live in [Path::new(DIR), copy, Path::new("/not/there")] {
        assert!(!is_checkpoint(&fs, live).unwrap(), "{}", live.display());
    }
}

/// An operator should inspect such a directory before an engine writes to it.
#[test]
fn a_damaged_checkpoint_is_recognised_as_one() {
    let (fs, db) = mem_db(&[""]);
    let target = Path::new(TARGET);
    run_checkpoint(&db, &fs, target).unwrap();
    let catalog = target.join("CHECKPOINT");
    fs.remove_file(&catalog).unwrap();
    assert!(!is_checkpoint(&fs, target).unwrap());
    fs.write_new(&catalog, b"", SyncMode::Normal).unwrap();
    assert!(is_checkpoint(&fs, target).unwrap());
    fs.remove_file(&catalog).unwrap();
    fs.make_symlink("nowhere", &catalog).unwrap();
    assert!(is_checkpoint(&fs, target).unwrap());
}

#[test]
fn a_failed_lookup_is_an_error() {
    let (fs, _) = mem_db(&[""]);
    let faulty = FaultFs::new(fs);
    faulty.inject(Fault::on(Op::SymlinkMetadata));
    assert!(matches!(is_checkpoint(&faulty, Path::new(DIR)), Err(Error::Fs(_))));
}
