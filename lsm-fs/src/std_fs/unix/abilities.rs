//! Optional abilities of the host: links and clones by directory handle, and the switch for copy-on-write.

use std::{
    ffi::OsStr,
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, linkat, unlinkat};

use super::{
    View,
    at::{At, created_with},
    clone::reflink_at,
    disable_cow,
    link::{link_at, open_dir},
    link_lookup,
    resolver::Resolver,
};
use crate::{
    DirPair, Error, FsAbilities, FsAttributes, FsBulk, FsFile, FsPermissions, LinkReport, NamePair, Op,
    OpenDirPair, Result, StdFs,
    std_fs::{file::StdFile, on},
};

#[allow(clippy::unnecessary_wraps, reason = "the portable twin has none")]
pub(in crate::std_fs) fn abilities(fs: &StdFs) -> Option<&dyn FsAbilities> {
    Some(fs)
}

impl FsAbilities for StdFs {
    fn bulk(&self) -> Option<&dyn FsBulk> {
        Some(self)
    }

    fn attributes(&self) -> Option<&dyn FsAttributes> {
        Some(self)
    }

    fn permissions(&self) -> Option<&dyn FsPermissions> {
        Some(self)
    }
}

impl FsBulk for StdFs {
    fn open_pair<'a>(&'a self, dirs: DirPair<'a>) -> Result<Box<dyn OpenDirPair + 'a>> {
        HandlePair::open(dirs, |path| Ok((open_dir(path)?, None)))
    }
}

impl FsAttributes for StdFs {
    fn try_disable_cow(&self, path: &Path) -> Result<bool> {
        on(Op::TryDisableCow, path, disable_cow(path))
    }
}

impl FsAbilities for View {
    fn bulk(&self) -> Option<&dyn FsBulk> {
        Some(self)
    }

    fn attributes(&self) -> Option<&dyn FsAttributes> {
        Some(self)
    }

    fn permissions(&self) -> Option<&dyn FsPermissions> {
        Some(self)
    }
}

impl FsBulk for View {
    fn open_pair<'a>(&'a self, dirs: DirPair<'a>) -> Result<Box<dyn OpenDirPair + 'a>> {
        HandlePair::open(dirs, |path| self.open_dir_to_search(path))
    }
}

impl FsAttributes for View {
    fn try_disable_cow(&self, path: &Path) -> Result<bool> {
        on(Op::TryDisableCow, path, self.disable_cow(path))
    }
}

/// An open directory and its path. In a view, it also has the resolver for its names.
struct Dir<'a> {
    path: &'a Path,
    handle: OwnedFd,
    resolver: Option<Resolver>,
}

impl<'a> Dir<'a> {
    fn at<'n>(&'n self, name: &'n OsStr) -> At<'n> {
        At::name(&self.handle, name, self.resolver)
    }

    fn join(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }
}

/// Two open directories, so that each call looks up two names instead of two paths.
struct HandlePair<'a> {
    from: Dir<'a>,
    to: Dir<'a>,
}

impl<'a> HandlePair<'a> {
    fn open(
        dirs: DirPair<'a>,
        open: impl Fn(&Path) -> io::Result<(OwnedFd, Option<Resolver>)>,
    ) -> Result<Box<dyn OpenDirPair + 'a>> {
        let open = |path: &'a Path| {
            let (handle, resolver) = on(Op::Open, path, open(path))?;
            Ok::<_, Error>(Dir { path, handle, resolver })
        };
        Ok(Box::new(Self { from: open(dirs.from)?, to: open(dirs.to)? }))
    }
}

impl OpenDirPair for HandlePair<'_> {
    fn hard_link_each(&self, names: &[NamePair<'_>], report: LinkReport<'_>) {
        link_lookup::look_up(&self.from.handle, &self.to.handle, names);
        let (from, to) = (&self.from.handle, &self.to.handle);
        for (index, pair) in names.iter().enumerate() {
            let linked = match self.from.resolver {
                // Only the system call. On a filesystem in memory, any further call or branch is measurable.
                None => linkat(from, pair.from, to, pair.to, AtFlags::empty()).map_err(io::Error::from),
                // The new name is created and not opened, so it needs no resolver.
                Some(_) => link_at(&self.from.at(pair.from), &At::name(to, pair.to, None)),
            };
            let linked = linked.map_err(|e| {
                Error::with_paths(Op::HardLink, self.from.join(pair.from), self.to.join(pair.to), e)
            });
            if report(index, linked).is_break() {
                return;
            }
        }
    }

    fn reflink_file(&self, names: &NamePair<'_>, mode: Option<u32>) -> Result<Box<dyn FsFile>> {
        let from = (&self.from.at(names.from), || self.from.join(names.from));
        let to = (&self.to.at(names.to), || self.to.join(names.to));
        let clone = reflink_at(from, to, created_with(mode))?;
        Ok(Box::new(StdFile::new(clone, self.to.join(names.to), false)))
    }

    fn remove_target(&self, name: &OsStr) -> Result<()> {
        unlinkat(&self.to.handle, name, AtFlags::empty())
            .map_err(|e| Error::new(Op::RemoveFile, self.to.join(name), e))
    }
}
