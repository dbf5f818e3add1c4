//! [`View`]: the host's filesystem with roots, whose paths are resolved from a handle.

mod calls;
#[cfg(all(test, feature = "conformance"))]
#[allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests stop at the first surprise")]
mod tests;

use std::{
    ffi::OsStr,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, statat};

use super::{
    at::At,
    lock::DirLock,
    resolver::{DIRECTORY, LISTING, Resolution, Resolver},
};
use crate::{
    Error, FsDirLock, FsMetadata, Op, Result, errno,
    std_fs::lexical::{RelativePath, strip_root},
};

/// The host's filesystem with any number of roots. Without roots, it works like [`StdFs`](crate::StdFs).
#[derive(Clone, Debug)]
pub(in crate::std_fs) struct View {
    roots: Vec<Arc<Root>>,
    resolution: Resolution,
}

#[derive(Debug)]
struct Root {
    path: PathBuf,
    dir: OwnedFd,
    resolver: Resolver,
}

/// A path and the root that it belongs to.
#[derive(Clone, Copy, Debug)]
struct PathInRoot<'v, 'p> {
    root: &'v Root,
    below: RelativePath<'p>,
}

/// A name and the directory that holds it, inside or outside of a root.
#[derive(Debug)]
struct Name<'v, 'p> {
    dir: Parent<'v>,
    name: &'p OsStr,
    resolver: Option<Resolver>,
    wants_dir: bool,
}

#[derive(Debug)]
enum Parent<'v> {
    Working,
    Root(BorrowedFd<'v>),
    Open(OwnedFd),
}

