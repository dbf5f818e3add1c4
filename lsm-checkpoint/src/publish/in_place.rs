//! Publishing where the filesystem cannot rename a directory to a name that nothing has.
//!
//! The target is claimed by `create_dir`, which is as atomic. If the staged directory can be renamed over the empty
//! one, that is all. Otherwise the files move one by one, behind a marker that says that the target is not whole, and
//! those that make a tree readable come last, when all else is durable. The staged directory stays until the end: it
//! says whose the marker is.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{DirectorySync, Fs, FsExt, SyncMode};

use super::{
    Contents, Staging, Target, is_refusal,
    marker::{Doing, MARKER_FILE, Marker, unmark},
};
use crate::{Error, Result};

impl Staging<'_> {
    pub(super) fn publish_in_place(mut self, contents: &Contents) -> Result<DirectorySync> {
        // The staged directory has to outlive every crash that leaves the target's name.
        if let Err(e) = self.fs.sync_directory(self.target.parent(), self.mode) {
            return Err(self.abandon(e.into()));
        }
        match create_dir_or_own(self.fs, &self.target.path) {
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
                let removed = remove_partial(self.fs, &self.target, &marker_of(contents), self.mode);
                Err(self.abandon_with(error.into(), removed))
            }
        }
    }

    fn move_all(&self, contents: &Contents) -> lsm_fs::Result<()> {
        let (fs, target) = (self.fs, &self.target.path);
        marker_of(contents).write(fs, target, self.mode)?;
        for dir in contents.dirs.iter().skip(1) {
            create_dir_or_own(fs, &target.join(dir))?;
        }
        let pointers: HashSet<&PathBuf> = contents.pointers.iter().collect();
        for file in contents.files.iter().filter(|file| !pointers.contains(file)) {
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

    /// The target is whole, and durable but for its own name. The marker goes while the staged directory still says
    /// whose it is; the sync behind both makes the one name last and the other go.
    fn finish_in_place(mut self) -> Result<DirectorySync> {
        self.armed = false;
        if let Err(source) = unmark(self.fs, &self.target.path, self.mode) {
            return Err(Error::PublishedNotDurable { target: self.target.path.clone(), source });
        }
        // The target is what counts, and beside it the sweep finds what is left.
        if let Err(failure) = self.fs.remove_dir_all(&self.target.staged) {
            log::warn!("{} was left behind: {failure}", self.target.staged.display());
        }
        self.sync_published()
    }

    /// Removes the empty target that was claimed, or may have been, and the staged directory.
    fn unclaim(self, error: lsm_fs::Error) -> Error {
        match self.fs.remove_dir(&self.target.path) {
            // The rename took place after all.
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => self.abandon_renamed(error.into()),
            removed => self.abandon_with(error.into(), unless_gone(removed)),
        }
    }

    /// While the target is there, or a crash can bring it back, the staged directory has to say whose it is.
    fn abandon_with(mut self, error: Error, removed: lsm_fs::Result<()>) -> Error {
        let gone = removed.and_then(|()| self.fs.sync_directory(self.target.parent(), self.mode));
        match gone {
            Ok(_) => self.abandon(error),
            Err(failure) => {
                self.armed = false;
                error.left_behind(&self.target.path, failure)
            }
        }
    }
}

/// Makes a directory. An empty one that is there already counts as made by this call: the claim found no target, its
/// owner lock keeps other creators out, and a network filesystem can report the effect of its own first attempt as
/// `AlreadyExists`.
fn create_dir_or_own(fs: &dyn Fs, path: &Path) -> lsm_fs::Result<()> {
    match fs.create_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            let is_empty_dir = fs.symlink_metadata(path)?.is_dir() && fs.read_dir(path)?.is_empty();
            if is_empty_dir { Ok(()) } else { Err(e) }
        }
        made => made,
    }
}

fn marker_of(contents: &Contents) -> Marker {
    Marker { doing: Doing::Publish, pointers: contents.pointers.clone() }
}

