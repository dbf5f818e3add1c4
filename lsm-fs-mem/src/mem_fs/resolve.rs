//! From paths to inodes, as POSIX has it.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use lsm_fs::errno;

use super::{
    special::Special,
    state::{ROOT, State, os},
};
use crate::micro::{Ino, Kind};

const MAX_NAME: usize = 255;
const MAX_PATH: usize = 4095;

/// The number of symbolic links that one lookup follows, as on Linux.
const MAX_LINKS: u32 = 40;

/// What a path ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The root of the view that the path lies below: no link is followed, and no other volume is entered.
    pub(crate) beneath: Option<Ino>,
}

/// A root of a view.
#[derive(Clone, Debug)]
pub(crate) struct ViewRoot {
    pub(crate) path: PathBuf,
    pub(crate) ino: Ino,
}

impl State {
    /// The inode a path leads to.
    pub(crate) fn resolve(&self, path: &Path) -> io::Result<Ino> {
        if let Some((root, 0)) = self.view_root(path, 0)? {
            self.alive()?;
            return Ok(root);
        }
        self.resolve_name(path)
    }

    /// The same, but a root of a view is looked up by its name.
    pub(crate) fn resolve_name(&self, path: &Path) -> io::Result<Ino> {
        let place = self.place(path)?;
        let ino = self.bound(&place)?.ok_or_else(|| os(errno::ENOENT))?;
        let ino = self.arrive(&place, ino)?;
        if place.wants_dir && self.kind(ino) == Kind::File {
            return Err(os(errno::ENOTDIR));
        }
        Ok(ino)
    }

    /// The inode that the name itself is bound to: a symbolic link at the end is not followed.
    pub(crate) fn resolve_unfollowed(&self, path: &Path) -> io::Result<Ino> {
        if let Some((root, 0)) = self.view_root(path, 0)? {
            self.alive()?;
            return Ok(root);
        }
        let place = self.place(path)?;
        let ino = self.bound(&place)?.ok_or_else(|| os(errno::ENOENT))?;
        if place.wants_dir {
            return self.resolve_name(path);
        }
        self.check_volume(&place, ino)?;
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
        let beneath = self.view_root(path, 1)?;
        let dir = beneath.map_or(ROOT, |(root, _)| root);
        let skipped = beneath.map_or(0, |(_, below)| steps(path).count() - below);
        if beneath.is_some() && self.tree.get(dir).is_none_or(|slot| slot.links == 0) {
            return Err(os(errno::ENOENT));
        }
        let beneath = beneath.map(|(root, _)| root);
        let mut place = Place { dir, last: Last::Here, wants_dir: ends(b"/"), beneath };
        for last in steps(path).skip(skipped) {
            place.dir = self.enter(&place, 0)?;
            place.last = last;
        }
        if ends(b"/.") {
            // `Path::components` drops a trailing `.`, but callers that need a final name must refuse it.
            place = Place { dir: self.enter(&place, 0)?, last: Last::Here, wants_dir: true, beneath };
        }
        Ok(place)
    }

    /// `true` if the path is a root itself, which its handle leads to.
    pub(crate) fn is_view_root(&self, path: &Path) -> io::Result<bool> {
        Ok(matches!(self.view_root(path, 0)?, Some((_, 0))))
    }

    /// The longest root of this call's view that the path lies at least `depth` components below, with their number.
    fn view_root(&self, path: &Path, depth: usize) -> io::Result<Option<(Ino, usize)>> {
        let Some(roots) = &self.roots else { return Ok(None) };
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        let mut found: Option<(Ino, usize)> = None;
        for root in roots.iter() {
            let mut rest = steps(path);
            if steps(&root.path).any(|step| rest.next() != Some(step)) {
                continue;
            }
            let (mut below, mut leads_up) = (0, false);
            for step in rest {
                below += 1;
                leads_up |= step == Last::Parent;
            }
            if leads_up {
                let why = "a path below the root of a view must not contain `..`";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            }
            if below >= depth && found.is_none_or(|(_, shortest)| below <= shortest) {
                found = Some((root.ino, below));
            }
        }
        Ok(found)
    }

    /// Goes on from what a name is bound to: through a symbolic link, unless the path lies in a view.
    pub(crate) fn arrive(&self, place: &Place<'_>, ino: Ino) -> io::Result<Ino> {
        self.check_volume(place, ino)?;
        match self.special.get(&ino) {
            Some(Special::Symlink(_)) if place.beneath.is_some() => Err(os(errno::ELOOP)),
            Some(Special::Symlink(_)) => self.follow(place.dir, ino, 0),
            _ => Ok(ino),
        }
    }

    fn check_volume(&self, place: &Place<'_>, ino: Ino) -> io::Result<()> {
        match place.beneath {
            Some(root) if self.volume_of(root) != self.volume_of(ino) => Err(os(errno::EXDEV)),
            _ => Ok(()),
        }
    }

    /// The end of a chain of symbolic links.
    fn follow(&self, dir: Ino, ino: Ino, depth: u32) -> io::Result<Ino> {
        let Some(Special::Symlink(target)) = self.special.get(&ino) else { return Ok(ino) };
        if depth >= MAX_LINKS {
            return Err(os(errno::ELOOP));
        }
        let dir = if target.has_root() { ROOT } else { dir };
        let mut place = Place { dir, last: Last::Here, wants_dir: false, beneath: None };
        for last in steps(target) {
            place.dir = self.enter(&place, depth + 1)?;
            place.last = last;
        }
        let found = self.bound(&place)?.ok_or_else(|| os(errno::ENOENT))?;
        self.follow(place.dir, found, depth + 1)
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

    fn enter(&self, place: &Place<'_>, depth: u32) -> io::Result<Ino> {
        let ino = self.bound(place)?.ok_or_else(|| os(errno::ENOENT))?;
        let ino = match place.beneath {
            Some(_) => self.arrive(place, ino)?,
            None => self.follow(place.dir, ino, depth)?,
        };
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
