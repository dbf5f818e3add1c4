//! Links, and renames that do not replace.

use std::{io, os::fd::OwnedFd, path::Path};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, linkat, open, statat, unlinkat},
    io::{Errno, retry_on_intr},
};

use super::at::At;
use crate::std_fs::not_a_file;

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub(in crate::std_fs) fn rename_noreplace(from: &Path, to: &Path) -> io::Result<()> {
    rename_noreplace_at(&At::path(from), &At::path(to), || is_below(from, to))
}

/// Renames without replacing. `EINVAL` means that the filesystem lacks the flag, or that a directory was to be moved
/// into itself (`rename(2)`). `is_below` distinguishes the two.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub(super) fn rename_noreplace_at(
    from: &At<'_>,
    to: &At<'_>,
    is_below: impl FnOnce() -> bool,
) -> io::Result<()> {
    use rustix::fs::{RenameFlags, renameat_with};
    match renameat_with(from.dir, from.name, to.dir, to.name, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL) if !is_below() => Err(io::ErrorKind::Unsupported.into()),
        Err(Errno::NOSYS | Errno::NOTSUP) => Err(io::ErrorKind::Unsupported.into()),
        Err(e) => Err(e.into()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(in crate::std_fs) fn rename_noreplace(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(super) fn rename_noreplace_at(_: &At<'_>, _: &At<'_>, _: impl FnOnce() -> bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns `true` if `to` is inside the directory `from`, or if a path is malformed. In these cases the caller caused
/// `EINVAL`.
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

/// Links a name. Without `AT_SYMLINK_FOLLOW`, a symbolic link is linked itself.
pub(in crate::std_fs) fn hard_link(from: &Path, to: &Path) -> io::Result<()> {
    Ok(linkat(CWD, from, CWD, to, AtFlags::empty())?)
}

/// Links a name. In a view, links only regular files. The check uses the new name, because the old name may have been
/// bound to something else in the meantime.
pub(super) fn link_at(from: &At<'_>, to: &At<'_>) -> io::Result<()> {
    linkat(from.dir, from.name, to.dir, to.name, AtFlags::empty())?;
    if from.resolver.is_none() {
        return Ok(());
    }
    let refusal = match statat(to.dir, to.name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => return Ok(()),
            FileType::Symlink => Errno::LOOP.into(),
            _ => not_a_file(),
        },
        Err(e) => e.into(),
    };
    unlinkat(to.dir, to.name, AtFlags::empty())?;
    Err(refusal)
}

/// Opens a directory. A signal may interrupt an open that waits for a server, as on FUSE and SMB.
pub(super) fn open_dir(path: &Path) -> rustix::io::Result<OwnedFd> {
    retry_on_intr(|| open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()))
}
