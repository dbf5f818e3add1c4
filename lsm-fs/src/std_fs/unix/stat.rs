//! Metadata from `stat`.

use std::time::{Duration, SystemTime};

use rustix::fs::{FileType, Stat};

use crate::{FileId, FsFileType, FsMetadata, Permissions};

pub(super) fn file_type(stat: &Stat) -> FsFileType {
    kind(FileType::from_raw_mode(stat.st_mode))
}

fn kind(found: FileType) -> FsFileType {
    match found {
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
        modified: time(stat.st_mtime as i64, nanoseconds as u64),
        ..FsMetadata::new(file_type(stat), stat.st_size as u64)
    }
}

/// Converts metadata of `statx(2)`. Its fields have the same types on every Linux.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn metadata_of_statx(found: &rustix::fs::Statx) -> FsMetadata {
    FsMetadata {
        link_count: Some(found.stx_nlink.into()),
        file_id: Some(FileId {
            volume: rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
        }),
        allocated_bytes: Some(found.stx_blocks.saturating_mul(512)),
        permissions: Some(Permissions {
            mode: u32::from(found.stx_mode) & 0o7777,
            owner: found.stx_uid,
            group: found.stx_gid,
        }),
        modified: time(found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec.into()),
        ..FsMetadata::new(kind(FileType::from_raw_mode(found.stx_mode.into())), found.stx_size)
    }
}

/// A time since the epoch. `None` if the platform's clock cannot hold it.
fn time(seconds: i64, nanoseconds: u64) -> Option<SystemTime> {
    let whole = match u64::try_from(seconds) {
        Ok(since) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(since)),
        Err(_) => SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(seconds.unsigned_abs())),
    };
    whole?.checked_add(Duration::from_nanos(nanoseconds))
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use rustix::fs::{AtFlags, CWD, StatxFlags, stat, statx};

    use super::*;

    #[test]
    fn stat_and_statx_give_the_same_metadata() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, [1; 5_000]).unwrap();
        std::fs::hard_link(&file, dir.path().join("link")).unwrap();
        for path in [&file, dir.path(), std::path::Path::new("/dev/null")] {
            let found = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS).unwrap();
            assert_eq!(metadata_of_statx(&found), metadata(&stat(path).unwrap()));
        }
    }
}
