//! Clones of files (`ioctl_ficlone(2)`, `fclonefileat`).

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
use rustix::fs::{AtFlags, unlinkat};
use rustix::fs::{Mode, OFlags};

use super::at::{At, created_with};
use crate::{Error, Op, Result};

pub(in crate::std_fs) fn reflink(from: &Path, to: &Path) -> Result<File> {
    reflink_at((&At::path(from), || from.into()), (&At::path(to), || to.into()), created_with(None))
}

/// Clones a file by its name. The closures return the paths for an error. On Apple systems, the clone gets the mode of
/// its source instead of `mode`.
pub(super) fn reflink_at(
    (from, from_path): (&At<'_>, impl FnOnce() -> PathBuf),
    (to, to_path): (&At<'_>, impl FnOnce() -> PathBuf),
    mode: Mode,
) -> Result<File> {
    clone_at(from, to, mode).map_err(|failure| failure.describe(&from_path(), &to_path()))
}

/// The failure to create a clone, and the failure to remove an unfinished one.
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

/// Flags for opening the source. The call must not wait if the source is a pipe.
const SOURCE: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Creates the target before it shares extents, so a refused clone leaves an empty file to remove.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn clone_at(from: &At<'_>, to: &At<'_>, mode: Mode) -> std::result::Result<File, CloneFailure> {
    let source = from.open(SOURCE, Mode::empty())?;
    let make = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    // The call creates the file, so it follows no link and enters no mount, and needs no resolver.
    let target = At { resolver: None, ..*to }.open(make, mode)?;
    match share_extents(&source, &target) {
        Ok(()) => Ok(target.into()),
        Err(errno) => {
            let cleanup = unlinkat(to.dir, to.name, AtFlags::empty()).err().map(io::Error::from);
            Err(CloneFailure { error: errno.into(), cleanup })
        }
    }
}

/// Shares all extents. btrfs refuses this if only one of the files has checksums (`btrfs_remap_file_range_prep` in
/// `fs/btrfs/reflink.c`). A file with `NOCOW` has none, and an empty file can still take that flag.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn share_extents(source: &std::os::fd::OwnedFd, target: &std::os::fd::OwnedFd) -> rustix::io::Result<()> {
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
fn clone_at(from: &At<'_>, to: &At<'_>, _: Mode) -> std::result::Result<File, CloneFailure> {
    let source = from.open(SOURCE, Mode::empty())?;
    // The call would clone a directory with all its contents.
    if rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&source)?.st_mode).is_dir() {
        return Err(rustix::io::Errno::ISDIR.into());
    }
    rustix::fs::fclonefileat(&source, to.dir, to.name, rustix::fs::CloneFlags::NOOWNERCOPY)?;
    // The clone has the mode of the source, which may not allow writing. A sync does not need write access.
    to.open(OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map(File::from).map_err(|errno| {
        let cleanup = unlinkat(to.dir, to.name, AtFlags::empty()).err().map(io::Error::from);
        CloneFailure { error: errno.into(), cleanup }
    })
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn clone_at(from: &At<'_>, _: &At<'_>, _: Mode) -> std::result::Result<File, CloneFailure> {
    from.open(SOURCE, Mode::empty())?;
    Err(CloneFailure { error: io::ErrorKind::Unsupported.into(), cleanup: None })
}
