//! Path lookup as POSIX defines it.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use lsm_fs::errno;

use super::{
    errors::os,
    mounts::ROOT,
    namespace::{Namespace, Special},
};
use crate::micro::{Ino, Kind};

const MAX_NAME: usize = 255;
const MAX_PATH: usize = 4095;

/// The number of symbolic links that one lookup follows (`MAXSYMLINKS` in `include/linux/namei.h`).
const MAX_LINKS: u32 = 40;

/// The last component of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastComponent<'p> {
    /// A name, bound or not.
    Name(&'p OsStr),
    /// `/`, or a trailing `.`: the directory itself.
    Here,
    /// `..`.
    Parent,
}

/// An existing directory, and the last component of a path in it, which need not be bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Location<'p> {
    pub(super) dir: Ino,
    pub(super) last: LastComponent<'p>,
    /// Set if the path ends in `/` and so can only mean a directory.
    pub(super) wants_dir: bool,
    /// The root of the view that the path lies below. In a view, lookups follow no links and enter no other volume.
    pub(super) beneath: Option<Ino>,
    /// The number of symbolic links that the lookup has followed so far.
    links: u32,
}

/// A root of a view.
#[derive(Clone, Debug)]
pub(crate) struct ViewRoot {
    pub(crate) path: PathBuf,
    pub(crate) ino: Ino,
}

/// The roots of the view that a call is made through, if it is made through one.
pub(crate) type View<'m> = Option<&'m [ViewRoot]>;

/// Path lookup in one view of the namespace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lookup<'m> {
    names: &'m Namespace,
    view: View<'m>,
}

impl<'m> Lookup<'m> {
    pub(super) const fn new(names: &'m Namespace, view: View<'m>) -> Self {
        Self { names, view }
    }

    /// Returns the inode that a path leads to.
    pub(crate) fn resolve(&self, path: &Path) -> io::Result<Ino> {
        if let Some((root, 0)) = self.view_root(path, 0)? {
            return Ok(root);
        }
        self.resolve_name(path)
    }

    /// Like [`resolve`](Self::resolve), but looks up a root of the view by its name.
    pub(crate) fn resolve_name(&self, path: &Path) -> io::Result<Ino> {
        let location = self.locate(path)?;
        let ino = self.bound(&location)?.ok_or_else(|| os(errno::ENOENT))?;
        let ino = self.arrive(&location, ino)?;
        if location.wants_dir && self.names.kind(ino) == Kind::File {
            return Err(os(errno::ENOTDIR));
        }
        Ok(ino)
    }

    /// Returns the inode that the name itself is bound to, without following a symbolic link at the end.
    pub(crate) fn resolve_unfollowed(&self, path: &Path) -> io::Result<Ino> {
        if let Some((root, 0)) = self.view_root(path, 0)? {
            return Ok(root);
        }
        let location = self.locate(path)?;
        let ino = self.bound(&location)?.ok_or_else(|| os(errno::ENOENT))?;
        if location.wants_dir {
            return self.resolve_name(path);
        }
        self.check_volume(&location, ino)?;
        Ok(ino)
    }

    pub(crate) fn resolve_dir(&self, path: &Path) -> io::Result<Ino> {
        let ino = self.resolve(path)?;
        if self.names.kind(ino) == Kind::File { Err(os(errno::ENOTDIR)) } else { Ok(ino) }
    }

