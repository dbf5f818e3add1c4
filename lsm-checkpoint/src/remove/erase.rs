//! Removal file by file, by name, where something in the checkpoint has to stay.

use std::{io, path::Path};

use lsm_fs::{Fs, SyncMode};

use super::survey::Names;
use crate::{
    CATALOG_FILE,
    target_life::{parents_of, unless_gone},
};

/// Removes these names from a checkpoint, and its directory if nothing else is in it.
///
/// The pointers go first, durably, so that the checkpoint cannot be read; the catalog goes last, so that a removal that
/// a crash has cut is still known as one. Repeating the call finishes it.
///
/// # Errors
///
/// The errors of [`Fs`]. If the checkpoint has lost other files by then, it has lost its pointers durably.
pub(super) fn erase(fs: &dyn Fs, dir: &Path, names: &Names, mode: SyncMode) -> lsm_fs::Result<()> {
    for pointer in &names.pointers {
        unless_gone(fs.remove_file(&dir.join(pointer)))?;
    }
    for folder in parents_of(&names.pointers) {
        unless_gone(fs.sync_directory(&dir.join(folder), mode).map(drop))?;
    }
    for file in names.files.iter().filter(|file| *file != Path::new(CATALOG_FILE)) {
        unless_gone(fs.remove_file(&dir.join(file)))?;
    }
    // A folder comes behind its parent in this order, so backwards it goes first.
    for folder in names.folders.iter().rev() {
        let path = dir.join(folder);
        if !remove_if_empty(fs, &path)? {
            let _ = fs.sync_directory(&path, mode)?;
        }
    }
    let _ = fs.sync_directory(dir, mode)?;
    unless_gone(fs.remove_file(&dir.join(CATALOG_FILE)))?;
    let synced = if remove_if_empty(fs, dir)? { lsm_fs::parent_of(dir) } else { dir };
    fs.sync_directory(synced, mode).map(drop)
}

/// Returns `true` if the directory is gone afterwards.
fn remove_if_empty(fs: &dyn Fs, dir: &Path) -> lsm_fs::Result<bool> {
    match fs.remove_dir(dir) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
        Err(e) => Err(e),
    }
}
