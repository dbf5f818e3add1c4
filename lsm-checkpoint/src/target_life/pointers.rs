//! The pointers of a marked target. They show how far a dead process came, and they are taken away first.

use std::{io, path::Path};

use lsm_fs::{FileId, Fs, FsExt, SyncMode};

use super::{
    Target,
    marker::{MarkedOperation, Marker},
    parents_of, unless_gone,
};
use crate::{Error, Result};

/// The extent of a publication that moves files one by one, the pointers last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every file has moved.
    Whole,
    /// Some pointers are still in the staged directory.
    Partial,
}

/// Finds out how far a dead publication came. Without pointers, the target is whole if the staged directory holds no
/// file.
///
/// # Errors
///
/// [`Undecided`](Error::Undecided): an engine may have used the target since. A pointer is in neither directory, or it
/// is another file in each.
pub(super) fn extent(fs: &dyn Fs, target: &Target, marker: &Marker) -> Result<Extent> {
    let mut is_whole = !marker.pointers.is_empty() || !holds_file(fs, &target.staged)?;
    for pointer in &marker.pointers {
        let published = id_at(fs, &target.path.join(pointer))?;
        let staged = id_at(fs, &target.staged.join(pointer))?;
        match (published, staged) {
            (Some(_), None) => {}
            (None, Some(_)) => is_whole = false,
            // A crash can leave a file with both names of its rename.
            (Some(Some(one)), Some(Some(other))) if one == other => {}
            _ => {
                return Err(Error::Undecided { target: target.path.clone(), staged: target.staged.clone() });
            }
        }
    }
    Ok(if is_whole { Extent::Whole } else { Extent::Partial })
}

/// Takes the pointers away, durably, so that the rest of the target is never readable without them. A publication moves
/// them back to the staged directory. Their presence there marks the target as incomplete.
pub(super) fn take_away(fs: &dyn Fs, target: &Target, marker: &Marker, mode: SyncMode) -> lsm_fs::Result<()> {
    let dir = &target.path;
    for pointer in &marker.pointers {
        let (path, staged) = (dir.join(pointer), target.staged.join(pointer));
        match marker.operation {
            MarkedOperation::Remove => unless_gone(fs.remove_file(&path))?,
            _ if !fs.exists(&path)? => {}
            // Renaming a file over its own other name has no effect.
            _ if fs.exists(&staged)? => fs.remove_file(&path)?,
            _ => fs.rename(&path, &staged)?,
        }
    }
    for synced in parents_of(&marker.pointers) {
        unless_gone(fs.sync_directory(&dir.join(synced), mode).map(drop))?;
    }
    Ok(())
}

/// Returns the id of the file at a path, as far as the platform has ids. The outer `None` means that nothing is there.
fn id_at(fs: &dyn Fs, path: &Path) -> lsm_fs::Result<Option<Option<FileId>>> {
    match fs.symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata.file_id)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Returns `true` if a directory, or a directory below it, holds anything else than directories.
fn holds_file(fs: &dyn Fs, dir: &Path) -> lsm_fs::Result<bool> {
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in fs.read_dir(&dir)? {
            if !entry.file_type.is_dir() {
                return Ok(true);
            }
            dirs.push(dir.join(&entry.name));
        }
    }
    Ok(false)
}
