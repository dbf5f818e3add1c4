//! [`Withdrawal`]: removes the name of a published checkpoint in one step, and then its files.

use std::{
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{Fs, FsDirLock, FsExt, SyncMode};

use super::{
    NameState, Target, clear_debris,
    debris::{remove_partial, remove_staged},
    inspect::is_bound,
    is_refusal,
    marker::{Marker, unmark},
};
use crate::{CATALOG_FILE, Catalog, Error, Result, reserved::MARKER_FILE};

/// The number of attempts. An attempt is repeated if it found debris under the staged name and cleared it.
const ATTEMPTS: u32 = 4;

/// A published checkpoint whose owner lock is held. The lock is on the inode and survives the rename, so no sweeper
/// takes an unfinished withdrawal for debris.
#[derive(Debug)]
pub(crate) struct Withdrawal<'a> {
    fs: &'a dyn Fs,
    target: &'a Target,
    /// `None` if the platform has no such locks.
    lock: Option<Box<dyn FsDirLock>>,
    mode: SyncMode,
}

/// The result of an attempt to remove a checkpoint.
#[derive(Debug)]
pub(crate) enum Withdrawn {
    /// The checkpoint is gone.
    Gone,
    /// The checkpoint is unchanged, because its volume has no room for another name.
    NoRoom(lsm_fs::Error),
}

impl<'a> Withdrawal<'a> {
    /// Takes the owner lock of a checkpoint.
    ///
    /// # Errors
    ///
    /// [`NotACheckpoint`](Error::NotACheckpoint), [`InProgress`](Error::InProgress), [`Fs`](Error::Fs).
    pub(crate) fn begin(fs: &'a dyn Fs, target: &'a Target, mode: SyncMode) -> Result<Self> {
        let lock = match NameState::of(fs, &target.path)? {
            NameState::Locked(lock) => Some(lock),
            NameState::Unlockable => None,
            NameState::Owned | NameState::Rebound => return Err(target.in_progress()),
            // For a symbolic link, the rename would move the link, but the lock would be on the target of the link.
            NameState::Free | NameState::NotADirectory => {
                return Err(Error::NotACheckpoint { dir: target.path.clone() });
            }
        };
        Ok(Self { fs, target, lock, mode })
    }

    /// Removes the checkpoint with all its entries. The caller has checked that no entry has to stay.
    ///
    /// # Errors
    ///
    /// [`InProgress`](Error::InProgress), [`RemovedNotDurable`](Error::RemovedNotDurable),
    /// [`LeftBehind`](Error::LeftBehind), [`Fs`](Error::Fs), as
    /// [`Removal::run`](crate::Removal::run) documents them.
    pub(crate) fn finish(&self) -> Result<Withdrawn> {
        match self.withdraw() {
            Ok(()) => Ok(Withdrawn::Gone),
            Err(Error::Fs(e)) if is_full(&e) => Ok(Withdrawn::NoRoom(e)),
            Err(error) => Err(error),
        }
    }

    fn withdraw(&self) -> Result<()> {
        for _ in 0..ATTEMPTS {
            match self.fs.rename_noreplace(&self.target.path, &self.target.staged) {
                Ok(()) => return self.remove_renamed(),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => match self.was_renamed() {
                    // A network filesystem can report the effect of its own first attempt as an obstacle to the second
                    // (`rename(2)`, BUGS).
                    Ok(true) => return self.remove_renamed(),
                    Ok(false) => {
                        if clear_debris(self.fs, self.target, self.mode)?.may_be_owned() {
                            break;
                        }
                    }
                    Err(_) => return Err(self.undo_rename(e)),
                },
                Err(e) if is_refusal(&e) => return self.remove_in_place(),
                Err(e) => return Err(self.undo_rename(e)),
            }
        }
        Err(self.target.in_progress())
    }

    /// Returns `true` if the checkpoint has the staged name, although the rename reported an error.
    fn was_renamed(&self) -> lsm_fs::Result<bool> {
        match &self.lock {
            Some(lock) => is_bound(&**lock, &self.target.staged),
            None => self.fs.exists(&self.target.path).map(|there| !there),
        }
    }

    /// Undoes a rename that reported an error and may have taken effect.
    fn undo_rename(&self, error: lsm_fs::Error) -> Error {
        let renamed = self.was_renamed();
        match renamed.and_then(|renamed| if renamed { self.rename_back() } else { Ok(()) }) {
            Ok(()) => error.into(),
            Err(failure) => Error::from(error).left_behind(&self.target.staged, failure),
        }
    }

    /// Gives the checkpoint its name again, durably. The call reports that nothing has changed, so a later crash and
    /// sweep must not remove the checkpoint.
    fn rename_back(&self) -> lsm_fs::Result<()> {
        self.fs.rename_noreplace(&self.target.staged, &self.target.path)?;
        self.fs.sync_directory(self.target.parent(), self.mode).map(drop)
    }

