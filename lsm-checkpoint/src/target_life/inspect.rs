//! [`NameState`]: what has a name, of a target or of the staged directory beside it.

use std::{io, path::Path};

use lsm_fs::{Fs, FsDirLock};

use super::unless_gone;
use crate::{Error, Result};

/// The state of a name. The owner lock of a directory tells if the process that made it lives.
#[derive(Debug)]
pub(crate) enum NameState {
    /// Nothing has the name, or its directory went away during the look.
    Free,
    /// The directory that had the name was moved during the look.
    Rebound,
    /// Something has the name that is no directory, such as a symbolic link.
    NotADirectory,
    /// The owner of the directory lives.
    Owned,
    /// Nobody can tell if the owner lives: the platform cannot lock directories.
    Unlockable,
    /// The directory has no owner, or a dead one. The lock is the caller's.
    Locked(Box<dyn FsDirLock>),
}

impl NameState {
    /// Looks at a name, and takes the owner lock of a directory that has it.
    ///
    /// # Errors
    ///
    /// The errors of [`Fs::symlink_metadata`] and [`Fs::try_lock_directory`].
    pub(crate) fn of(fs: &dyn Fs, path: &Path) -> lsm_fs::Result<Self> {
        match fs.symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => Self::of_directory(fs, path),
            // The lock would be the lock of the directory that a symbolic link leads to.
            Ok(_) => Ok(Self::NotADirectory),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Self::Free),
            Err(e) => Err(e),
        }
    }

    /// The same of a name that the caller has just given to a directory. If the look fails, the directory is removed.
    ///
    /// It is empty, and no more than empty is ever removed. If somebody has given the name to a directory of theirs
    /// meanwhile, and has not put anything into it, their call fails.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of), in a [`LeftBehind`](Error::LeftBehind) if the directory is still there.
    pub(super) fn of_new_directory(fs: &dyn Fs, path: &Path) -> Result<Self> {
        Self::of_directory(fs, path).map_err(|error| match unless_gone(fs.remove_dir(path)) {
            Ok(()) => error.into(),
            Err(failure) => Error::from(error).left_behind(path, failure),
        })
    }

    /// The same of a name that a directory has.
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

    /// Tells if the directory may be in use, so that only its owner may touch it.
    pub(crate) const fn may_be_owned(&self) -> bool {
        matches!(self, Self::Owned | Self::Unlockable)
    }
}

#[cfg(test)]
mod tests {
    use lsm_fs::FsOpenOptions;
    use lsm_fs_mem::MemFs;

    use super::*;

    #[test]
    fn a_name_has_the_state_of_what_has_it() {
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
