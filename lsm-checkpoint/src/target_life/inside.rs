//! Publishing into an existing empty directory, such as a mount point.
//!
//! A rename cannot replace a mount point, so everything happens inside the directory. Files are made in a subdirectory,
//! the staged directory. Then a marker is written, and the files move out one by one, the pointers last. The staged
//! directory exists before the marker and is removed after it. A marker without a staged directory comes from another
//! operation, and the directory is left alone.

use std::{collections::HashSet, ffi::OsStr, io, path::PathBuf};

use lsm_fs::{DirectorySync, Fs, FsDirEntry, FsExt, Op, SyncMode};

use super::{
    Contents, NameState, Staging, Target, create_dir_or_own,
    marker::{MarkedOperation, Marker, unmark},
    pointers::{PublishProgress, publish_progress, take_away},
    remove_if_empty, unless_gone,
};
use crate::{
    Error, Result,
    permissions::create_private_dir,
    reserved::{MARKER_FILE, STAGED_SUFFIX},
};

/// The directory that `mkfs` makes in the root of an ext4 filesystem (`mklost+found(8)`). A directory that holds only
/// this entry counts as empty, and the entry is left alone.
const LOST_AND_FOUND: &str = "lost+found";

/// Takes the owner lock of an empty directory, and makes the staged directory in it.
pub(super) fn claim_inside<'fs>(fs: &'fs dyn Fs, target: Target, mode: SyncMode) -> Result<Staging<'fs>> {
    let lock = match NameState::of_directory(fs, &target.path)? {
        NameState::Locked(lock) => Some(lock),
        NameState::Unlockable => None,
        NameState::Free => {
            let error = io::Error::from(io::ErrorKind::NotFound);
            return Err(lsm_fs::Error::new(Op::TryLockDirectory, &target.path, error).into());
        }
        NameState::Owned | NameState::Rebound | NameState::NotADirectory => return Err(target.in_progress()),
    };
    if fs.exists(&target.staged)? {
        if lock.is_none() {
            // Without locks, it is unknown if the process that made the staged directory lives.
            return Err(target.in_progress());
        }
        clear_inside(fs, &target, mode)?;
    }
    refuse_entries(fs, &target)?;
    make_staged(fs, &target, lock.is_some())?;
    Ok(Staging::new(fs, target, mode, lock))
}

/// Makes the staged directory. After an error, it does not exist.
fn make_staged(fs: &dyn Fs, target: &Target, is_locked: bool) -> Result<()> {
    let made = match is_locked {
        // The lock of the target keeps other processes out, so an empty directory is our own.
        true => create_dir_or_own(fs, &target.staged),
        false => create_private_dir(fs, &target.staged),
    };
    // A umask can take rights from the owner of the new directory. What is made in it could not be removed.
    match made.and_then(|()| fs.read_dir(&target.staged)) {
        Ok(_) => Ok(()),
        Err(error) if !is_locked && error.op() == Op::CreateDir => Err(error.into()),
        // A network filesystem can report a failure although the call took effect.
        Err(error) => match unless_gone(fs.remove_dir(&target.staged)) {
            Ok(()) => Err(error.into()),
            Err(failure) => Err(Error::from(error).left_behind(&target.staged, failure)),
        },
    }
}

impl Staging<'_> {
    /// Moves the staged files out of the staged directory.
    pub(super) fn publish_inside(self, contents: &Contents) -> Result<DirectorySync> {
        // The staged directory has to survive every crash that leaves the marker.
        if let Err(e) = self.fs.sync_directory(&self.target.path, self.mode) {
            return Err(self.abandon(e.into()));
        }
        if let Err(error) = refuse_entries(self.fs, &self.target) {
            return Err(self.abandon(error));
        }
        match self.move_all(contents, &Marker::restore_into(contents)) {
            Ok(()) => self.finish_in_place(),
            Err(error) => {
                let removed = self.remove_moved(contents);
                Err(self.abandon_with(error.into(), removed))
            }
        }
    }

    /// Removes the files that have moved, and the folders made for them, if they are empty. Anything else stays. The
    /// pointers are removed first and the marker last.
    fn remove_moved(&self, contents: &Contents) -> lsm_fs::Result<()> {
        let (fs, target) = (self.fs, &self.target);
        take_away(fs, target, &Marker::restore_into(contents), self.mode)?;
        for file in &contents.files {
            if !fs.exists(&target.staged.join(file))? {
                unless_gone(fs.remove_file(&target.path.join(file)))?;
            }
        }
        for dir in contents.dirs.iter().skip(1).rev().map(|dir| target.path.join(dir)) {
            if !remove_if_empty(fs, &dir)? {
                let _ = fs.sync_directory(&dir, self.mode)?;
            }
        }
        remove_marker(fs, target, self.mode)
    }
}

