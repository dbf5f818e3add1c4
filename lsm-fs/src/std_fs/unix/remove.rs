//! Removal of a whole tree, at any depth and with a bounded number of descriptors.
//!
//! Every name is looked up in an open directory, so no path gets too long. The directories on the way down stay open
//! as far as [`OPEN_MAX`] goes. Above them the walk comes back through `..`, and compares the inode with the one that
//! it left: a directory that was moved away meanwhile does not lead it out of the tree.

use std::{
    ffi::{CStr, CString},
    io,
    os::fd::BorrowedFd,
    path::Path,
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, unlinkat},
    io::{Errno, retry_on_intr},
};

/// How many directories of the way down are open at most. Ordinary trees are less deep, and need no `..`.
const OPEN_MAX: usize = 8;

/// A directory on the way down.
struct Level {
    /// Its name in the directory above.
    name: CString,
    inode: Inode,
    /// `None` while it is closed, because too many below it are open.
    dir: Option<Dir>,
    /// Directories in it that are still to be removed.
    left: Vec<CString>,
}

type Inode = (rustix::fs::Dev, u64);

/// A moment at which a test changes the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Before a name is entered.
    Down,
    /// Before the walk comes back from it.
    Up,
}

pub(in crate::std_fs) fn remove_dir_all(path: &Path) -> io::Result<()> {
    empty(path, &mut |_, _| {})?;
    std::fs::remove_dir(path)
}

/// Removes what a directory holds.
fn empty(path: &Path, on: &mut dyn FnMut(Step, &CStr)) -> io::Result<()> {
    let top = retry_on_intr(|| openat(CWD, path, flags(), Mode::empty()))?;
    let mut way = vec![Level::new(Dir::new(top)?, CString::default())?];
    while let Some(level) = way.last_mut() {
        if let Some(name) = level.left.pop() {
            on(Step::Down, &name);
            if let Some(dir) = level.enter(&name)? {
                way.push(Level::new(dir, name)?);
                close_far(&mut way);
            }
        } else if let Some(done) = way.pop()
            && let Some(above) = way.last_mut()
        {
            on(Step::Up, &done.name);
            above.reopen_from(done.fd()?)?;
            unless_gone(unlinkat(above.fd()?, &done.name, AtFlags::REMOVEDIR))?;
        }
    }
    Ok(())
}

fn flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn close_far(way: &mut [Level]) {
    if let Some(far) = way.len().checked_sub(OPEN_MAX + 1).and_then(|at| way.get_mut(at)) {
        far.dir = None;
    }
}

/// A name that somebody else has removed is removed.
fn unless_gone(removed: Result<(), Errno>) -> Result<(), Errno> {
    if removed == Err(Errno::NOENT) { Ok(()) } else { removed }
}

impl Level {
    /// Removes all but the directories, and lists these.
    fn new(mut dir: Dir, name: CString) -> io::Result<Self> {
        let inode = inode_of(dir.fd()?)?;
        let mut left = Vec::new();
        while let Some(entry) = dir.read() {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            // Where the type is not known, the attempt to enter tells.
            if matches!(entry.file_type(), FileType::Directory | FileType::Unknown) {
                left.push(name.to_owned());
                continue;
            }
            match unless_gone(unlinkat(dir.fd()?, name, AtFlags::empty())) {
                Err(Errno::ISDIR) => left.push(name.to_owned()),
                removed => removed?,
            }
        }
        Ok(Self { name, inode, dir: Some(dir), left })
    }

    fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        match &self.dir {
            Some(dir) => Ok(dir.fd()?),
            None => Err(Errno::BADF.into()),
        }
    }

    /// Opens a directory in this one. `None`: it is gone, or it was something else and is removed.
    fn enter(&self, name: &CStr) -> io::Result<Option<Dir>> {
        match retry_on_intr(|| openat(self.fd().map_err(|_| Errno::BADF)?, name, flags(), Mode::empty())) {
            Ok(dir) => Ok(Some(Dir::new(dir)?)),
            Err(Errno::NOENT) => Ok(None),
            // Systems differ in the error for a symbolic link.
            Err(Errno::NOTDIR | Errno::LOOP | Errno::MLINK) => {
                unless_gone(unlinkat(self.fd()?, name, AtFlags::empty()))?;
                Ok(None)
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Opens this directory as the parent of one in it, if it was closed.
    fn reopen_from(&mut self, below: BorrowedFd<'_>) -> io::Result<()> {
        if self.dir.is_some() {
            return Ok(());
        }
        let parent = retry_on_intr(|| openat(below, c"..", flags(), Mode::empty()))?;
        if inode_of(&parent)? != self.inode {
            return Err(io::Error::other(
                "a directory was moved out of the tree while the tree was being removed",
            ));
        }
        self.dir = Some(Dir::new(parent)?);
        Ok(())
    }
}

#[allow(clippy::unnecessary_cast, reason = "the field's type differs between platforms")]
fn inode_of(dir: impl std::os::fd::AsFd) -> io::Result<Inode> {
    let stat = fstat(dir)?;
    Ok((stat.st_dev, stat.st_ino as u64))
}

#[cfg(test)]
mod tests;
