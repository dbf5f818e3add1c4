//! Modes, owners and groups, through a handle of the file or the directory.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
};

use rustix::{
    fs::{Gid, Mode, OFlags, Stat, Uid, fchmod, fchown, fstat, mkdirat},
    io::{Errno, retry_on_intr},
};

use super::{View, at::At};
use crate::{FsPermissions, Op, Permissions, PermissionsSet, Result, StdFs, std_fs::on};

/// The rights of the group.
const GROUP: u32 = 0o070;

/// Sets the owner and group of an open inode, and then its mode. Calls that would change nothing are left out. If the
/// inode does not have the requested group, the mode is set without rights for the group.
pub(in crate::std_fs) fn set_permissions(file: impl AsFd, to: &Permissions) -> io::Result<PermissionsSet> {
    let file = file.as_fd();
    let (owner, found) = set_owner(file, to)?;
    let asked = to.mode & Permissions::SETTABLE;
    let allowed = if found.st_gid == to.group { asked } else { asked & !GROUP };
    let mode = Mode::from_raw_mode(allowed as _);
    let is_there = Mode::from_raw_mode(found.st_mode) == mode;
    let is_set = is_there || kept(retry_on_intr(|| fchmod(file, mode)))?;
    Ok(PermissionsSet { mode: is_set && allowed == asked, owner })
}

/// Sets the owner and group. Returns `false` if this was refused, and the metadata after the call.
fn set_owner(file: BorrowedFd<'_>, to: &Permissions) -> io::Result<(bool, Stat)> {
    let found = fstat(file)?;
    let owner = (found.st_uid != to.owner).then(|| Uid::from_raw(to.owner));
    let group = (found.st_gid != to.group).then(|| Gid::from_raw(to.group));
    if owner.is_none() && group.is_none() {
        return Ok((true, found));
    }
    let set = retry_on_intr(|| fchown(file, owner, group));
    if set.is_err() && owner.is_some() && group.is_some() {
        // A process that may not change the owner may still set a group of which it is a member (chown(2)).
        let _ = fchown(file, None, group);
    }
    Ok((kept(set)?, fstat(file)?))
}

/// Returns `true` for a success, `false` for a refusal, and an error for a failure. `EINVAL` is a refusal: the user
/// namespace does not map the number (`chown_common` in `fs/open.c`).
fn kept(set: rustix::io::Result<()>) -> io::Result<bool> {
    match set {
        Ok(()) => Ok(true),
        Err(Errno::PERM | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// Flags for opening a directory whose permissions will be set. `fchmod` refuses a handle opened with `O_PATH`
/// (open(2)).
const CHANGEABLE: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

const PRIVATE_DIRECTORY: Mode = Mode::RWXU;

impl FsPermissions for StdFs {
    fn create_private_dir(&self, path: &Path) -> Result<()> {
        let at = At::path(path);
        on(Op::CreateDir, path, mkdirat(at.dir, at.name, PRIVATE_DIRECTORY).map_err(io::Error::from))
    }

    fn set_directory_permissions(&self, path: &Path, to: &Permissions) -> Result<PermissionsSet> {
        let opened = At::path(path).open(CHANGEABLE, Mode::empty()).map_err(io::Error::from);
        on(Op::SetPermissions, path, opened.and_then(|dir| set_permissions(&dir, to)))
    }
}

impl FsPermissions for View {
    fn create_private_dir(&self, path: &Path) -> Result<()> {
        on(Op::CreateDir, path, self.make_dir(path, PRIVATE_DIRECTORY))
    }

    fn set_directory_permissions(&self, path: &Path, to: &Permissions) -> Result<PermissionsSet> {
        let opened = self.open_directory(path, CHANGEABLE);
        on(Op::SetPermissions, path, opened.and_then(|dir| set_permissions(&dir, to)))
    }
}
