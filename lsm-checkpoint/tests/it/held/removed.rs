//! A removal in place checks that its claim is its own.

use std::path::Path;

use lsm_checkpoint::{Error, remove};
use lsm_fs::{Fs, FsExt, Op, SyncMode};
use lsm_fs_mem::MemFs;

use crate::{create::TARGET, remove::with_checkpoint, tweak::Tweak};

const NORMAL: SyncMode = SyncMode::Normal;
const STAGED: &str = "/.checkpoint.checkpoint-staged";

/// A sweeper mistakes the new claim for debris, and holds its lock.
#[test]
fn a_claim_that_a_sweeper_has_locked_is_given_up() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    let raced = Tweak::new(fs.clone()).without_directory_renames();
    let raced = raced.before(Op::TryLockDirectory, STAGED, |fs: &MemFs| {
        Box::leak(Box::new(fs.try_lock_directory(Path::new(STAGED)).unwrap()));
    });
    let removed = remove(&raced, Path::new(TARGET), NORMAL);
    assert!(matches!(removed, Err(Error::InProgress { .. })), "{removed:?}");
    assert!(fs.exists(Path::new("/checkpoint/CHECKPOINT")).unwrap());
}