/// Refuses a directory that holds foreign entries.
fn refuse_entries(fs: &dyn Fs, target: &Target) -> Result<()> {
    match others(fs, target)?.first() {
        None => Ok(()),
        Some(entry) => Err(not_empty(target, &entry.name)),
    }
}

fn not_empty(target: &Target, entry: impl Into<PathBuf>) -> Error {
    Error::NotEmpty { target: target.path.clone(), entry: entry.into() }
}

/// Returns the entries of the directory that are neither `lost+found` nor the staged directory.
fn others(fs: &dyn Fs, target: &Target) -> lsm_fs::Result<Vec<FsDirEntry>> {
    let is_other = |entry: &FsDirEntry| {
        let is_lost_and_found = entry.name == LOST_AND_FOUND && entry.file_type.is_dir();
        !is_lost_and_found && entry.name != STAGED_SUFFIX
    };
    Ok(fs.read_dir(&target.path)?.into_iter().filter(is_other).collect())
}

/// Clears the debris of a dead process: removes the files of a partial target, or the marker of a whole target. The
/// caller holds the owner lock of the directory, and the staged directory exists.
fn clear_inside(fs: &dyn Fs, target: &Target, mode: SyncMode) -> Result<()> {
    if fs.exists(&target.path.join(MARKER_FILE))? {
        match Marker::read(fs, &target.path)? {
            // A crash has cut the marker off, so no file was moved yet.
            None => unmark(fs, &target.path, mode)?,
            // The marker comes from another operation.
            Some(marker) if marker.operation != MarkedOperation::RestoreInto => {
                return Err(not_empty(target, MARKER_FILE));
            }
            Some(marker) => match publish_progress(fs, target, &marker)? {
                PublishProgress::Whole => unmark(fs, &target.path, mode)?,
                PublishProgress::Partial => {
                    remove_marked(fs, target, &marker, mode)?;
                    // Without this sync, a crash could bring the marker back without the staged directory. The next
                    // call would then refuse the directory.
                    let _ = fs.sync_directory(&target.path, mode)?;
                }
            },
        }
    }
    fs.remove_dir_all(&target.staged)?;
    Ok(fs.sync_directory(&target.path, mode).map(drop)?)
}

/// Removes the entries that the marker names. If there are others, removes nothing.
///
/// # Errors
///
/// [`NotEmpty`](Error::NotEmpty): another process has put an entry into the directory since.
fn remove_marked(fs: &dyn Fs, target: &Target, marker: &Marker, mode: SyncMode) -> Result<()> {
    let mut entries = others(fs, target)?;
    entries.retain(|entry| entry.name != MARKER_FILE);
    let names: HashSet<&OsStr> = marker.names.iter().map(OsStr::new).collect();
    if let Some(stranger) = entries.iter().find(|entry| !names.contains(entry.name.as_os_str())) {
        return Err(not_empty(target, &stranger.name));
    }
    take_away(fs, target, marker, mode)?;
    for entry in entries {
        let path = target.path.join(&entry.name);
        let is_dir = entry.file_type.is_dir();
        unless_gone(if is_dir { fs.remove_dir_all(&path) } else { fs.remove_file(&path) })?;
    }
    Ok(remove_marker(fs, target, mode)?)
}

/// Removes the marker of a directory in which no other entry of the restore is left.
fn remove_marker(fs: &dyn Fs, target: &Target, mode: SyncMode) -> lsm_fs::Result<()> {
    let _ = fs.sync_directory(&target.path, mode)?;
    unless_gone(fs.remove_file(&target.path.join(MARKER_FILE)))
}

#[cfg(test)]
mod tests;
