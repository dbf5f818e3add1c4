//! Removes a checkpoint file by file, by name. This is for checkpoints with entries that stay, and for full volumes.

use std::path::Path;

use lsm_fs::{Fs, SyncMode};

use super::survey::Names;
use crate::{
    CATALOG_FILE,
    target_life::{parents_of, remove_if_empty, unless_gone},
};

/// A removal of these names from a checkpoint. It also removes the directory if nothing else is in it.
///
/// The pointers are removed first, durably, so that the checkpoint cannot be read. The catalog is removed last, so that
/// the directory is still known as a checkpoint after a crash. Repeating the removal finishes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Erasure<'a> {
    pub(super) fs: &'a dyn Fs,
    /// The checkpoint's directory.
    pub(super) dir: &'a Path,
    pub(super) names: &'a Names,
    pub(super) mode: SyncMode,
}

impl Erasure<'_> {
    /// Removes the files that make trees readable, durably.
    ///
    /// # Errors
    ///
    /// The errors of [`Fs`]. Some of the pointers may be gone, but nothing else is.
    pub(super) fn take_pointers(&self) -> lsm_fs::Result<()> {
        let Self { fs, dir, names, mode } = *self;
        for pointer in &names.pointers {
            unless_gone(fs.remove_file(&dir.join(pointer)))?;
        }
        for folder in parents_of(&names.pointers) {
            unless_gone(fs.sync_directory(&dir.join(folder), mode).map(drop))?;
        }
        Ok(())
    }

    /// Removes everything else. The caller has removed the pointers durably. Returns `true` if the checkpoint's
    /// directory is gone, too.
    ///
    /// # Errors
    ///
    /// The errors of [`Fs`].
    pub(super) fn take_rest(&self) -> lsm_fs::Result<bool> {
        let Self { fs, dir, names, mode } = *self;
        for file in names.files.iter().filter(|file| *file != Path::new(CATALOG_FILE)) {
            unless_gone(fs.remove_file(&dir.join(file)))?;
        }
        // A folder follows its parent in this order, so the reverse order removes the folder first.
        for folder in names.folders.iter().rev() {
            let path = dir.join(folder);
            if !remove_if_empty(fs, &path)? {
                let _ = fs.sync_directory(&path, mode)?;
            }
        }
        let _ = fs.sync_directory(dir, mode)?;
        unless_gone(fs.remove_file(&dir.join(CATALOG_FILE)))?;
        let is_gone = remove_if_empty(fs, dir)?;
        let _ = fs.sync_directory(if is_gone { lsm_fs::parent_of(dir) } else { dir }, mode)?;
        Ok(is_gone)
    }
}
