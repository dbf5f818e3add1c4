//! Publishing where the filesystem cannot rename a directory to a name that nothing has.
//!
//! The target is claimed by `create_dir`, which is as atomic. If the staged directory can be renamed over the empty one,
//! that is all. Otherwise the files move one by one, behind a marker that says that the target is not whole, and those
//! that make a tree readable come last, when all else is durable. The staged directory stays until the end: it says
//! whose the marker is.

use std::{
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{DirectorySync, Fs, FsExt, FsOpenOptions, SyncMode, parent_of};

use super::{Contents, Staging, is_refusal};
use crate::{Catalog, Error, Result};

/// Name of the file in a target that is being made in place.
pub(crate) const MARKER_FILE: &str = ".checkpoint-unpublished";

impl Staging<'_> {
    pub(super) fn publish_in_place(mut self, contents: &Contents) -> Result<DirectorySync> {
        // The staged directory has to outlive every crash that leaves the target's name.
        if let Err(e) = self.fs.sync_directory(self.target.parent(), self.mode) {
            return Err(self.abandon(e.into()));
        }
        match self.fs.create_dir(&self.target.path) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                let target = self.target.path.clone();
                return Err(self.abandon(Error::TargetExists { target }));
            }
            Err(e) => return Err(self.unclaim(e)),
        }
        match self.fs.rename(&self.target.staged, &self.target.path) {
            Ok(()) => {
                self.armed = false;
                return self.sync_published();
            }
            Err(e) if is_refusal(&e) => {}
            Err(e) => return Err(self.unclaim(e)),
        }
        match self.move_all(contents) {
            Ok(()) => self.finish_in_place(),
            Err(error) => {
                let removed = remove_partial(self.fs, &self.target.path, &contents.pointers, self.mode);
                Err(self.abandon_with(error.into(), removed))
            }
        }
    }

    fn move_all(&self, contents: &Contents) -> lsm_fs::Result<()> {
        let (fs, target) = (self.fs, &self.target.path);
        drop(fs.open(&target.join(MARKER_FILE), &FsOpenOptions::new().write(true).create_new(true))?);
        // Nothing else in the target survives a crash that loses the marker.
        let _ = fs.sync_directory(target, self.mode)?;
        for dir in contents.dirs.iter().skip(1) {
            fs.create_dir(&target.join(dir))?;
        }
        for file in contents.files.iter().filter(|file| !contents.pointers.contains(file)) {
            fs.rename(&self.target.staged.join(file), &target.join(file))?;
        }
        for dir in contents.dirs.iter().rev() {
            let _ = fs.sync_directory(&target.join(dir), self.mode)?;
        }
        for pointer in &contents.pointers {
            fs.rename(&self.target.staged.join(pointer), &target.join(pointer))?;
        }
        for dir in dirs_of(&contents.pointers) {
            let _ = fs.sync_directory(&target.join(dir), self.mode)?;
        }
        Ok(())
    }

    /// The target is whole, and durable but for its own name. The marker goes even if that name may not last: without
    /// the staged directory, which goes too, nobody would take it away.
    fn finish_in_place(self) -> Result<DirectorySync> {
        let published = self.sync_published();
        let unmark = || {
            self.fs.remove_file(&self.target.path.join(MARKER_FILE))?;
            self.fs.sync_directory(&self.target.path, self.mode)
        };
        let unmarked = unmark();
        let durable = published?;
        unmarked
            .map_err(|source| Error::PublishedNotDurable { target: self.target.path.clone(), source })
            .map(|_| durable)
    }

    /// Removes the empty target that was claimed, or may have been, and the staged directory.
    fn unclaim(self, error: lsm_fs::Error) -> Error {
        match self.fs.remove_dir(&self.target.path) {
            // The rename took place after all.
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => self.abandon_renamed(error.into()),
            removed => self.abandon_with(error.into(), unless_gone(removed)),
        }
    }

    /// While the target is there, the staged directory has to say whose it is.
    fn abandon_with(mut self, error: Error, removed: lsm_fs::Result<()>) -> Error {
        match removed {
            Ok(()) => self.abandon(error),
            Err(failure) => {
                self.armed = false;
                error.left_behind(&self.target.path, failure)
            }
        }
    }
}

