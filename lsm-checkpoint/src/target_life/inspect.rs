//! [`NameState`]: the state of the name of a target or of its staged directory.

use std::{io, path::Path};

use lsm_fs::{Fs, FsDirLock};

use super::unless_gone;
use crate::{Error, Result};

/// The state of a name. The owner lock of a directory shows if the process that works in it lives.
#[derive(Debug)]
pub(crate) enum NameState {
    /// The name is free, or its directory was removed during the call.
    Free,
    /// The directory under the name was moved during the call.
    Rebound,
    /// The name belongs to an entry other than a directory, such as a symbolic link.
    NotADirectory,
    /// The owner of the directory lives.
    Owned,
    /// It is unknown if the owner lives, because the platform cannot lock directories.
    Unlockable,
    /// The directory has no live owner. The caller now holds the lock.
    Locked(Box<dyn FsDirLock>),
}

impl NameState {
    /// Returns the state of a name. If it belongs to a directory, takes the owner lock.
    ///
    /// # Errors
    ///
    /// The errors of [`Fs::symlink_metadata`] and [`Fs::try_lock_directory`].
    pub(crate) fn of(fs: &dyn Fs, path: &Path) -> lsm_fs::Result<Self> {
        match fs.symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => Self::of_directory(fs, path),
            // For a symbolic link, the call would lock the directory that the link leads to.
            Ok(_) => Ok(Self::NotADirectory),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Self::Free),
            Err(e) => Err(e),
        }
    }

    /// Like [`of`](Self::of), for a directory that the caller has just made. If the call fails, it removes the
    /// directory.
    ///
    /// If another process has given the name to an empty directory of its own meanwhile, that directory is removed
    /// instead, and the call of that process fails. No directory with entries is ever removed.
    ///
    /// # Errors
    ///
    /// The errors of [`of`](Self::of). If the directory still exists, the error is wrapped in
    /// [`LeftBehind`](Error::LeftBehind).
    pub(super) fn of_new_directory(fs: &dyn Fs, path: &Path) -> Result<Self> {
        Self::of_directory(fs, path).map_err(|error| match unless_gone(fs.remove_dir(path)) {
            Ok(()) => error.into(),
            Err(failure) => Error::from(error).left_behind(path, failure),
        })
    }

    /// Like [`of`](Self::of), for a name that belongs to a directory.
    pub(super) fn of_directory(fs: &dyn Fs, path: &Path) -> lsm_fs::Result<Self> {
        match fs.try_lock_directory(path) {
            Ok(Some(lock)) if lock.is_at(path)? => Ok(Self::Locked(lock)),
            Ok(Some(_)) => Ok(Self::Rebound),
            Ok(None) => Ok(Self::Owned),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Self::Free),
            Err(e) if e.kind() == io::ErrorKind::Unsupported => Ok(Self::Unlockable),
            Err(e) => Err(e),
        }
    }

    /// Returns `true` if the directory may be in use. Then only its owner may change it.
    pub(crate) const fn may_be_owned(&self) -> bool {
        matches!(self, Self::Owned | Self::Unlockable)
    }
}

/// Returns `true` if the locked directory has this name. The name of a mount point belongs to another directory.
pub(super) fn is_bound(lock: &dyn FsDirLock, name: &Path) -> lsm_fs::Result<bool> {
    match lock.is_at(name) {
        Err(e) if e.kind() == io::ErrorKind::CrossesDevices => Ok(false),
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use lsm_fs::FsOpenOptions;
    use lsm_fs_mem::MemFs;

    use super::*;

    #[test]
    fn each_kind_of_entry_gives_its_state() {
        let (fs, dir) = (MemFs::new(), Path::new("/d"));
        let state = || NameState::of(&fs, dir).unwrap();
        assert!(matches!(state(), NameState::Free));
        drop(fs.open(dir, &FsOpenOptions::new().write(true).create_new(true)).unwrap());
        assert!(matches!(state(), NameState::NotADirectory));
        fs.remove_file(dir).unwrap();
        fs.create_dir(dir).unwrap();
        let NameState::Locked(lock) = state() else { panic!("it is free") };
        assert!(matches!(state(), NameState::Owned) && state().may_be_owned());
        drop(lock);
        assert!(matches!(state(), NameState::Locked(_)) && !state().may_be_owned());
    }
}
