//! The report of a sweep states exactly its effects.

use std::path::Path;

use lsm_checkpoint::sweep;
use lsm_fs::{Fs, FsExt, Op, SyncMode};
use lsm_fs_mem::MemFs;

use crate::tweak::Tweak;

const NORMAL: SyncMode = SyncMode::Normal;
const STAGED: &str = "/.checkpoint.checkpoint-staged";

/// A file with the name of a staged directory is not debris, and skipping it is not a failure.
#[test]
fn a_file_with_the_name_of_a_staged_directory_is_skipped() {
    let fs = MemFs::new();
    fs.write_new(Path::new(STAGED), b"not a directory", NORMAL).unwrap();
    let report = sweep(&fs, Path::new("/"), NORMAL).unwrap();
    assert!(
        report.cleared.is_empty() && report.in_progress.is_empty() && report.failed.is_empty(),
        "{report:?}"
    );
    assert!(fs.exists(Path::new(STAGED)).unwrap());
}

/// Another sweeper clears the debris between the listing of the directory and the lock.
#[test]
fn debris_that_another_sweeper_has_cleared_is_not_reported() {
    let fs = MemFs::new();
    fs.create_dir(Path::new(STAGED)).unwrap();
    let raced = Tweak::new(fs.clone()).before(Op::TryLockDirectory, STAGED, |fs: &MemFs| {
        fs.remove_dir(Path::new(STAGED)).unwrap();
    });
    let report = sweep(&raced, Path::new("/"), NORMAL).unwrap();
    assert!(
        report.cleared.is_empty() && report.in_progress.is_empty() && report.failed.is_empty(),
        "{report:?}"
    );
}
