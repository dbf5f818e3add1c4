//! Publishing into an existing empty directory, such as a mount point.
//!
//! A mount point cannot get its name by a rename, so everything happens inside the directory. Files are staged in a
//! subdirectory. Then a marker is written and the files move out one by one, the pointers last. The staged directory
//! exists from before the marker until after it. A marker without a staged directory belongs to another protocol, and
//! the directory is left alone.

use std::{ffi::OsStr, io, path::PathBuf};

use lsm_fs::{DirectorySync, Fs, FsDirEntry, FsExt, SyncMode};

use super::{
    Contents, NameState, Staging, Target,
    in_place::marker_of,
    marker::{Marker, unmark},
    parents_of, unless_gone,
};
use crate::{
    Error, Result,
    permissions::create_private_dir,
    reserved::{MARKER_FILE, STAGED_SUFFIX},
};

/// The directory that `mkfs` makes in the root of a filesystem. A directory that holds only this entry counts as empty,
/// and the entry is left alone.
const LOST_AND_FOUND: &str = "lost+found";

/// Takes the owner lock of an empty directory, and makes the staged directory in it.
pub(super) fn claim_inside<'fs>(fs: &'fs dyn Fs, target: Target, mode: SyncMode) -> Result<Staging<'fs>> {
    let lock = match NameState::of_directory(fs, &target.path)? {
        NameState::Locked(lock) => Some(lock),
        NameState::Unlockable => None,
        NameState::Free => {
            let error = io::Error::from(io::ErrorKind::NotFound);
            return Err(lsm_fs::Error::new(lsm_fs::Op::TryLockDirectory, &target.path, error).into());
        }
        NameState::Owned | NameState::Rebound | NameState::NotADirectory => return Err(target.in_progress()),
    };
    if fs.exists(&target.staged)? {
        if lock.is_none() {
            // Without locks, nothing shows if its maker lives.
            return Err(target.in_progress());
        }
        clear_inside(fs, &target, mode)?;
    }
    refuse_entries(fs, &target)?;
    if let Err(error) = create_private_dir(fs, &target.staged) {
        if lock.is_some() {
            // A network filesystem can report a failure after the call took effect. The lock keeps other processes out.
            let _ = fs.remove_dir(&target.staged);
        }
        return Err(error.into());
    }
    Ok(Staging::new(fs, target, mode, lock))
}

impl Staging<'_> {
    /// Moves the staged files out of the staged directory.
    pub(super) fn publish_inside(self, contents: &Contents) -> Result<DirectorySync> {
        // The staged directory has to outlive every crash that leaves the marker.
        if let Err(e) = self.fs.sync_directory(&self.target.path, self.mode) {
            return Err(self.abandon(e.into()));
        }
        if let Err(error) = refuse_entries(self.fs, &self.target) {
            return Err(self.abandon(error));
        }
        match self.move_all(contents) {
            Ok(()) => self.finish_in_place(),
            Err(error) => {
                let removed = remove_moved(self.fs, &self.target, &marker_of(contents), self.mode);
                Err(self.abandon_with(error.into(), removed))
            }
        }
    }
}

/// Refuses a directory that holds foreign entries.
fn refuse_entries(fs: &dyn Fs, target: &Target) -> Result<()> {
    match others(fs, target)?.first() {
        None => Ok(()),
        Some(entry) => {
            Err(Error::NotEmpty { target: target.path.clone(), entry: PathBuf::from(&entry.name) })
        }
    }
}

/// Returns the entries of the directory that are neither `lost+found` nor the staged directory.
fn others(fs: &dyn Fs, target: &Target) -> lsm_fs::Result<Vec<FsDirEntry>> {
    let is_other = |entry: &FsDirEntry| {
        let is_lost_and_found = entry.name == LOST_AND_FOUND && entry.file_type.is_dir();
        !is_lost_and_found && entry.name != STAGED_SUFFIX
    };
    Ok(fs.read_dir(&target.path)?.into_iter().filter(is_other).collect())
}

/// Clears the debris of a dead process. Removes the files of a partial target, and removes the marker from a whole
/// target. The caller holds the owner lock of the directory, and the staged directory exists.
fn clear_inside(fs: &dyn Fs, target: &Target, mode: SyncMode) -> Result<()> {
    if fs.exists(&target.path.join(MARKER_FILE))? {
        match Marker::read(fs, &target.path)? {
            // The marker was not written completely, so no file was moved yet.
            None => unmark(fs, &target.path, mode)?,
            Some(marker) if is_whole(fs, target, &marker)? => unmark(fs, &target.path, mode)?,
            Some(marker) => {
                remove_moved(fs, target, &marker, mode)?;
                // Without this sync, a crash could bring the marker back without the staged directory. The next call
                // would then refuse the directory.
                let _ = fs.sync_directory(&target.path, mode)?;
            }
        }
    }
    fs.remove_dir_all(&target.staged)?;
    Ok(fs.sync_directory(&target.path, mode).map(drop)?)
}

/// Returns `true` if all pointers have moved. They move last, so everything else has moved, too.
///
/// # Errors
///
/// [`Undecided`](Error::Undecided): a pointer is in neither directory.
fn is_whole(fs: &dyn Fs, target: &Target, marker: &Marker) -> Result<bool> {
    let mut is_whole = !marker.pointers.is_empty();
    let mut is_lost = false;
    for pointer in &marker.pointers {
        if !fs.exists(&target.path.join(pointer))? {
            is_whole = false;
            is_lost |= !fs.exists(&target.staged.join(pointer))?;
        }
    }
    if is_lost {
        return Err(Error::Undecided { target: target.path.clone(), staged: target.staged.clone() });
    }
    Ok(is_whole)
}

/// Removes the files that have moved. The pointers move back first, so the rest is never readable. The marker is
/// removed last.
fn remove_moved(fs: &dyn Fs, target: &Target, marker: &Marker, mode: SyncMode) -> lsm_fs::Result<()> {
    let dir = &target.path;
    for pointer in &marker.pointers {
        if fs.exists(&dir.join(pointer))? {
            fs.rename(&dir.join(pointer), &target.staged.join(pointer))?;
        }
    }
    for synced in parents_of(&marker.pointers) {
        unless_gone(fs.sync_directory(&dir.join(synced), mode).map(drop))?;
    }
    for entry in others(fs, target)?.iter().filter(|entry| entry.name != OsStr::new(MARKER_FILE)) {
        let path = dir.join(&entry.name);
        if entry.file_type.is_dir() { fs.remove_dir_all(&path) } else { fs.remove_file(&path) }?;
    }
    let _ = fs.sync_directory(dir, mode)?;
    unless_gone(fs.remove_file(&dir.join(MARKER_FILE)))
}

#[cfg(test)]
mod tests;
