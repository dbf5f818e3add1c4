//! From paths to inodes, as POSIX has it.

use std::{ffi::OsStr, io, path::Path};

use lsm_fs::errno;

use super::state::{ROOT, State, os};
use crate::micro::{Ino, Kind};

const MAX_NAME: usize = 255;
const MAX_PATH: usize = 4095;

/// What a path ends in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Last<'p> {
    /// A name, whatever it is bound to.
    Name(&'p OsStr),
    /// `/`, or `.` at the end: a directory by itself.
    Here,
    /// `..`.
    Parent,
}

/// A name in a directory that exists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    pub(crate) dir: Ino,
    pub(crate) last: Last<'p>,
    /// The path ends in `/`, so it can only mean a directory.
    pub(crate) wants_dir: bool,
}

impl State {
    /// The inode a path leads to.
    pub(crate) fn resolve(&self, path: &Path) -> io::Result<Ino> {
        let place = self.place(path)?;
        let ino = self.bound(&place)?.ok_or_else(|| os(errno::ENOENT))?;
        if place.wants_dir && self.kind(ino) == Kind::File {
            return Err(os(errno::ENOTDIR));
        }
        Ok(ino)
    }

    pub(crate) fn resolve_dir(&self, path: &Path) -> io::Result<Ino> {
        let ino = self.resolve(path)?;
        if self.kind(ino) == Kind::File { Err(os(errno::ENOTDIR)) } else { Ok(ino) }
    }

    /// The directory that holds a path's last name.
    pub(crate) fn place<'p>(&self, path: &'p Path) -> io::Result<Place<'p>> {
        let bytes = path.as_os_str().as_encoded_bytes();
        match bytes {
            [] => return Err(os(errno::ENOENT)),
            _ if bytes.len() > MAX_PATH => return Err(os(errno::ENAMETOOLONG)),
            _ => {}
        }
        check_no_nul(path)?;
        self.alive()?;
        self.volume(ROOT)?;
        let ends = |tail: &[u8]| bytes.len() > tail.len() && bytes.ends_with(tail);
        let mut place = Place { dir: ROOT, last: Last::Here, wants_dir: ends(b"/") };
        for last in steps(path) {
            place.dir = self.enter(&place)?;
            place.last = last;
        }
        if ends(b"/.") {
            // The components leave it out, and it makes a difference to whoever wants a name.
            place = Place { dir: self.enter(&place)?, last: Last::Here, wants_dir: true };
        }
        Ok(place)
    }

    /// What the place's name is bound to.
    pub(crate) fn bound(&self, place: &Place<'_>) -> io::Result<Option<Ino>> {
        let found = match place.last {
            Last::Name(name) if name.len() > MAX_NAME => return Err(os(errno::ENAMETOOLONG)),
            Last::Name(name) => self.tree.lookup(place.dir, name),
            Last::Here => Some(place.dir),
            Last::Parent => self.tree.get(place.dir).map(|slot| slot.parent),
        };
        let Some(found) = found.map(|ino| self.mounts.get(&ino).copied().unwrap_or(ino)) else {
            return Ok(None);
        };
        self.volume(found)?;
        Ok(Some(found))
    }

    fn enter(&self, place: &Place<'_>) -> io::Result<Ino> {
        let ino = self.bound(place)?.ok_or_else(|| os(errno::ENOENT))?;
        if self.kind(ino) == Kind::File { Err(os(errno::ENOTDIR)) } else { Ok(ino) }
    }

    /// Whether a volume covers the directory, or is rooted in it: it can be neither moved nor removed.
    pub(crate) fn is_mount_point(&self, ino: Ino) -> bool {
        ino == ROOT || self.mounts.iter().any(|(covered, root)| *covered == ino || *root == ino)
    }

    /// Whether `ino` is `dir` or lies below it.
    pub(crate) fn is_within(&self, ino: Ino, dir: Ino) -> bool {
        let mut at = ino;
        loop {
            if at == dir {
                return true;
            }
            match self.tree.get(at) {
                Some(slot) if slot.parent != at => at = slot.parent,
                _ => return false,
            }
        }
    }
}

/// The components that lead somewhere.
#[cfg(unix)]
fn steps(path: &Path) -> impl Iterator<Item = Last<'_>> {
    use std::os::unix::ffi::OsStrExt;
    let parts = path.as_os_str().as_bytes().split(|byte| *byte == b'/');
    parts.filter(|part| !matches!(*part, b"" | b".")).map(|part| match part {
        b".." => Last::Parent,
        name => Last::Name(OsStr::from_bytes(name)),
    })
}

/// The same, where paths are not bytes.
#[cfg(not(unix))]
fn steps(path: &Path) -> impl Iterator<Item = Last<'_>> {
    use std::path::Component;
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(Last::Name(name)),
        Component::ParentDir => Some(Last::Parent),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

/// A path with a NUL reaches no kernel.
pub(crate) fn check_no_nul(path: &Path) -> io::Result<()> {
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a path with a NUL"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
