//! [`Staging`]: a claimed target, from the staged directory to the published one or back to nothing.

use std::{
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{DirectorySync, Fs, FsDirLock, FsExt, SyncMode};

use super::{Target, is_refusal};
use crate::{Error, Result};

/// The paths in a staged directory, relative to it.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// Each behind its parent, the first is the directory itself.
    pub(crate) dirs: Vec<PathBuf>,
    pub(crate) files: Vec<PathBuf>,
    /// Those of the files that make a tree readable.
    pub(crate) pointers: Vec<PathBuf>,
}

/// A claimed target. Dropped before it is published, it is undone: the guard of a checkpoint that did not finish.
#[derive(Debug)]
#[must_use = "a claim that is dropped is given up"]
pub(crate) struct Staging<'fs> {
    pub(super) fs: &'fs dyn Fs,
    pub(super) target: Target,
    pub(super) mode: SyncMode,
    /// `None` where the platform cannot lock directories.
    lock: Option<Box<dyn FsDirLock>>,
    /// `true` while the staged directory is to be removed.
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

    /// Where to make what the target will hold.
    pub(crate) fn dir(&self) -> &Path {
        &self.target.staged
    }

    pub(crate) fn fs(&self) -> &'fs dyn Fs {
        self.fs
    }

    /// Gives the staged directory the target's name, durably. All that is in it is durable already.
    ///
    /// # Errors
    ///
    /// The staged directory is gone, and the target is not there, except after
    /// [`PublishedNotDurable`](Error::PublishedNotDurable).
    pub(crate) fn publish(mut self, contents: &Contents) -> Result<DirectorySync> {
        if self.target.is_inside {
            return self.publish_inside(contents);
        }
        match self.fs.rename_noreplace(&self.target.staged, &self.target.path) {
            Ok(()) => self.armed = false,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => match self.was_renamed() {
                // A network filesystem can report the effect of its own first attempt as an obstacle to the second.
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

    /// Tells if the staged directory has the target's name, although the rename reported an error.
    pub(super) fn was_renamed(&self) -> lsm_fs::Result<bool> {
        match &self.lock {
            Some(lock) => lock.is_at(&self.target.path),
            // Nobody else may move the staged directory.
            None => self.fs.exists(&self.target.staged).map(|staged| !staged),
        }
    }

    pub(super) fn sync_published(&self) -> Result<DirectorySync> {
        let synced = self.fs.sync_directory(self.target.parent(), self.mode);
        synced.map_err(|source| Error::PublishedNotDurable { target: self.target.path.clone(), source })
    }

    /// Undoes what was made, and returns the error that made it necessary.
    pub(crate) fn abandon(mut self, error: Error) -> Error {
        match self.undo() {
            Ok(()) => error,
            Err(failure) => error.left_behind(&self.target.staged, failure),
        }
    }

    /// The same after a rename whose failure may hide that it took place.
    pub(super) fn abandon_renamed(mut self, error: Error) -> Error {
        let renamed = self.was_renamed();
        match renamed.and_then(|renamed| if renamed { self.rename_back() } else { Ok(()) }) {
            Ok(()) => self.abandon(error),
            Err(failure) => {
                // Whole, under one name or the other: the next attempt decides.
                self.armed = false;
                error.left_behind(&self.target.path, failure)
            }
        }
    }

    /// While a crash can bring the target's name back, what it names has to stay whole.
    fn rename_back(&self) -> lsm_fs::Result<()> {
        let Target { path, staged, .. } = &self.target;
        match self.fs.rename_noreplace(path, staged) {
            Err(e) if is_refusal(&e) => self.fs.rename(path, staged)?,
            // Another creator may have claimed the staged name since the rename took place.
            renamed => renamed?,
        }
        self.fs.sync_directory(self.target.parent(), self.mode).map(drop)
    }

    /// Leaves the staged directory: it is published, or it has to say whose the target is.
    pub(super) fn disarm(&mut self) {
        self.armed = false;
    }

    fn undo(&mut self) -> lsm_fs::Result<()> {
        self.armed = false;
        match self.fs.remove_dir_all(&self.target.staged) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        // Debris that comes back after a crash is harmless, and only the sweep would find it.
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