impl Name<'_, '_> {
    fn at(&self) -> At<'_> {
        let dir = match &self.dir {
            Parent::Working => CWD,
            Parent::Root(dir) => *dir,
            Parent::Open(dir) => dir.as_fd(),
        };
        At { dir, name: self.name, resolver: self.resolver }
    }

    /// Refuses a name that must be a directory but is not. The kernel would follow a symbolic link there.
    fn checked(self) -> io::Result<Self> {
        if self.wants_dir {
            let at = self.at();
            let found = statat(at.dir, at.name, AtFlags::SYMLINK_NOFOLLOW);
            if found.is_ok_and(|stat| !FileType::from_raw_mode(stat.st_mode).is_dir()) {
                return Err(io::Error::from_raw_os_error(errno::ENOTDIR));
            }
        }
        Ok(self)
    }

    /// Refuses to create a file under a name that must be a directory.
    fn for_new_file(self) -> io::Result<Self> {
        if self.wants_dir {
            let at = self.at();
            statat(at.dir, at.name, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(self)
    }
}

impl View {
    /// A view without roots.
    pub(in crate::std_fs) fn plain() -> Self {
        Self { roots: Vec::new(), resolution: Resolution::of_host() }
    }

    /// Adds a root, which this view resolves itself.
    pub(in crate::std_fs) fn with_root(&self, path: &Path) -> io::Result<Self> {
        let dir = match self.in_root(path)? {
            Some(in_root) => in_root.open(DIRECTORY)?,
            None => At::path(path).open(DIRECTORY, Mode::empty())?,
        };
        let resolver = Resolver::of(self.resolution, dir.as_fd())?;
        let mut view = self.clone();
        view.roots.push(Arc::new(Root { path: path.to_path_buf(), dir, resolver }));
        Ok(view)
    }

    /// Finds the longest root that the path starts with. If two roots are equal, the last one applies.
    fn find<'p>(&self, path: &'p Path, of_names: bool) -> io::Result<Option<PathInRoot<'_, 'p>>> {
        let mut found: Option<PathInRoot<'_, 'p>> = None;
        for root in &self.roots {
            let Some(below) = strip_root(&root.path, path) else { continue };
            let below = below?;
            let is_root = below.rest.as_os_str().is_empty();
            let is_longer =
                found.is_none_or(|found| below.rest.as_os_str().len() <= found.below.rest.as_os_str().len());
            if is_longer && !(of_names && is_root) {
                found = Some(PathInRoot { root, below });
            }
        }
        Ok(found)
    }

    /// Finds the root of a path. The root itself is represented by its handle.
    fn in_root<'p>(&self, path: &'p Path) -> io::Result<Option<PathInRoot<'_, 'p>>> {
        self.find(path, false)
    }

    /// Finds the last name of a path. The name of a root is looked up as in the receiver of `beneath`.
    fn name<'p>(&self, path: &'p Path) -> io::Result<Name<'_, 'p>> {
        let outside = Name { dir: Parent::Working, name: path.as_os_str(), resolver: None, wants_dir: false };
        let Some(PathInRoot { root, below }) = self.find(path, true)? else { return Ok(outside) };
        let Some(name) = below.rest.file_name() else { return Ok(outside) };
        let parent = below.rest.parent().unwrap_or(Path::new(""));
        let dir = if parent.as_os_str().is_empty() {
            Parent::Root(root.dir.as_fd())
        } else {
            Parent::Open(root.resolver.open(root.dir.as_fd(), parent, DIRECTORY, Mode::empty())?)
        };
        Name { dir, name, resolver: Some(root.resolver), wants_dir: below.wants_dir }.checked()
    }

    /// Opens the directory that the path leads to. Returns the handle and the resolver for its names.
    fn open_dir(&self, path: &Path, flags: OFlags) -> io::Result<(OwnedFd, Option<Resolver>)> {
        match self.in_root(path)? {
            Some(in_root) => Ok((in_root.open(flags)?, Some(in_root.root.resolver))),
            None => Ok((At::path(path).open(flags, Mode::empty())?, None)),
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Option<ViewLock>> {
        let (dir, _) = self.open_dir(path, LISTING)?;
        let locked = DirLock::try_lock_open(dir)?;
        Ok(locked.map(|lock| ViewLock { lock, view: self.clone() }))
    }
}

impl PathInRoot<'_, '_> {
    /// Opens the file or directory that the path leads to.
    fn open(&self, flags: OFlags) -> io::Result<OwnedFd> {
        let Self { root, below } = self;
        // A path that must lead to a directory is opened as one.
        let flags = if below.wants_dir { flags | OFlags::DIRECTORY } else { flags };
        Ok(root.resolver.open(root.dir.as_fd(), below.rest, flags, Mode::empty())?)
    }

    fn at(&self) -> At<'_> {
        At {
            dir: self.root.dir.as_fd(),
            name: self.below.rest.as_os_str(),
            resolver: Some(self.root.resolver),
        }
    }

    /// Describes the file or directory that the path leads to. A symbolic link at the end is described itself.
    fn stat(&self) -> io::Result<FsMetadata> {
        let found = self.root.resolver.stat(self.root.dir.as_fd(), self.below.rest)?;
        if self.below.wants_dir && !found.is_dir() {
            return Err(io::Error::from_raw_os_error(errno::ENOTDIR));
        }
        Ok(found)
    }
}

/// The lock of a directory. The view resolves the paths that are compared with it.
#[derive(Debug)]
struct ViewLock {
    lock: DirLock,
    view: View,
}

impl FsDirLock for ViewLock {
    fn is_at(&self, path: &Path) -> Result<bool> {
        let found = (|| {
            let name = self.view.name(path)?;
            let Some(resolver) = name.resolver else { return Ok(None) };
            let found = resolver.stat(name.at().dir, Path::new(name.name))?;
            if found.file_type.is_symlink() { Err(link()) } else { Ok(Some(found.file_id)) }
        })();
        match found {
            Ok(None) => self.lock.is_at(path),
            Ok(Some(id)) => Ok(id == Some(self.lock.id())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::new(Op::IsAt, path, e)),
        }
    }
}

/// The error for a symbolic link that is not followed.
fn link() -> io::Error {
    io::Error::from_raw_os_error(errno::ELOOP)
}
