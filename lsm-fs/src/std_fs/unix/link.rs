//! Links, clones and renames that do not replace, singly and many at a time.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, linkat, open, openat, unlinkat},
    path::Arg,
};

use crate::{
    Error, FsFile, LinkReport, NamePair, Op, Result, SyncMode, batch,
    std_fs::{StdFs, file::StdFile},
};

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub(in crate::std_fs) fn rename_noreplace(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::{
        fs::{RenameFlags, renameat_with},
        io::Errno,
    };
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // EINVAL is the filesystem without the flag, but also a directory that is moved into itself.
        Err(Errno::INVAL) if !is_below(from, to) => Err(io::ErrorKind::Unsupported.into()),
        Err(Errno::NOSYS | Errno::NOTSUP) => Err(io::ErrorKind::Unsupported.into()),
        Err(e) => Err(e.into()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(in crate::std_fs) fn rename_noreplace(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether `to` lies in the directory `from`, or either path is malformed: cases of `EINVAL` that are the caller's.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn is_below(from: &Path, to: &Path) -> bool {
    if [from, to].iter().any(|path| path.as_os_str().as_encoded_bytes().contains(&0)) {
        return true;
    }
    if !std::fs::symlink_metadata(from).is_ok_and(|m| m.is_dir()) {
        return false;
    }
    let (Some(parent), Ok(from)) = (to.parent(), std::fs::canonicalize(from)) else { return true };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    std::fs::canonicalize(parent).map_or(true, |parent| parent.starts_with(from))
}

/// Without `AT_SYMLINK_FOLLOW`, a symlink is linked itself.
pub(in crate::std_fs) fn hard_link(from: &Path, to: &Path) -> io::Result<()> {
    Ok(linkat(CWD, from, CWD, to, AtFlags::empty())?)
}

/// Holds both directories, so that each link looks up two names and no paths.
pub(in crate::std_fs) fn hard_link_batch(
    fs: &StdFs,
    from_dir: &Path,
    to_dir: &Path,
    names: &[NamePair<'_>],
    report: LinkReport<'_>,
) {
    let (Ok(from_fd), Ok(to_fd)) = (open_dir(from_dir), open_dir(to_dir)) else {
        // The plain loop finds the same fault, and names it for each file.
        return batch::link_each(fs, from_dir, to_dir, names, report);
    };
    for (index, pair) in names.iter().enumerate() {
        let linked = pair
            .validate()
            .and_then(|()| Ok(linkat(&from_fd, pair.from, &to_fd, pair.to, AtFlags::empty())?));
        let linked = linked
            .map_err(|e| Error::with_paths(Op::HardLink, from_dir.join(pair.from), to_dir.join(pair.to), e));
        if report(index, linked).is_break() {
            return;
        }
    }
}

fn open_dir(path: &Path) -> rustix::io::Result<OwnedFd> {
    open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

pub(in crate::std_fs) fn reflink(from: &Path, to: &Path) -> Result<File> {
    clone_at(CWD, from, CWD, to).map_err(|failure| failure.describe(from, to))
}

/// How many clones are made before they are synced together; each keeps a descriptor until then.
const CLONE_GROUP: usize = 128;

/// Clones a group, keeps the descriptors, and syncs them while many can wait at once.
pub(in crate::std_fs) fn reflink_batch(
    fs: &StdFs,
    from_dir: &Path,
    to_dir: &Path,
    names: &[NamePair<'_>],
    mode: SyncMode,
    report: LinkReport<'_>,
) {
    let (Ok(from_fd), Ok(to_fd)) = (open_dir(from_dir), open_dir(to_dir)) else {
        return batch::clone_each(fs, from_dir, to_dir, names, mode, report);
    };
    let dirs = Dirs { from_dir, to_dir, from_fd, to_fd };
    let (mut stopped, mut first) = (false, 0);
    while let Some(rest) = names.get(first..).filter(|rest| !rest.is_empty() && !stopped) {
        let (group, _) = rest.split_at(rest.len().min(CLONE_GROUP));
        first += dirs.clone_group(group, mode, &mut |index, cloned| {
            stopped |= report(first + index, cloned).is_break();
            stopped
        });
    }
}

struct Dirs<'a> {
    from_dir: &'a Path,
    to_dir: &'a Path,
    from_fd: OwnedFd,
    to_fd: OwnedFd,
}

impl Dirs<'_> {
    /// Returns how many of the names were attempted: fewer than all where the process has no more descriptors, so that
    /// those in hand are synced and closed first. `report` answers whether to stop; clones that are made by then are
    /// still synced and reported.
    fn clone_group(
        &self,
        names: &[NamePair<'_>],
        mode: SyncMode,
        report: &mut dyn FnMut(usize, Result<()>) -> bool,
    ) -> usize {
        let mut clones = Vec::with_capacity(names.len());
        let mut attempted = 0;
        for (index, pair) in names.iter().enumerate() {
            let cloned = self.clone(pair);
            if cloned.as_ref().is_err_and(Error::is_out_of_handles) && !clones.is_empty() {
                break;
            }
            attempted += 1;
            match cloned {
                Ok(file) => clones.push((index, pair, file)),
                Err(e) => {
                    if report(index, Err(e)) {
                        break;
                    }
                }
            }
        }
        let files: Vec<&dyn FsFile> = clones.iter().map(|(_, _, file)| file as _).collect();
        batch::sync_overlapped(&files, mode, super::super::SYNC_THREADS, &mut |position, synced| {
            let Some((index, pair, _)) = clones.get(position) else { return };
            let synced = synced.map_err(|e| match unlinkat(&self.to_fd, pair.to, AtFlags::empty()) {
                Ok(()) => e,
                Err(failure) => {
                    e.with_cleanup_failure(Error::new(Op::RemoveFile, self.to_dir.join(pair.to), failure))
                }
            });
            report(*index, synced);
        });
        attempted
    }

    fn clone(&self, pair: &NamePair<'_>) -> Result<StdFile> {
        let cloned = match pair.validate() {
            Ok(()) => clone_at(self.from_fd.as_fd(), pair.from, self.to_fd.as_fd(), pair.to),
            Err(error) => Err(CloneFailure { error, cleanup: None }),
        };
        cloned
            .map(|file| StdFile::new(file, self.to_dir.join(pair.to), false))
            .map_err(|failure| failure.describe(&self.from_dir.join(pair.from), &self.to_dir.join(pair.to)))
    }
}

/// Why no clone was made, and why an unfinished one could not be removed.
struct CloneFailure {
    error: io::Error,
    cleanup: Option<io::Error>,
}

impl CloneFailure {
    fn describe(self, from: &Path, to: &Path) -> Error {
        let error = Error::with_paths(Op::ReflinkFile, from, to, self.error);
        match self.cleanup {
            None => error,
            Some(failure) => error.with_cleanup_failure(Error::new(Op::RemoveFile, to, failure)),
        }
    }
}

impl From<rustix::io::Errno> for CloneFailure {
    fn from(errno: rustix::io::Errno) -> Self {
        Self { error: errno.into(), cleanup: None }
    }
}

/// A name relative to an open directory, or a path relative to the working directory.
trait Name: Arg + Copy {}
impl Name for &OsStr {}
impl Name for &Path {}

/// The clone's inode exists before its extents are shared, so a refusal has an empty file to remove.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn clone_at<N: Name>(
    from_dir: BorrowedFd<'_>,
    from: N,
    to_dir: BorrowedFd<'_>,
    to: N,
) -> std::result::Result<File, CloneFailure> {
    let source = openat(from_dir, from, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let make = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let target = openat(to_dir, to, make, Mode::from_raw_mode(0o666))?;
    match share_extents(&source, &target) {
        Ok(()) => Ok(target.into()),
        Err(errno) => {
            let cleanup = unlinkat(to_dir, to, AtFlags::empty()).err().map(io::Error::from);
            Err(CloneFailure { error: errno.into(), cleanup })
        }
    }
}

/// btrfs shares extents only between files that agree on `NOCOW`, and an empty file can still take the flag.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn share_extents(source: &OwnedFd, target: &OwnedFd) -> rustix::io::Result<()> {
    use rustix::{
        fs::{IFlags, ioctl_ficlone, ioctl_getflags, ioctl_setflags},
        io::Errno,
    };
    match ioctl_ficlone(target, source) {
        Err(Errno::INVAL) if ioctl_getflags(source).is_ok_and(|flags| flags.contains(IFlags::NOCOW)) => {
            ioctl_setflags(target, ioctl_getflags(target)? | IFlags::NOCOW)?;
            ioctl_ficlone(target, source)
        }
        shared => shared,
    }
}

#[cfg(target_vendor = "apple")]
fn clone_at<N: Name>(
    from_dir: BorrowedFd<'_>,
    from: N,
    to_dir: BorrowedFd<'_>,
    to: N,
) -> std::result::Result<File, CloneFailure> {
    let source = openat(from_dir, from, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    // The call would clone a whole tree.
    if rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&source)?.st_mode).is_dir() {
        return Err(rustix::io::Errno::ISDIR.into());
    }
    rustix::fs::fclonefileat(&source, to_dir, to, rustix::fs::CloneFlags::NOOWNERCOPY)?;
    // The clone has the source's mode, which may not allow writing; a sync does not need it.
    openat(to_dir, to, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map(File::from).map_err(|errno| {
        let cleanup = unlinkat(to_dir, to, AtFlags::empty()).err().map(io::Error::from);
        CloneFailure { error: errno.into(), cleanup }
    })
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn clone_at<N: Name>(
    from_dir: BorrowedFd<'_>,
    from: N,
    _: BorrowedFd<'_>,
    _: N,
) -> std::result::Result<File, CloneFailure> {
    openat(from_dir, from, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    Err(CloneFailure { error: io::ErrorKind::Unsupported.into(), cleanup: None })
}
