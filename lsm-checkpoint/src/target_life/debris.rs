//! The end of debris: what a dead process has begun is removed, or finished.

use std::io;

use lsm_fs::{Fs, FsDirEntry, FsExt, Op, SyncMode};

use super::{
    NameState, Target,
    marker::{MarkedOperation, Marker, unmark},
    parents_of, unless_gone,
};
use crate::{Error, Result, reserved::MARKER_FILE};

/// Looks at the staged name of a target, and clears what a dead process has left: the part of the target that it made
/// or removed in place, if it did, and the staged directory. Idempotent, and a crash in it leaves debris.
///
/// Returns the state that the staged name was in. [`NameState::Locked`] means that debris was cleared.
///
/// # Errors
///
/// [`Undecided`](Error::Undecided), and [`Fs`](Error::Fs), also if something has the staged name that is no directory.
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

/// Removes the staged directory of a target whose name is gone, or is that of a whole one.
pub(super) fn remove_staged(fs: &dyn Fs, target: &Target, mode: SyncMode) -> lsm_fs::Result<()> {
    // Where the name went away without a sync, by a rename or piece by piece, a crash could bring it back with a part
    // of what it named, and nothing would say whose it is.
    let _ = fs.sync_directory(target.parent(), mode)?;
    fs.remove_dir_all(&target.staged)?;
    // Otherwise a crash could bring debris back beside a target of a later call.
    fs.sync_directory(target.parent(), mode).map(drop)
}

/// Clears a target whose creator or remover is dead: removes a partial one, takes the marker from a whole one. Anything
/// else stays. The caller holds the owner lock of the staged directory.
fn clear_partial(fs: &dyn Fs, target: &Target, mode: SyncMode) -> Result<()> {
    let dir = &target.path;
    let Some(entries) = entries_of(fs, target)? else { return Ok(()) };
    // The dead had only begun, or had all but finished.
    if entries.is_empty() {
        return Ok(remove_empty(fs, target)?);
    }
    // Whole, or something else.
    if !entries.iter().any(|entry| entry.name == MARKER_FILE) {
        return Ok(());
    }
    let Some(marker) = Marker::read(fs, dir)? else {
        // A marker that was not written to its end: a creator makes nothing before it is durable, and a remover takes
        // nothing away.
        return Ok(if entries.len() == 1 { remove_empty(fs, target) } else { unmark(fs, dir, mode) }?);
    };
    let (mut is_missing, mut is_staged) = (false, false);
    for pointer in &marker.pointers {
        if !fs.exists(&dir.join(pointer))? {
            is_missing = true;
            is_staged |= fs.exists(&target.staged.join(pointer))?;
        }
    }
    match marker.operation {
        // Without pointers nothing says that it is whole.
        _ if marker.pointers.is_empty() => Ok(remove_partial(fs, target, &marker, mode)?),
        // Whole but for the marker. An engine may live in it by now: hands off.
        _ if !is_missing => Ok(unmark(fs, dir, mode)?),
        // A pointer is nowhere: a crash has split a rename, or an engine that lives in it has removed one.
        MarkedOperation::Publish if !is_staged => {
            Err(Error::Undecided { target: dir.clone(), staged: target.staged.clone() })
        }
        _ => Ok(remove_partial(fs, target, &marker, mode)?),
    }
}

/// The entries of a target; `None` if it is no directory, or is not there.
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

/// Removes a target that holds a marker at most. It stays if somebody has put a file into it meanwhile, or has mounted
/// a volume on it.
fn remove_empty(fs: &dyn Fs, target: &Target) -> lsm_fs::Result<()> {
    unless_gone(fs.remove_file(&target.path.join(MARKER_FILE)))?;
    match fs.remove_dir(&target.path) {
        // A mount point is busy, and is nobody's debris.
        Err(e) if matches!(e.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::ResourceBusy) => {
            Ok(())
        }
        removed => unless_gone(removed),
    }
}

/// Removes a target that is not whole: first what makes its trees readable, the marker last, so that a crash at any
/// point leaves what is neither readable nor of unknown origin. Until the parent is synced a crash may bring it back,
/// and the staged directory has to stay.
///
/// The pointers of a target that was to be published go back to the staged directory. Their presence there marks the
/// target as incomplete.
pub(super) fn remove_partial(
    fs: &dyn Fs,
    target: &Target,
    marker: &Marker,
    mode: SyncMode,
) -> lsm_fs::Result<()> {
    let dir = &target.path;
    for pointer in &marker.pointers {
        let path = dir.join(pointer);
        match marker.operation {
            MarkedOperation::Publish if !fs.exists(&path)? => {}
            MarkedOperation::Publish => fs.rename(&path, &target.staged.join(pointer))?,
            MarkedOperation::Remove => unless_gone(fs.remove_file(&path))?,
        }
    }
    for synced in parents_of(&marker.pointers) {
        unless_gone(fs.sync_directory(&dir.join(synced), mode).map(drop))?;
    }
    for entry in fs.read_dir(dir)?.iter().filter(|entry| entry.name != MARKER_FILE) {
        let path = dir.join(&entry.name);
        if entry.file_type.is_dir() { fs.remove_dir_all(&path) } else { fs.remove_file(&path) }?;
    }
    let _ = fs.sync_directory(dir, mode)?;
    unless_gone(fs.remove_file(&dir.join(MARKER_FILE)))?;
    fs.remove_dir(dir)
}
