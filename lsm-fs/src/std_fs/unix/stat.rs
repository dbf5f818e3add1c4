//! Metadata from `stat`.

use std::time::{Duration, SystemTime};

use rustix::fs::{FileType, Stat};

use crate::{FileId, FsFileType, FsMetadata, Permissions};

pub(super) fn file_type(stat: &Stat) -> FsFileType {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FsFileType::File,
        FileType::Directory => FsFileType::Directory,
        FileType::Symlink => FsFileType::Symlink,
        _ => FsFileType::Other,
    }
}

#[allow(
    clippy::unnecessary_cast,
    clippy::cast_sign_loss,
    clippy::cast_lossless,
    reason = "the fields' types differ between platforms, and std casts them the same way"
)]
pub(super) fn file_id(stat: &Stat) -> FileId {
    FileId { volume: stat.st_dev as u64, inode: stat.st_ino as u64 }
}

/// Converts metadata in the same way as the standard library.
#[allow(
    clippy::unnecessary_cast,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_lossless,
    reason = "the fields' types differ between platforms, what they can hold does not"
)]
pub(super) fn metadata(stat: &Stat) -> FsMetadata {
    let seconds = stat.st_mtime as i64;
    let modified = match u64::try_from(seconds) {
        Ok(since) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(since)),
        Err(_) => SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(seconds.unsigned_abs())),
    };
    #[cfg(not(target_os = "netbsd"))]
    let nanoseconds = stat.st_mtime_nsec;
    #[cfg(target_os = "netbsd")]
    let nanoseconds = stat.st_mtimensec;
    FsMetadata {
        link_count: Some(stat.st_nlink as u64),
        file_id: Some(file_id(stat)),
        allocated_bytes: Some((stat.st_blocks as u64).saturating_mul(512)),
        permissions: Some(Permissions {
            mode: stat.st_mode as u32 & 0o7777,
            owner: stat.st_uid,
            group: stat.st_gid,
        }),
        modified: modified.and_then(|at| at.checked_add(Duration::from_nanos(nanoseconds as u64))),
        ..FsMetadata::new(file_type(stat), stat.st_size as u64)
    }
}