    fn remove_renamed(&self) -> Result<()> {
        let Self { fs, target, mode, .. } = *self;
        // The files must stay until the new name is durable, because a crash may bring back the checkpoint under its
        // old name.
        if let Err(source) = fs.sync_directory(target.parent(), mode) {
            return Err(Error::RemovedNotDurable { target: target.path.clone(), source });
        }
        let erased =
            fs.remove_dir_all(&target.staged).and_then(|()| fs.sync_directory(target.parent(), mode));
        match erased {
            Ok(_) => Ok(()),
            Err(error) => Err(left_at(&target.staged, error)),
        }
    }

    /// Removes the checkpoint without renaming its directory. An empty staged directory is made first, through which a
    /// sweep finds a half-removed target. If a later step fails, the staged directory stays. A sweep then finishes the
    /// removal, or undoes it if the checkpoint is still whole.
    fn remove_in_place(&self) -> Result<()> {
        let Self { fs, target, mode, .. } = *self;
        let owner = self.claim_sibling()?;
        // Making the staged directory may have finished a removal that a dead process had begun.
        if !fs.exists(&target.path.join(CATALOG_FILE))? {
            return Ok(remove_staged(fs, target, mode)?);
        }
        // The checkpoint is whole as long as all these files exist.
        let marker = Marker::remove(identifying_files(fs, &target.path));
        if let Err(error) = marker.write(fs, &target.path, mode) {
            return Err(self.undo_mark(error));
        }
        let erased = remove_partial(fs, target, &marker, mode).and_then(|()| remove_staged(fs, target, mode));
        drop(owner);
        erased.map_err(|error| left_at(&target.staged, error))
    }

    /// Removes the marker, if it exists, and the staged directory. No file of the checkpoint has been removed yet.
    fn undo_mark(&self, error: lsm_fs::Error) -> Error {
        let Self { fs, target, mode, .. } = *self;
        let unmarked = match fs.exists(&target.path.join(MARKER_FILE)) {
            Ok(true) => unmark(fs, &target.path, mode),
            Ok(false) => Ok(()),
            Err(failure) => Err(failure),
        };
        match unmarked.and_then(|()| fs.remove_dir(&target.staged)) {
            Ok(()) => error.into(),
            Err(failure) => Error::from(error).left_behind(&target.staged, failure),
        }
    }

    /// Makes an empty staged directory, durably, and takes its owner lock.
    fn claim_sibling(&self) -> Result<Option<Box<dyn FsDirLock>>> {
        let Self { fs, target, mode, .. } = *self;
        for _ in 0..ATTEMPTS {
            match fs.create_dir(&target.staged) {
                Ok(()) => {
                    let owner = match NameState::of_new_directory(fs, &target.staged)? {
                        NameState::Locked(lock) => Some(lock),
                        NameState::Unlockable if self.lock.is_none() => None,
                        // A sweeper has removed or locked the new directory.
                        _ => continue,
                    };
                    return match fs.sync_directory(target.parent(), mode) {
                        Ok(_) => Ok(owner),
                        Err(error) => Err(match fs.remove_dir(&target.staged) {
                            Ok(()) => error.into(),
                            Err(failure) => Error::from(error).left_behind(&target.staged, failure),
                        }),
                    };
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    if clear_debris(fs, target, mode)?.may_be_owned() {
                        break;
                    }
                }
                Err(e) => return Err(e.into()),
            }
        }
        Err(target.in_progress())
    }
}

/// Returns `true` if a call failed for lack of space. A quota counts, too, and can refuse even a rename (`rename(2)`,
/// `EDQUOT`).
fn is_full(error: &lsm_fs::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Returns the files by which a directory is known as a whole checkpoint: the pointer of every tree, and the catalog.
fn identifying_files(fs: &dyn Fs, dir: &Path) -> Vec<PathBuf> {
    let mut files = match Catalog::read(fs, dir) {
        Ok(catalog) => catalog.pointers(),
        // Without a readable catalog, the pointers are unknown, and the directory is not a valid checkpoint.
        Err(_) => Vec::new(),
    };
    files.push(PathBuf::from(CATALOG_FILE));
    files
}

/// Returns the error for a checkpoint that was removed only in part.
pub(crate) fn left_at(left: &Path, error: lsm_fs::Error) -> Error {
    let cause =
        error.raw_os_error().map_or_else(|| io::Error::from(error.kind()), io::Error::from_raw_os_error);
    let cleanup = lsm_fs::Error::new(error.op(), error.path(), cause);
    Error::from(error).left_behind(left, cleanup)
}