    /// Returns the directory that holds the last name of a path.
    pub(super) fn locate<'p>(&self, path: &'p Path) -> io::Result<Location<'p>> {
        let bytes = path.as_os_str().as_encoded_bytes();
        match bytes {
            [] => return Err(os(errno::ENOENT)),
            _ if bytes.len() > MAX_PATH => return Err(os(errno::ENAMETOOLONG)),
            _ => {}
        }
        check_no_nul(path)?;
        self.names.volume(ROOT)?;
        let ends = |tail: &[u8]| bytes.len() > tail.len() && bytes.ends_with(tail);
        let beneath = self.view_root(path, 1)?;
        let dir = beneath.map_or(ROOT, |(root, _)| root);
        let skipped = beneath.map_or(0, |(_, below)| steps(path).count() - below);
        if beneath.is_some() && self.names.tree().get(dir).is_none_or(|inode| inode.links == 0) {
            return Err(os(errno::ENOENT));
        }
        let beneath = beneath.map(|(root, _)| root);
        let mut location =
            Location { dir, last: LastComponent::Here, wants_dir: ends(b"/"), beneath, links: 0 };
        for last in steps(path).skip(skipped) {
            self.enter(&mut location)?;
            location.last = last;
        }
        if ends(b"/.") {
            // `Path::components` drops a trailing `.`, but callers that need a final name must refuse it.
            self.enter(&mut location)?;
            location.last = LastComponent::Here;
            location.wants_dir = true;
        }
        Ok(location)
    }

    /// Returns whether the path is a root of the view. Such a path leads to the inode that the view holds.
    pub(super) fn is_view_root(&self, path: &Path) -> io::Result<bool> {
        Ok(matches!(self.view_root(path, 0)?, Some((_, 0))))
    }

    /// Returns the longest root of this call's view that the path lies at least `depth` components below, with the
    /// number of components.
    fn view_root(&self, path: &Path, depth: usize) -> io::Result<Option<(Ino, usize)>> {
        let Some(roots) = self.view else { return Ok(None) };
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        let mut found: Option<(Ino, usize)> = None;
        for root in roots {
            let mut rest = steps(path);
            if steps(&root.path).any(|step| rest.next() != Some(step)) {
                continue;
            }
            let (mut below, mut leads_up) = (0, false);
            for step in rest {
                below += 1;
                leads_up |= step == LastComponent::Parent;
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

    /// Continues from a bound name, through a symbolic link if there is one. In a view a link is refused.
    pub(super) fn arrive(&self, location: &Location<'_>, ino: Ino) -> io::Result<Ino> {
        self.check_volume(location, ino)?;
        match self.names.special(ino) {
            Some(Special::Symlink(_)) if location.beneath.is_some() => Err(os(errno::ELOOP)),
            Some(Special::Symlink(_)) => {
                let mut links = location.links;
                self.follow(location.dir, ino, &mut links)
            }
            _ => Ok(ino),
        }
    }

    fn check_volume(&self, location: &Location<'_>, ino: Ino) -> io::Result<()> {
        match location.beneath {
            Some(root) if self.names.volume_of(root) != self.names.volume_of(ino) => Err(os(errno::EXDEV)),
            _ => Ok(()),
        }
    }

    /// Returns the end of a chain of symbolic links, and adds them to the links of the lookup. Their limit also bounds
    /// the depth of the recursion.
    fn follow(&self, dir: Ino, ino: Ino, links: &mut u32) -> io::Result<Ino> {
        let Some(Special::Symlink(target)) = self.names.special(ino) else { return Ok(ino) };
        if *links >= MAX_LINKS {
            return Err(os(errno::ELOOP));
        }
        let dir = if target.has_root() { ROOT } else { dir };
        let mut location =
            Location { dir, last: LastComponent::Here, wants_dir: false, beneath: None, links: *links + 1 };
        for last in steps(target) {
            self.enter(&mut location)?;
            location.last = last;
        }
        *links = location.links;
        let found = self.bound(&location)?.ok_or_else(|| os(errno::ENOENT))?;
        self.follow(location.dir, found, links)
    }

    /// Returns the inode that the location's name is bound to.
    pub(super) fn bound(&self, location: &Location<'_>) -> io::Result<Option<Ino>> {
        let found = match location.last {
            LastComponent::Name(name) if name.len() > MAX_NAME => return Err(os(errno::ENAMETOOLONG)),
            LastComponent::Name(name) => self.names.tree().lookup(location.dir, name),
            LastComponent::Here => Some(location.dir),
            LastComponent::Parent => self.names.tree().get(location.dir).map(|inode| inode.parent),
        };
        let Some(found) = found.map(|ino| self.names.mounts().top(ino)) else { return Ok(None) };
        self.names.volume(found)?;
        Ok(Some(found))
    }

    /// Goes on from the directory of the location to the one that its last component leads to.
    fn enter(&self, location: &mut Location<'_>) -> io::Result<()> {
        let ino = self.bound(location)?.ok_or_else(|| os(errno::ENOENT))?;
        let ino = match location.beneath {
            Some(_) => self.arrive(location, ino)?,
            None => self.follow(location.dir, ino, &mut location.links)?,
        };
        if self.names.kind(ino) == Kind::File {
            return Err(os(errno::ENOTDIR));
        }
        location.dir = ino;
        Ok(())
    }
}

/// Splits a path into its components, without empty ones and `.`.
#[cfg(unix)]
fn steps(path: &Path) -> impl Iterator<Item = LastComponent<'_>> {
    use std::os::unix::ffi::OsStrExt;
    let parts = path.as_os_str().as_bytes().split(|byte| *byte == b'/');
    parts.filter(|part| !matches!(*part, b"" | b".")).map(|part| match part {
        b".." => LastComponent::Parent,
        name => LastComponent::Name(OsStr::from_bytes(name)),
    })
}

/// Splits a path into its components on platforms whose paths are not bytes.
#[cfg(not(unix))]
fn steps(path: &Path) -> impl Iterator<Item = LastComponent<'_>> {
    use std::path::Component;
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(LastComponent::Name(name)),
        Component::ParentDir => Some(LastComponent::Parent),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

/// Refuses a path with a NUL, which no system call can pass to the kernel.
pub(crate) fn check_no_nul(path: &Path) -> io::Result<()> {
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a path with a NUL"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
