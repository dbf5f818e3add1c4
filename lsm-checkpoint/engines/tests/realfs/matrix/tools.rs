//! The places of the trees, and the comparison of directories.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{CheckpointDir, VerifyOptions, restore, verify};
use lsm_fs::StdFs;

/// Makes a directory in memory if the host has such a mount, otherwise an ordinary temporary one.
pub(super) fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Returns the files and folders of a checkpoint, without the catalog and without the locks of open trees.
pub(super) fn names(dir: &Path) -> BTreeSet<PathBuf> {
    let mut names = BTreeSet::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            names.insert(path.strip_prefix(dir).unwrap().to_path_buf());
        }
    }
    names.retain(|name| !name.ends_with("CHECKPOINT") && !name.ends_with("LOCK"));
    names
}

/// Verifies every byte of a checkpoint, and restores it.
pub(super) fn verified_and_restored(checkpoint: &Path, to: &Path) {
    let report = verify(&StdFs, checkpoint, &VerifyOptions::full()).unwrap();
    assert!(report.is_sound() && report.notes.is_empty(), "{report}");
    restore(&CheckpointDir::open(Arc::new(StdFs), checkpoint).unwrap(), &StdFs, to).unwrap();
}
