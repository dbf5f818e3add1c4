//! Publishing where the filesystem cannot rename a directory to a name that nothing has.
//!
//! The target is claimed by `create_dir`, which is as atomic. If the staged directory can be renamed over the empty
//! one, that is all. Otherwise the files move one by one, behind a marker that says that the target is not whole, and
//! those that make a tree readable come last, when all else is durable. The staged directory stays until the end: it
//! says whose the marker is.

use std::{
    io,
    path::{Component, Path, PathBuf},
};

use lsm_fs::{DirectorySync, Fs, FsExt, SyncMode};

use super::{Contents, Staging, is_refusal};
use xxhash_rust::xxh3::xxh3_128;

use crate::{Error, Result};

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
        mark(fs, target, &contents.pointers, self.mode)?;
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

/// Marks a target as not whole, durably. The marker names the pointers, one a line, behind a checksum of these lines.
pub(crate) fn mark(fs: &dyn Fs, target: &Path, pointers: &[PathBuf], mode: SyncMode) -> lsm_fs::Result<()> {
    let lines: String = pointers.iter().map(|pointer| format!("{}\n", pointer.display())).collect();
    let marker = format!("{:032x}\n{lines}", xxh3_128(lines.as_bytes()));
    fs.write_new(&target.join(MARKER_FILE), marker.as_bytes(), mode)?;
    fs.sync_directory(target, mode).map(drop)
}

fn unmark(fs: &dyn Fs, target: &Path, mode: SyncMode) -> lsm_fs::Result<()> {
    fs.remove_file(&target.join(MARKER_FILE))?;
    fs.sync_directory(target, mode).map(drop)
}

/// More than that many bytes of names no marker has.
const MARKER_MAX: u64 = 16 << 20;

/// The pointers that a marker names. `None`: a crash has kept it from being written, and nothing was done yet.
fn pointers_of(fs: &dyn Fs, target: &Path) -> Result<Option<Vec<PathBuf>>> {
    let marker = fs.read_to_vec(&target.join(MARKER_FILE), MARKER_MAX)?;
    let text = String::from_utf8_lossy(&marker);
    let Some((sum, lines)) = text.split_once('\n') else { return Ok(None) };
    if sum != format!("{:032x}", xxh3_128(lines.as_bytes())) {
        return Ok(None);
    }
    // Whatever it says, nothing outside the target is meant.
    Ok(Some(lines.lines().map(PathBuf::from).filter(|pointer| is_below(pointer)).collect()))
}

fn is_below(path: &Path) -> bool {
    path.components().all(|component| matches!(component, Component::Normal(_)))
}

/// Removes a target that is not whole: first what makes its trees readable, the marker last, so that a crash at any
/// point leaves what is neither readable nor of unknown origin. Until the parent is synced a crash may bring it back,
/// and the staged directory has to stay.
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
    fs.remove_dir_all(target)
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

/// What is to be done about a target beside whose name a dead creator or remover has left its directory.
enum State {
    /// Not begun, or not finished: these are the names by which it would be readable.
    Partial(Vec<PathBuf>),
    /// Whole but for a marker. An engine may live in it by now: hands off.
    Marked,
    /// Something else, or nothing.
    Other,
}

fn state_of(fs: &dyn Fs, target: &Path) -> Result<State> {
    let names = match fs.read_dir(target) {
        Ok(names) => names,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(State::Other);
        }
        Err(e) => return Err(e.into()),
    };
    if names.is_empty() {
        return Ok(State::Partial(Vec::new()));
    }
    if !names.iter().any(|entry| entry.name == MARKER_FILE) {
        return Ok(State::Other);
    }
    let Some(pointers) = pointers_of(fs, target)? else {
        // A creator makes nothing before the marker is durable, and a remover takes nothing away.
        return Ok(if names.len() == 1 { State::Partial(Vec::new()) } else { State::Marked });
    };
    for pointer in &pointers {
        if !fs.exists(&target.join(pointer))? {
            return Ok(State::Partial(pointers));
        }
    }
    // With no pointers to wait for, nothing says that it is whole.
    Ok(if pointers.is_empty() { State::Partial(pointers) } else { State::Marked })
}

/// Clears a target whose creator is dead: removes a partial one, takes the marker from a whole one. Anything else
/// stays. The caller holds the owner lock of the staged directory.
pub(crate) fn clear_partial(fs: &dyn Fs, target: &Path, mode: SyncMode) -> Result<()> {
    match state_of(fs, target)? {
        State::Partial(pointers) => Ok(remove_partial(fs, target, &pointers, mode)?),
        State::Marked => Ok(unmark(fs, target, mode)?),
        State::Other => Ok(()),
    }
}
