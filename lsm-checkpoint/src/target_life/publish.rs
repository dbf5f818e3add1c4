//! [`Staging`]: a claimed target, which is published or undone.

use std::{
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{DirectorySync, Fs, FsDirLock, FsExt, SyncMode};

use super::{Target, inspect::is_bound, is_refusal};
use crate::{Error, Result};

/// The paths in a staged directory, relative to it.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The directories, each after its parent. The first is the staged directory itself.
    pub(crate) dirs: Vec<PathBuf>,
    pub(crate) files: Vec<PathBuf>,
    /// The subset of the files that make a tree readable.
    pub(crate) pointers: Vec<PathBuf>,
}

/// A claimed target. If the value is dropped before it is published, the claim is undone. This covers every error and
/// panic on the way.
#[derive(Debug)]
#[must_use = "a claim that is dropped is given up"]
pub(crate) struct Staging<'fs> {
    pub(super) fs: &'fs dyn Fs,
    pub(super) target: Target,
    pub(super) mode: SyncMode,
    /// `None` where the platform cannot lock directories.
    lock: Option<Box<dyn FsDirLock>>,
    /// `true` while a drop has to remove the staged directory.
    armed: bool,
}

impl<'fs> Staging<'fs> {
    pub(super) fn new(
        fs: &'fs dyn Fs,
        target: Target,
        mode: SyncMode,
        lock: Option<Box<dyn FsDirLock>>,
    ) -> Self {
        Self { fs, target, mode, lock, armed: true }
    }

    /// Returns the directory in which to make the contents of the target.
    pub(crate) fn dir(&self) -> &Path {
        &self.target.staged
    }

    pub(crate) fn fs(&self) -> &'fs dyn Fs {
        self.fs
    }

    /// Gives the staged directory the target's name, durably. The contents of the staged directory are durable already.
    ///
    /// # Errors
    ///
    /// After an error the staged directory is gone and the target does not exist, except after
    /// [`PublishedNotDurable`](Error::PublishedNotDurable) and [`LeftBehind`](Error::LeftBehind).
    pub(crate) fn publish(mut self, contents: &Contents) -> Result<DirectorySync> {
        if self.target.is_inside {
            return self.publish_inside(contents);
        }
        match self.fs.rename_noreplace(&self.target.staged, &self.target.path) {
            Ok(()) => self.armed = false,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => match self.was_renamed() {
                // A network filesystem can report the effect of its own first attempt as an obstacle to the second
                // (`rename(2)`, BUGS).
                Ok(true) => self.armed = false,
                Ok(false) => {
                    let taken = self.target.clone().exists(self.fs);
                    return Err(self.abandon(taken));
                }
                Err(_) => return Err(self.abandon_renamed(e.into())),
            },
            Err(e) if is_refusal(&e) => return self.publish_in_place(contents),
            Err(e) => return Err(self.abandon_renamed(e.into())),
        }
        self.sync_published()
    }

    /// Returns `true` if the staged directory has the target's name, although the rename reported an error.
    pub(super) fn was_renamed(&self) -> lsm_fs::Result<bool> {
        match &self.lock {
            Some(lock) => is_bound(&**lock, &self.target.path),
            // No other process may move the staged directory.
            None => self.fs.exists(&self.target.staged).map(|staged| !staged),
        }
    }

    pub(super) fn sync_published(&self) -> Result<DirectorySync> {
        let synced = self.fs.sync_directory(self.target.parent(), self.mode);
        synced.map_err(|source| Error::PublishedNotDurable { target: self.target.path.clone(), source })
    }

    /// Gives up the claim: removes the staged directory, and returns the error.
    pub(crate) fn abandon(mut self, error: Error) -> Error {
        // A cancellation skips the sync, because it must be quick, and a sync can take seconds on a busy volume.
        let undone = if matches!(error, Error::Cancelled) { self.remove() } else { self.undo() };
        match undone {
            Ok(()) => error,
            Err(failure) => error.left_behind(&self.target.staged, failure),
        }
    }

    /// Like [`abandon`](Self::abandon), after a rename that may have taken effect despite its error.
    pub(super) fn abandon_renamed(mut self, error: Error) -> Error {
        let renamed = self.was_renamed();
        match renamed.and_then(|renamed| if renamed { self.rename_back() } else { Ok(()) }) {
            Ok(()) => self.abandon(error),
            Err(failure) => {
                // The directory is whole under one of its two names, so remove nothing. The next attempt or a sweep
                // decides.
                self.armed = false;
                error.left_behind(&self.target.path, failure)
            }
        }
    }

    /// Renames the target back to the staged name, durably. The directory has to stay whole until then, because a crash
    /// can bring the target's name back.
    fn rename_back(&self) -> lsm_fs::Result<()> {
        let Target { path, staged, .. } = &self.target;
        match self.fs.rename_noreplace(path, staged) {
            Err(e) if is_refusal(&e) => self.fs.rename(path, staged)?,
            // Another creator may have claimed the staged name since the rename, so never replace it.
            renamed => renamed?,
        }
        self.fs.sync_directory(self.target.parent(), self.mode).map(drop)
    }

    /// Keeps a drop from removing the staged directory. Either it is published, or a sweep needs it to find the target.
    pub(super) fn disarm(&mut self) {
        self.armed = false;
    }

    fn remove(&mut self) -> lsm_fs::Result<()> {
        self.armed = false;
        match self.fs.remove_dir_all(&self.target.staged) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    fn undo(&mut self) -> lsm_fs::Result<()> {
        self.remove()?;
        // Without this sync, debris could come back after a crash. It would be harmless, but it would stay until a
        // sweep.
        self.fs.sync_directory(self.target.parent(), self.mode).map(drop)
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        if self.armed
            && let Err(failure) = self.undo()
        {
            log::warn!("{} was left behind: {failure}", self.target.staged.display());
        }
    }
}
