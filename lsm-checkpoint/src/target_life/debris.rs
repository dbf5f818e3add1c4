//! Clears debris: removes or finishes the work of a dead process.

use std::io;

use lsm_fs::{Fs, FsDirEntry, FsExt, Op, SyncMode};

use super::{
    NameState, Target,
    marker::{MarkedOperation, Marker, unmark},
    pointers::{PublishProgress, publish_progress, take_away},
    unless_gone,
};
use crate::{Result, reserved::MARKER_FILE};

/// Clears the debris of a dead process: the staged directory of a target, and the target itself if the process was
/// making or removing it in place. The call is idempotent, and a crash during the call leaves debris.
///
/// Returns the state of the staged name before the call. [`NameState::Locked`] means that debris was cleared.
///
/// # Errors
///
/// [`Undecided`](crate::Error::Undecided), [`Fs`](crate::Error::Fs). The call also fails if the staged name belongs to
/// something other than a directory.
pub(crate) fn clear_debris(fs: &dyn Fs, target: &Target, mode: SyncMode) -> Result<NameState> {
    let state = NameState::of(fs, &target.staged)?;
    match &state {
        NameState::Locked(_) => {
            if target.is_known() {
                clear_partial(fs, target, mode)?;
            }
            remove_staged(fs, target, mode)?;
        }
        NameState::NotADirectory => {
            let error = io::Error::from(io::ErrorKind::NotADirectory);
            return Err(lsm_fs::Error::new(Op::TryLockDirectory, &target.staged, error).into());
        }
        NameState::Free | NameState::Rebound | NameState::Owned | NameState::Unlockable => {}
    }
    Ok(state)
}

/// Removes the staged directory of a target that is gone or whole.
pub(super) fn remove_staged(fs: &dyn Fs, target: &Target, mode: SyncMode) -> lsm_fs::Result<()> {
    // A rename or removal of the target may not be durable. A crash could then bring its name back with a part of its
    // contents, and no sweep finds such a target without the staged directory.
    let _ = fs.sync_directory(target.parent(), mode)?;
    fs.remove_dir_all(&target.staged)?;
    // Without this sync, a crash could bring debris back beside the target of a later call.
    fs.sync_directory(target.parent(), mode).map(drop)
}

/// Clears a target whose creator or remover is dead: removes a partial target, and removes the marker from a whole
/// target. Anything else stays. The caller holds the owner lock of the staged directory.
fn clear_partial(fs: &dyn Fs, target: &Target, mode: SyncMode) -> Result<()> {
    let dir = &target.path;
    let Some(entries) = entries_of(fs, target)? else { return Ok(()) };
    // The process died right after it had claimed the target, or right before it removed the empty target.
    if entries.is_empty() {
        return Ok(remove_empty(fs, target)?);
    }
    // A target without a marker is whole, or not a checkpoint.
    if !entries.iter().any(|entry| entry.name == MARKER_FILE) {
        return Ok(());
    }
    let Some(marker) = Marker::read(fs, dir)? else {
        // A crash has cut the marker off. A creator puts nothing into the target, and a remover removes nothing, before
        // the marker is durable.
        return Ok(if entries.len() == 1 { remove_empty(fs, target) } else { unmark(fs, dir, mode) }?);
    };
    let is_partial = match marker.operation {
        MarkedOperation::Publish => publish_progress(fs, target, &marker)? == PublishProgress::Partial,
        MarkedOperation::Remove => is_missing(fs, target, &marker)?,
        // Leave the marker of a restore into the directory, which the next such restore clears.
        MarkedOperation::RestoreInto => return Ok(()),
    };
    // A whole target loses only the marker. An engine may use it by now, so everything else stays.
    Ok(if is_partial { remove_partial(fs, target, &marker, mode) } else { unmark(fs, dir, mode) }?)
}

/// Returns `true` if a target lacks a pointer that its marker names, so that its removal had begun.
fn is_missing(fs: &dyn Fs, target: &Target, marker: &Marker) -> lsm_fs::Result<bool> {
    for pointer in &marker.pointers {
        if !fs.exists(&target.path.join(pointer))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the entries of a target, or `None` if it is not a directory or does not exist.
fn entries_of(fs: &dyn Fs, target: &Target) -> lsm_fs::Result<Option<Vec<FsDirEntry>>> {
    let entries = match fs.symlink_metadata(&target.path) {
        Ok(metadata) if metadata.is_dir() => fs.read_dir(&target.path).map(Some),
        Ok(_) => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    };
    match entries {
        // Another volume is mounted there.
        Err(e) if e.kind() == io::ErrorKind::CrossesDevices => Ok(None),
        entries => entries,
    }
}

/// Removes a target that holds at most a marker. The target stays if a file was put into it meanwhile, or if a volume
/// is mounted on it.
fn remove_empty(fs: &dyn Fs, target: &Target) -> lsm_fs::Result<()> {
    unless_gone(fs.remove_file(&target.path.join(MARKER_FILE)))?;
    match fs.remove_dir(&target.path) {
        // A mount point (`EBUSY`, `rmdir(2)`) is not debris.
        Err(e) if matches!(e.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::ResourceBusy) => {
            Ok(())
        }
        removed => unless_gone(removed),
    }
}

/// Removes a target that is not whole. The pointers are removed first and the marker last, so a crash at any point
/// leaves an unreadable target with a marker. Until the parent is synced, a crash may bring the target back, so the
/// staged directory has to stay.
pub(super) fn remove_partial(
    fs: &dyn Fs,
    target: &Target,
    marker: &Marker,
    mode: SyncMode,
) -> lsm_fs::Result<()> {
    let dir = &target.path;
    take_away(fs, target, marker, mode)?;
    for entry in fs.read_dir(dir)?.iter().filter(|entry| entry.name != MARKER_FILE) {
        let path = dir.join(&entry.name);
        if entry.file_type.is_dir() { fs.remove_dir_all(&path) } else { fs.remove_file(&path) }?;
    }
    let _ = fs.sync_directory(dir, mode)?;
    unless_gone(fs.remove_file(&dir.join(MARKER_FILE)))?;
    fs.remove_dir(dir)
}
