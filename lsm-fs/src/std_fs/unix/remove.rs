//! Removal of a tree: through no symbolic link, into no other mount, with few handles however deep the tree is.
//!
//! Every name is looked up in an open directory, so no path gets too long.

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
    beneath::resolver::{DIRECTORY, LISTING, Resolution, Resolver},
    stat::file_id,
};
use crate::{FileId, errno};

pub(in crate::std_fs) fn remove_dir_all(path: &Path) -> io::Result<()> {
    // With a separator at its end the kernel would follow a link.
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(bytes.len(), |last| last + 1);
    let path = OsStr::from_bytes(bytes.get(..end).unwrap_or(bytes));
    remove_tree(&At::path(Path::new(path)), Resolution::of_host())
}

/// Removes a directory and all below it.
pub(super) fn remove_tree(top: &At<'_>, resolution: Resolution) -> io::Result<()> {
    let found = statat(top.dir, top.name, AtFlags::SYMLINK_NOFOLLOW)?;
    if !FileType::from_raw_mode(found.st_mode).is_dir() {
        return Err(io::Error::from_raw_os_error(errno::ENOTDIR));
    }
    let dir = top.open(DIRECTORY | rustix::fs::OFlags::NOFOLLOW, Mode::empty())?;
    let resolver = match top.resolver {
        Some(resolver) => resolver,
        None => Resolver::of(resolution, dir.as_fd())?,
    };
    empty(dir, resolver)?;
    Ok(unlinkat(top.dir, top.name, AtFlags::REMOVEDIR)?)
}

/// A directory whose sub-directory is being emptied.
struct Ancestor {
    id: FileId,
    /// The sub-directory.
    name: CString,
    /// Sub-directories that are still there.
    dirs: Vec<CString>,
}

/// A moment at which a test changes the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Before a name is entered.
    Down,
    /// Before the walk comes back from it.
    Up,
}

/// Empties a directory.
pub(super) fn empty(top: OwnedFd, resolver: Resolver) -> io::Result<()> {
    empty_with(top, resolver, &mut |_, _| {})
}

/// Only one directory is open at a time: the way back up is `..`, and the directory there must be the one that the way
/// down came from.
fn empty_with(top: OwnedFd, resolver: Resolver, on: &mut dyn FnMut(Step, &CStr)) -> io::Result<()> {
    let mut here = top;
    let mut dirs = remove_files(&here)?;
    let mut above: Vec<Ancestor> = Vec::new();
    loop {
        if let Some(name) = dirs.pop() {
            on(Step::Down, &name);
            let Some(below) = enter(&here, &name, resolver)? else { continue };
            above.push(Ancestor { id: file_id(&fstat(&here)?), name, dirs });
            here = below;
            dirs = remove_files(&here)?;
        } else {
            let Some(parent) = above.pop() else { return Ok(()) };
            on(Step::Up, &parent.name);
            here = up(&here, parent.id)?;
            unlinkat(&here, &parent.name, AtFlags::REMOVEDIR).or_else(unless_gone)?;
            dirs = parent.dirs;
        }
    }
}

/// Opens a directory in another. `None`: it is gone, or it has become something else, which is removed.
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

/// The parent of a directory, if it is the one that the way down came from.
fn up(here: &OwnedFd, id: FileId) -> io::Result<OwnedFd> {
    let parent = retry_on_intr(|| openat(here, c"..", DIRECTORY, Mode::empty()))?;
    if file_id(&fstat(&parent)?) != id {
        return Err(io::Error::other("a directory below it was moved meanwhile; try again"));
    }
    Ok(parent)
}

/// Removes all names that are no directories; returns those that are.
fn remove_files(dir: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut dirs = Vec::new();
    // A handle that only names the directory does not list it.
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

/// Somebody else may remove the tree as well.
fn unless_gone(error: Errno) -> rustix::io::Result<()> {
    if error == Errno::NOENT { Ok(()) } else { Err(error) }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