/// Removes a target that is not whole: first what makes its trees readable, the marker last, so that a crash at any
/// point leaves what is neither readable nor of unknown origin. Until the parent is synced a crash may bring it back,
/// and the staged directory has to stay.
///
/// What was to be published has its pointers taken back to the staged directory: that they are there is what says that
/// it is not whole.
pub(crate) fn remove_partial(
    fs: &dyn Fs,
    target: &Target,
    marker: &Marker,
    mode: SyncMode,
) -> lsm_fs::Result<()> {
    let dir = &target.path;
    for pointer in &marker.pointers {
        let path = dir.join(pointer);
        match marker.doing {
            Doing::Publish if !fs.exists(&path)? => {}
            Doing::Publish => fs.rename(&path, &target.staged.join(pointer))?,
            Doing::Remove => unless_gone(fs.remove_file(&path))?,
        }
    }
    for synced in dirs_of(&marker.pointers) {
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

/// Counts a name that is not there as removed.
pub(crate) fn unless_gone(result: lsm_fs::Result<()>) -> lsm_fs::Result<()> {
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

/// What is to be done about a target beside whose name a dead creator or remover has left its directory.
enum State {
    /// There is nothing in it, or nothing but a marker that was not written to its end: the dead had only begun, or had
    /// all but finished.
    Empty,
    /// Not finished.
    Partial(Marker),
    /// Whole but for a marker. An engine may live in it by now: hands off.
    Marked,
    /// A pointer is nowhere: a crash has split a rename, or an engine that lives in it has removed one.
    Undecided,
    /// Something else, or nothing.
    Other,
}

fn state_of(fs: &dyn Fs, target: &Target) -> Result<State> {
    let dir = &target.path;
    match fs.symlink_metadata(dir) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Ok(State::Other),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(State::Other),
        Err(e) => return Err(e.into()),
    }
    let names = fs.read_dir(dir)?;
    if names.is_empty() {
        return Ok(State::Empty);
    }
    if !names.iter().any(|entry| entry.name == MARKER_FILE) {
        return Ok(State::Other);
    }
    let Some(marker) = Marker::read(fs, dir)? else {
        // A creator makes nothing before the marker is durable, and a remover takes nothing away.
        return Ok(if names.len() == 1 { State::Empty } else { State::Marked });
    };
    let (mut missing, mut staged) = (false, false);
    for pointer in &marker.pointers {
        if !fs.exists(&dir.join(pointer))? {
            missing = true;
            staged |= fs.exists(&target.staged.join(pointer))?;
        }
    }
    Ok(match marker.doing {
        // Without pointers nothing says that it is whole.
        _ if marker.pointers.is_empty() => State::Partial(marker),
        _ if !missing => State::Marked,
        Doing::Publish if !staged => State::Undecided,
        _ => State::Partial(marker),
    })
}

/// Clears a target whose creator is dead: removes a partial one, takes the marker from a whole one. Anything else
/// stays. The caller holds the owner lock of the staged directory.
pub(crate) fn clear_partial(fs: &dyn Fs, target: &Target, mode: SyncMode) -> Result<()> {
    match state_of(fs, target)? {
        State::Empty => Ok(remove_empty(fs, &target.path)?),
        State::Partial(marker) => Ok(remove_partial(fs, target, &marker, mode)?),
        State::Marked => Ok(unmark(fs, &target.path, mode)?),
        State::Undecided => {
            Err(Error::Undecided { target: target.path.clone(), staged: target.staged.clone() })
        }
        State::Other => Ok(()),
    }
}

/// Whoever puts something into it meanwhile keeps it.
fn remove_empty(fs: &dyn Fs, dir: &Path) -> lsm_fs::Result<()> {
    unless_gone(fs.remove_file(&dir.join(MARKER_FILE)))?;
    match fs.remove_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => unless_gone(removed),
    }
}
