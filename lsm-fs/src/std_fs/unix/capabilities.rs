//! Capabilities of a mount. They follow from the type of the filesystem where possible, and from probing otherwise.

use std::path::Path;

#[cfg(any(target_os = "linux", target_os = "android"))]
use {
    super::at::At,
    crate::{Error, Op},
    magic::{BCACHEFS, BTRFS, EXT, F2FS, TMPFS, XFS, ZFS},
    rustix::fs::{FallocateFlags, Mode, OFlags, StatFs, fallocate, ioctl_ficlone},
};

use std::os::fd::OwnedFd;

use crate::{Fs, FsCapabilities, Result, std_fs::StdFs};

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::std_fs) fn capabilities(fs: &StdFs, path: &Path) -> Result<FsCapabilities> {
    let stat = rustix::fs::statfs(path).map_err(|e| Error::new(Op::Capabilities, path, e))?;
    capabilities_at(fs, path, &At::path(path), &stat)
}

/// Returns the capabilities of the mount of an open directory.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn capabilities_in(fs: &dyn Fs, path: &Path, dir: &OwnedFd) -> Result<FsCapabilities> {
    let stat = rustix::fs::fstatfs(dir).map_err(|e| Error::new(Op::Capabilities, path, e))?;
    capabilities_at(fs, path, &At::name(dir, ".".as_ref(), None), &stat)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn capabilities_in(fs: &dyn Fs, path: &Path, _: &OwnedFd) -> Result<FsCapabilities> {
    crate::std_fs::probe::probe(fs, path)
}

/// Returns the capabilities of a mount. `path` in `fs` and `dir` lead to the same directory.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn capabilities_at(fs: &dyn Fs, path: &Path, dir: &At<'_>, stat: &StatFs) -> Result<FsCapabilities> {
    let magic = magic::of(stat);
    let mut found = match by_type(magic) {
        Some(known) => known,
        None => crate::std_fs::probe::probe(fs, path)?,
    };
    match magic {
        // XFS supports reflinks if it was formatted with them, which only a clone can show.
        XFS => found.reflink = can_clone(dir),
        // ext2, ext3 and ext4 have the same magic number, and the old ext2 driver cannot punch holes
        // (`ext2_file_operations` in `fs/ext2/file.c` has no `fallocate`).
        EXT => found.punch_hole = can_punch(dir),
        ZFS => {
            found.per_block_integrity_on_read = true;
            found.background_scrub = true;
            found.copy_on_write = true;
            found.native_snapshot = true;
        }
        _ => {}
    }
    Ok(found)
}

/// Magic numbers from `linux/magic.h` and from the headers of the filesystems.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) mod magic {
    pub(in crate::std_fs::platform) const EXT: u32 = 0xEF53;
    pub(in crate::std_fs::platform) const XFS: u32 = 0x5846_5342;
    pub(super) const BTRFS: u32 = 0x9123_683E;
    pub(super) const TMPFS: u32 = 0x0102_1994;
    pub(super) const F2FS: u32 = 0xF2F5_2010;
    pub(super) const BCACHEFS: u32 = 0xCA45_1A4E;
    pub(super) const ZFS: u32 = 0x2FC1_2FC1;

    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the field's type differs between architectures; every magic number has 32 bits"
    )]
    pub(in crate::std_fs::platform) const fn of(stat: &rustix::fs::StatFs) -> u32 {
        stat.f_type as u32
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::std_fs) fn capabilities(fs: &StdFs, path: &Path) -> Result<FsCapabilities> {
    crate::std_fs::probe::probe(fs, path)
}

/// Returns the capabilities of a filesystem type that is known. For XFS and ext, the caller tries the rest on the
/// mount.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn by_type(magic: u32) -> Option<FsCapabilities> {
    let plain = FsCapabilities {
        hard_link: true,
        rename_noreplace: true,
        punch_hole: true,
        directory_sync: true,
        rename_open_tree: true,
        advisory_locks: true,
        rooted_views: true,
        ..FsCapabilities::default()
    };
    match magic {
        EXT | TMPFS | F2FS | XFS => Some(plain),
        BTRFS | BCACHEFS => Some(FsCapabilities {
            reflink: true,
            per_block_integrity_on_read: true,
            background_scrub: true,
            copy_on_write: true,
            native_snapshot: true,
            ..plain
        }),
        _ => None,
    }
}

/// Creates a file without a name, which a crash cannot leave behind.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn unnamed(dir: &At<'_>) -> rustix::io::Result<OwnedFd> {
    let file = dir.open(OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, Mode::from_raw_mode(0o600))?;
    rustix::io::write(&file, &[1; 4096])?;
    Ok(file)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn can_clone(dir: &At<'_>) -> bool {
    unnamed(dir).and_then(|source| ioctl_ficlone(unnamed(dir)?, source)).is_ok()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn can_punch(dir: &At<'_>) -> bool {
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    unnamed(dir).and_then(|file| fallocate(file, punch, 0, 4096)).is_ok()
}
