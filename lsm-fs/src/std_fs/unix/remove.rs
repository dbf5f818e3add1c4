//! Removal of a directory tree. It follows no symbolic link, enters no other mount, and needs few handles at any depth.
//!
//! Every name is looked up in an open directory, so no path becomes too long.

use std::{
    ffi::{CStr, CString, OsStr},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, fstat, openat, statat, unlinkat},
    io::{Errno, retry_on_intr},
};

use super::{
    at::At,
    resolver::{DIRECTORY, LISTING, Resolution, Resolver},
    stat::file_id,
};
use crate::{FileId, errno};

pub(in crate::std_fs) fn remove_dir_all(path: &Path) -> io::Result<()> {
    // If the path ended in a separator, the kernel would follow a symbolic link.
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(bytes.len(), |last| last + 1);
    let path = OsStr::from_bytes(bytes.get(..end).unwrap_or(bytes));
    remove_tree(&At::path(Path::new(path)), Resolution::of_host())
}

/// Removes a directory and everything in it.
pub(super) fn remove_tree(top: &At<'_>, resolution: Resolution) -> io::Result<()> {
    let found = statat(top.dir, top.name, AtFlags::SYMLINK_NOFOLLOW)?;
    if !FileType::from_raw_mode(found.st_mode).is_dir() {
        return Err(io::Error::from_raw_os_error(errno::ENOTDIR));
    }
    let remove = || unlinkat(top.dir, top.name, AtFlags::REMOVEDIR);
    match empty_top(top, resolution) {
        Ok(()) => Ok(remove()?),
        // A directory that may not be entered can only be removed if it is empty.
        Err(e) if is_denied(&e) => remove().map_err(|_| e),
        Err(e) => Err(e),
    }
}

fn empty_top(top: &At<'_>, resolution: Resolution) -> io::Result<()> {
    let dir = top.open(DIRECTORY | rustix::fs::OFlags::NOFOLLOW, Mode::empty())?;
    let resolver = match top.resolver {
        Some(resolver) => resolver,
        None => Resolver::of(resolution, dir.as_fd())?,
    };
    empty(dir, resolver)
}

/// Returns `true` if the mode of a directory forbids to open it, to list it or to change it.
fn is_denied(error: &io::Error) -> bool {
    error.raw_os_error() == Some(errno::EACCES)
}

/// A directory whose sub-directory is being emptied.
struct Ancestor {
    id: FileId,
    /// The name of that sub-directory.
    name: CString,
    /// The other sub-directories that remain.
    dirs: Vec<CString>,
}

/// A point at which a test can change the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Before entering a directory.
    Down,
    /// Before returning to its parent.
    Up,
}

/// Empties a directory.
pub(super) fn empty(top: OwnedFd, resolver: Resolver) -> io::Result<()> {
    empty_with(top, resolver, &mut |_, _| {})
}

/// Only the directory that is being emptied stays open. The way up is `..`, and the directory found there must be the
/// one from which the walk came.
fn empty_with(top: OwnedFd, resolver: Resolver, on: &mut dyn FnMut(Step, &CStr)) -> io::Result<()> {
    let mut here = top;
    let mut dirs = remove_files(&here)?;
    let mut above: Vec<Ancestor> = Vec::new();
    loop {
        if let Some(name) = dirs.pop() {
            on(Step::Down, &name);
            let entered = enter(&here, &name, resolver);
            let listed =
                entered.and_then(|below| below.map(|dir| Ok((remove_files(&dir)?, dir))).transpose());
            let (dirs_below, below) = match listed {
                Ok(Some(listed)) => listed,
                Ok(None) => continue,
                Err(e) if is_denied(&e) => {
                    unlinkat(&here, &name, AtFlags::REMOVEDIR).map_err(|_| e)?;
                    continue;
                }
                Err(e) => return Err(e),
            };
            above.push(Ancestor { id: file_id(&fstat(&here)?), name, dirs });
            (here, dirs) = (below, dirs_below);
        } else {
            let Some(parent) = above.pop() else { return Ok(()) };
            on(Step::Up, &parent.name);
            here = up(&here, parent.id)?;
            unlinkat(&here, &parent.name, AtFlags::REMOVEDIR).or_else(unless_gone)?;
            dirs = parent.dirs;
        }
    }
}

/// Opens a sub-directory. Returns `None` if it is gone, or if it was replaced by something else, which is removed.
fn enter(here: &OwnedFd, name: &CStr, resolver: Resolver) -> io::Result<Option<OwnedFd>> {
    let child = Path::new(OsStr::from_bytes(name.to_bytes()));
    match resolver.open(here.as_fd(), child, DIRECTORY, Mode::empty()) {
        Ok(below) => Ok(Some(below)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::NOTDIR | Errno::LOOP) => {
            unlinkat(here, name, AtFlags::empty()).or_else(unless_gone)?;
            Ok(None)
        }
        Err(e) => Err(e.into()),
    }
}

/// Opens the parent of a directory, if it is still the one from which the walk came.
fn up(here: &OwnedFd, id: FileId) -> io::Result<OwnedFd> {
    let parent = retry_on_intr(|| openat(here, c"..", DIRECTORY, Mode::empty()))?;
    if file_id(&fstat(&parent)?) != id {
        return Err(io::Error::other("a directory below it was moved during the call; try again"));
    }
    Ok(parent)
}

/// Removes all entries except directories. Returns the names of the directories.
fn remove_files(dir: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut dirs = Vec::new();
    // The handle may have been opened with `O_PATH`, which does not allow listing.
    let listing = retry_on_intr(|| openat(dir, c".", LISTING, Mode::empty()))?;
    for entry in Dir::new(listing)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let is_dir = match entry.file_type() {
            FileType::Unknown => match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode).is_dir(),
                Err(Errno::NOENT) => continue,
                Err(e) => return Err(e.into()),
            },
            known => known.is_dir(),
        };
        if is_dir {
            dirs.push(name.to_owned());
            continue;
        }
        match unlinkat(dir, name, AtFlags::empty()).or_else(unless_gone) {
            Err(Errno::ISDIR) => dirs.push(name.to_owned()),
            removed => removed?,
        }
    }
    Ok(dirs)
}

/// Ignores a missing entry, because another process may be removing the same tree.
fn unless_gone(error: Errno) -> rustix::io::Result<()> {
    if error == Errno::NOENT { Ok(()) } else { Err(error) }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
