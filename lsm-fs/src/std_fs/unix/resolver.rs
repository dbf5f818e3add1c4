//! Lookups that stay beneath a directory.

use std::{
    ffi::OsStr,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, statat},
    io::{Errno, Result, retry_on_intr},
};

use super::stat;
use crate::FsMetadata;

/// Flags for a directory in which names will be looked up. On Linux they need no permission to list it
/// (`open(2)`, `O_PATH`).
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::std_fs::platform) const DIRECTORY: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::std_fs::platform) const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Flags for a directory that will be listed, synced or locked.
pub(in crate::std_fs::platform) const LISTING: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The method of resolving a path beneath a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::std_fs) enum Resolution {
    /// One call of `openat2(2)`.
    #[cfg_attr(
        not(any(target_os = "linux", target_os = "android")),
        allow(dead_code, reason = "only Linux has the call")
    )]
    Openat2,
    /// One handle for each component.
    PerComponent,
}

impl Resolution {
    /// Returns `Openat2` if the kernel has the call and no seccomp filter refuses it. Filters return `ENOSYS` or
    /// `EPERM`.
    pub(in crate::std_fs) fn of_host() -> Self {
        static FOUND: std::sync::OnceLock<Resolution> = std::sync::OnceLock::new();
        *FOUND.get_or_init(Self::probe)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn probe() -> Self {
        use rustix::fs::{CWD, openat2};
        let refused = openat2(CWD, c".", DIRECTORY, Mode::empty(), BENEATH)
            .is_err_and(|e| matches!(e, Errno::NOSYS | Errno::PERM | Errno::INVAL));
        if refused { Self::PerComponent } else { Self::Openat2 }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn probe() -> Self {
        Self::PerComponent
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const BENEATH: rustix::fs::ResolveFlags = rustix::fs::ResolveFlags::BENEATH
    .union(rustix::fs::ResolveFlags::NO_SYMLINKS)
    .union(rustix::fs::ResolveFlags::NO_XDEV);

/// The mount that a lookup must not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mount {
    device: u64,
    /// The id of the mount, which distinguishes bind mounts of one device. `None` if the kernel does not report it
    /// (`statx(2)`, before Linux 5.8).
    id: Option<u64>,
}

impl Mount {
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_sign_loss,
        clippy::cast_lossless,
        reason = "the field's type differs between platforms, and std casts it the same way"
    )]
    fn of(file: BorrowedFd<'_>) -> Result<Self> {
        Ok(Self { device: fstat(file)?.st_dev as u64, id: mount_id(file) })
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn mount_id(file: BorrowedFd<'_>) -> Option<u64> {
    use rustix::fs::{StatxFlags, statx};
    let found = statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok()?;
    (found.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(found.stx_mnt_id)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn mount_id(_: BorrowedFd<'_>) -> Option<u64> {
    None
}

/// Resolves paths beneath directories of one mount. Follows no symbolic link and enters no other mount.
#[derive(Clone, Copy, Debug)]
pub(in crate::std_fs::platform) struct Resolver {
    by: Resolution,
    mount: Mount,
}

impl Resolver {
    /// Creates a resolver for the mount of the directory.
    pub(in crate::std_fs::platform) fn of(by: Resolution, dir: BorrowedFd<'_>) -> Result<Self> {
        Ok(Self { by, mount: Mount::of(dir)? })
    }

    /// Opens a path beneath a directory. An empty path opens the directory. The path must not contain `..`.
    pub(in crate::std_fs::platform) fn open(
        &self,
        dir: BorrowedFd<'_>,
        path: &Path,
        flags: OFlags,
        mode: Mode,
    ) -> Result<OwnedFd> {
        match self.by {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Resolution::Openat2 => {
                // The call refuses a mode unless it creates a file (`openat2(2)`, EINVAL).
                let mode = if flags.contains(OFlags::CREATE) { mode } else { Mode::empty() };
                let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
                retry_on_intr(|| rustix::fs::openat2(dir, path, flags, mode, BENEATH))
            }
            _ => self.walk(dir, path, flags, mode),
        }
    }

    /// Opens one directory after the other.
    fn walk(&self, dir: BorrowedFd<'_>, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        let Some(last) = path.file_name() else { return openat(dir, c".", flags, mode) };
        let mut at: Option<OwnedFd> = None;
        for name in path.parent().into_iter().flat_map(Path::iter).filter(|name| *name != ".") {
            at = Some(self.step(at.as_ref().map_or(dir, AsFd::as_fd), name, DIRECTORY, Mode::empty())?);
        }
        self.step(at.as_ref().map_or(dir, AsFd::as_fd), last, flags, mode)
    }

    /// Opens a name and checks its mount before changing anything.
    fn step(&self, dir: BorrowedFd<'_>, name: &OsStr, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        let (truncates, flags) = (flags.contains(OFlags::TRUNC), flags - OFlags::TRUNC);
        let opened = retry_on_intr(|| openat(dir, name, flags | OFlags::NOFOLLOW, mode)).map_err(|e| {
            // Systems return different errors: `ELOOP`, `EMLINK`, `EFTYPE`, or `ENOTDIR` if a directory is required.
            let is_link = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_symlink());
            if is_link && e != Errno::EXIST { Errno::LOOP } else { e }
        })?;
        if Mount::of(opened.as_fd())? != self.mount {
            return Err(Errno::XDEV);
        }
        // On Linux, a handle opened with `O_PATH` can refer to a symbolic link (`open(2)`).
        let kind = FileType::from_raw_mode(fstat(&opened)?.st_mode);
        if kind.is_symlink() && !flags.contains(OFlags::NOFOLLOW) {
            return Err(Errno::LOOP);
        }
        if truncates && kind.is_file() {
            retry_on_intr(|| rustix::fs::ftruncate(&opened, 0))?;
        }
        Ok(opened)
    }

    /// Describes the file or directory at a path. A symbolic link at the end is described itself.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(in crate::std_fs::platform) fn stat(
        &self,
        dir: BorrowedFd<'_>,
        path: &Path,
    ) -> io::Result<FsMetadata> {
        if let Some(found) = self.stat_name(dir, path)? {
            return Ok(found);
        }
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(stat::metadata(&fstat(self.open(dir, path, flags, Mode::empty())?)?))
    }

    /// Describes a name in the directory by one call instead of three. The lookup of a single name follows nothing, and
    /// the id of the mount shows if it enters another one. Returns `None` if the path has folders, or if the kernel
    /// reports no such id (`statx(2)`, before Linux 5.8).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn stat_name(&self, dir: BorrowedFd<'_>, path: &Path) -> Result<Option<FsMetadata>> {
        use rustix::fs::{StatxFlags, statx};
        let mut components = path.components();
        let (Some(mount), Some(std::path::Component::Normal(name)), None) =
            (self.mount.id, components.next(), components.next())
        else {
            return Ok(None);
        };
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        let found = retry_on_intr(|| statx(dir, name, flags, StatxFlags::BASIC_STATS | StatxFlags::MNT_ID))?;
        match found.stx_mask & StatxFlags::MNT_ID.bits() {
            0 => Ok(None),
            _ if found.stx_mnt_id != mount => Err(Errno::XDEV),
            _ => Ok(Some(stat::metadata_of_statx(&found))),
        }
    }

    /// Describes the file or directory at a path by its name in its parent. Without `O_PATH`, a file that the process
    /// may not read could not be opened.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(in crate::std_fs::platform) fn stat(
        &self,
        dir: BorrowedFd<'_>,
        path: &Path,
    ) -> io::Result<FsMetadata> {
        let Some(name) = path.file_name() else { return Ok(stat::metadata(&fstat(dir)?)) };
        let parent = self.open(dir, path.parent().unwrap_or(Path::new("")), DIRECTORY, Mode::empty())?;
        let found = stat::metadata(&statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?);
        match found.file_id {
            Some(id) if id.volume != self.mount.device => Err(Errno::XDEV.into()),
            _ => Ok(found),
        }
    }
}