/// Removes a target that is not whole: first what makes its trees readable, the marker last, so that a crash at any
/// point leaves what is neither readable nor of unknown origin.
pub(crate) fn remove_partial(
    fs: &dyn Fs,
    target: &Path,
    pointers: &[PathBuf],
    mode: SyncMode,
) -> lsm_fs::Result<()> {
    for pointer in pointers {
        unless_gone(fs.remove_file(&target.join(pointer)))?;
    }
    for dir in dirs_of(pointers) {
        unless_gone(fs.sync_directory(&target.join(dir), mode).map(drop))?;
    }
    for entry in fs.read_dir(target)?.iter().filter(|entry| entry.name != MARKER_FILE) {
        let path = target.join(&entry.name);
        if entry.file_type.is_dir() { fs.remove_dir_all(&path) } else { fs.remove_file(&path) }?;
    }
    let _ = fs.sync_directory(target, mode)?;
    fs.remove_dir_all(target)?;
    fs.sync_directory(parent_of(target), mode).map(drop)
}

fn unless_gone(result: lsm_fs::Result<()>) -> lsm_fs::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn dirs_of(pointers: &[PathBuf]) -> Vec<&Path> {
    let mut dirs: Vec<&Path> = pointers.iter().filter_map(|pointer| pointer.parent()).collect();
    dirs.sort_unstable();
    dirs.dedup();
    dirs
}

/// Whether a target is one that a creator began in place and did not finish: empty, or marked with a pointer missing.
pub(crate) fn is_partial(fs: &dyn Fs, target: &Path) -> Result<bool> {
    let names = match fs.read_dir(target) {
        Ok(names) => names,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(false);
        }
        Err(e) => return Err(e.into()),
    };
    if names.is_empty() {
        return Ok(true);
    }
    if !names.iter().any(|entry| entry.name == MARKER_FILE) {
        return Ok(false);
    }
    // With all its pointers it is whole, and an engine may live in it by now: hands off.
    Ok(!has_pointers(fs, target)?)
}

fn has_pointers(fs: &dyn Fs, target: &Path) -> Result<bool> {
    let pointers = pointers_of(fs, target)?;
    for pointer in pointers.iter().map(|pointer| target.join(pointer)) {
        if !fs.exists(&pointer)? {
            return Ok(false);
        }
    }
    Ok(!pointers.is_empty())
}

/// The catalog is durable before the first pointer has its name: without one there is none. One that cannot be read
/// says nothing, and then nothing may be removed.
fn pointers_of(fs: &dyn Fs, target: &Path) -> Result<Vec<PathBuf>> {
    match Catalog::read(fs, target) {
        Ok(catalog) => Ok(catalog.pointers()),
        Err(Error::NotACheckpoint { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Clears a target whose creator is dead: removes a partial one, takes the marker from a whole one. Anything else stays.
/// The caller holds the owner lock of the staged directory.
pub(crate) fn clear_partial(fs: &dyn Fs, target: &Path, mode: SyncMode) -> Result<()> {
    if is_partial(fs, target)? {
        return Ok(remove_partial(fs, target, &pointers_of(fs, target)?, mode)?);
    }
    match fs.remove_file(&target.join(MARKER_FILE)) {
        Ok(()) => fs.sync_directory(target, mode).map(drop).map_err(Error::from),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Removes a target whose marker is durable: the marker last, so that whatever a crash leaves of it is marked or empty.
pub(crate) fn erase_marked(fs: &dyn Fs, target: &Path, mode: SyncMode) -> Result<()> {
    for entry in fs.read_dir(target)?.iter().filter(|entry| entry.name != MARKER_FILE) {
        let path = target.join(&entry.name);
        if entry.file_type.is_dir() { fs.remove_dir_all(&path)? } else { fs.remove_file(&path)? }
    }
    let _ = fs.sync_directory(target, mode)?;
    Ok(fs.remove_dir_all(target)?)
}
