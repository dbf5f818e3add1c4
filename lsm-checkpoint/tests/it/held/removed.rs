//! A removal looks once more behind its locks.

use std::path::Path;

use lsm_checkpoint::{Error, remove};
use lsm_fs::{Fs, FsExt, Op, SyncMode};
use lsm_fs_mem::MemFs;

use crate::{create::TARGET, remove::with_checkpoint, tweak::Tweak};

const NORMAL: SyncMode = SyncMode::Normal;
const STAGED: &str = "/.checkpoint.checkpoint-staged";

fn prepared() -> MemFs {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    fs
}

/// The checkpoint goes and a directory of somebody else's comes in its place, before it is locked.
#[test]
fn a_directory_that_lost_its_catalog_before_the_lock_stays() {
    let fs = prepared();
    let raced = Tweak::new(fs.clone()).before(Op::LockDirectory, TARGET, |fs: &MemFs| {
        fs.remove_file(Path::new("/checkpoint/CHECKPOINT")).unwrap();
    });
    let removed = remove(&raced, Path::new(TARGET), NORMAL);
    assert!(matches!(removed, Err(Error::NotACheckpoint { .. })), "{removed:?}");
    assert!(fs.exists(Path::new("/checkpoint/tables/1")).unwrap());
}

/// A sweeper takes the new claim for debris, and holds it.
#[test]
fn a_claim_that_a_sweeper_holds_is_no_claim() {
    let fs = prepared();
    let raced = Tweak::new(fs.clone()).without_directory_renames();
    let raced = raced.before(Op::LockDirectory, STAGED, |fs: &MemFs| {
        Box::leak(Box::new(fs.try_lock_directory(Path::new(STAGED)).unwrap()));
    });
    let removed = remove(&raced, Path::new(TARGET), NORMAL);
    assert!(matches!(removed, Err(Error::InProgress { .. })), "{removed:?}");
    assert!(fs.exists(Path::new("/checkpoint/CHECKPOINT")).unwrap());
}
