//! Publishing on a filesystem that cannot rename a directory to a free name.
//!
//! The target is claimed by `create_dir`, which is atomic, too. If the staged directory can be renamed over the empty
//! target, nothing else is needed. Otherwise, a marker in the target states that the target is not whole, and the files
//! move one by one. The files that make a tree readable move last, when everything else is durable. The staged
//! directory stays until the end, because a sweep finds an unfinished target only through it.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{DirectorySync, Fs};

use super::{
    Contents, Staging,
    debris::remove_partial,
    is_refusal,
    marker::{Marker, unmark},
    parents_of, unless_gone,
};
use crate::{
    Error, Result,
    permissions::{carry_over, create_private_dir},
};

impl Staging<'_> {
    pub(super) fn publish_in_place(mut self, contents: &Contents) -> Result<DirectorySync> {
        // The staged directory has to survive every crash that leaves the target's name.
        if let Err(e) = self.fs.sync_directory(self.target.parent(), self.mode) {
            return Err(self.abandon(e.into()));
        }
        match create_dir_or_own(self.fs, &self.target.path) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                let taken = self.target.clone().exists(self.fs);
                return Err(self.abandon(taken));
            }
            Err(e) => return Err(self.unclaim(e)),
        }
        match self.fs.rename(&self.target.staged, &self.target.path) {
            Ok(()) => {
                self.disarm();
                return self.sync_published();
            }
            Err(e) if is_refusal(&e) => {}
            // Some filesystems cannot rename over a directory, and report this error even if the directory is empty.
            Err(e) if is_in_the_way(&e) => match self.was_renamed() {
                Ok(true) => {
                    self.disarm();
                    return self.sync_published();
                }
                Ok(false) if is_empty_dir(self.fs, &self.target.path).unwrap_or(false) => {}
                Ok(false) | Err(_) => return Err(self.unclaim(e)),
            },
            Err(e) => return Err(self.unclaim(e)),
        }
        match self.move_all(contents, &Marker::publish(contents)) {
            Ok(()) => self.finish_in_place(),
            Err(error) => {
                let removed = remove_partial(self.fs, &self.target, &Marker::publish(contents), self.mode);
                Err(self.abandon_with(error.into(), removed))
            }
        }
    }

    pub(super) fn move_all(&self, contents: &Contents, marker: &Marker) -> lsm_fs::Result<()> {
        let (fs, target) = (self.fs, &self.target.path);
        marker.write(fs, target, self.mode)?;
        for dir in contents.dirs.iter().skip(1) {
            create_dir_or_own(fs, &target.join(dir))?;
        }
        let pointers: HashSet<&PathBuf> = contents.pointers.iter().collect();
        for file in contents.files.iter().filter(|file| !pointers.contains(file)) {
            fs.rename(&self.target.staged.join(file), &target.join(file))?;
        }
        for dir in contents.dirs.iter().rev() {
            if !self.target.is_inside || !dir.as_os_str().is_empty() {
                carry_over(fs, &self.target.staged.join(dir), &target.join(dir))?;
            }
            let _ = fs.sync_directory(&target.join(dir), self.mode)?;
        }
        for pointer in &contents.pointers {
            fs.rename(&self.target.staged.join(pointer), &target.join(pointer))?;
        }
        for dir in parents_of(&contents.pointers) {
            let _ = fs.sync_directory(&target.join(dir), self.mode)?;
        }
        Ok(())
    }

    /// Removes the marker and the staged directory. The target is whole and, except for its own name, durable. The
    /// marker is removed first, because a sweep finds a marked target only through the staged directory. The last sync
    /// makes the target's name and the removal of the staged name durable.
    pub(super) fn finish_in_place(mut self) -> Result<DirectorySync> {
        self.disarm();
        if let Err(source) = unmark(self.fs, &self.target.path, self.mode) {
            return Err(Error::PublishedNotDurable { target: self.target.path.clone(), source });
        }
        // The target is published, so a failure here is not an error of the call. A sweep removes the leftover.
        if let Err(failure) = self.fs.remove_dir_all(&self.target.staged) {
            log::warn!("{} was left behind: {failure}", self.target.staged.display());
        }
        self.sync_published()
    }

    /// Undoes a claim that may have taken effect: removes the empty target and the staged directory.
    fn unclaim(self, error: lsm_fs::Error) -> Error {
        match self.fs.remove_dir(&self.target.path) {
            // The rename took effect despite its error.
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => self.abandon_renamed(error.into()),
            removed => self.abandon_with(error.into(), unless_gone(removed)),
        }
    }

    /// Removes the staged directory after an attempt to remove the target. If that attempt or its sync failed, the
    /// staged directory stays, because the target still exists or can come back after a crash, and a sweep finds it
    /// only through the staged directory.
    pub(super) fn abandon_with(mut self, error: Error, removed: lsm_fs::Result<()>) -> Error {
        let gone = removed.and_then(|()| self.fs.sync_directory(self.target.parent(), self.mode));
        match gone {
            Ok(_) => self.abandon(error),
            Err(failure) => {
                self.disarm();
                error.left_behind(&self.target.path, failure)
            }
        }
    }
}

/// Makes a directory. An existing empty directory counts as made by this call, because a network filesystem can report
/// the effect of its own first attempt as `AlreadyExists` (`rename(2)`, BUGS). The claim found no target, and its owner
/// lock keeps other creators out.
pub(crate) fn create_dir_or_own(fs: &dyn Fs, path: &Path) -> lsm_fs::Result<()> {
    match create_private_dir(fs, path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            if is_empty_dir(fs, path)? {
                Ok(())
            } else {
                Err(e)
            }
        }
        made => made,
    }
}

pub(super) fn is_empty_dir(fs: &dyn Fs, path: &Path) -> lsm_fs::Result<bool> {
    Ok(fs.symlink_metadata(path)?.is_dir() && fs.read_dir(path)?.is_empty())
}

/// Returns `true` if a rename failed because the new name is taken.
fn is_in_the_way(error: &lsm_fs::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty)
}
