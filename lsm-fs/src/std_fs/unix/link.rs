//! Links and renames that do not replace.

use std::{io, os::fd::OwnedFd, path::Path};

use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, linkat, open},
    io::retry_on_intr,
};

use crate::{Error, LinkReport, NamePair, Op, batch, std_fs::StdFs};

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
    super::ahead::look_up(&from_fd, &to_fd, names);
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

/// A signal may interrupt an open where a server is asked, as with FUSE and SMB.
pub(super) fn open_dir(path: &Path) -> rustix::io::Result<OwnedFd> {
    retry_on_intr(|| open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()))
}
