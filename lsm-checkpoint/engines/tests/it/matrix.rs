//! The matrix of options: compares our checkpoint of a tree with the engine's own, section by section and key by key.
//!
//! A row is a set of options that change files or manifests: none, each one, each pair, and all. For each row, both
//! checkpoints hold the same files and the same manifest, the engine opens both, and every key is read. Ours is also
//! verified in full, restored, and followed by an increment. fjall's engine has no checkpoints, so its manifest is
//! compared with the one that the engine has written for the same version.

mod coordinode;
mod fjall;
mod rows;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{CheckpointDir, VerifyOptions, restore, verify};
use lsm_fs::StdFs;

/// Makes a directory in memory if the host has such a mount, otherwise an ordinary temporary one.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Returns the files and folders of a checkpoint, without the catalog and without the locks of open trees.
fn names(dir: &Path) -> BTreeSet<PathBuf> {
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
fn verified_and_restored(checkpoint: &Path, to: &Path) {
    let report = verify(&StdFs, checkpoint, &VerifyOptions::full()).unwrap();
    assert!(report.is_sound() && report.notes.is_empty(), "{report}");
    restore(&CheckpointDir::open(Arc::new(StdFs), checkpoint).unwrap(), &StdFs, to).unwrap();
}
