//! Metadata of many files of one directory.

use std::{ffi::OsStr, path::Path};

use crate::{MetadataReport, batch, std_fs::StdFs};

/// Holds the directory, so that each look-up is of one name and of no path.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::std_fs) fn metadata_batch(
    fs: &StdFs,
    dir: &Path,
    names: &[&OsStr],
    report: MetadataReport<'_>,
) {
    use rustix::fs::{AtFlags, statat};

    use crate::{Error, Op};

    let Ok(dir_fd) = super::link::open_dir(dir) else {
        // The plain loop finds the same fault, and names it for each file; or the directory can only be searched.
        return batch::metadata_each(fs, dir, names, report);
    };
    for (index, name) in names.iter().enumerate() {
        let found = batch::validate_name(name).and_then(|()| Ok(statat(&dir_fd, *name, AtFlags::empty())?));
        let found =
            found.map(|stat| metadata(&stat)).map_err(|e| Error::new(Op::Metadata, dir.join(name), e));
        if report(index, found).is_break() {
            return;
        }
    }
}

/// As the standard library reads it.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[allow(
    clippy::unnecessary_cast,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_lossless,
    reason = "the fields' types differ between architectures, what they can hold does not"
)]
fn metadata(stat: &rustix::fs::Stat) -> crate::FsMetadata {
    use std::time::{Duration, SystemTime};

    use rustix::fs::FileType;

    use crate::{FileId, FsFileType, FsMetadata};

    let file_type = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FsFileType::File,
        FileType::Directory => FsFileType::Directory,
        FileType::Symlink => FsFileType::Symlink,
        _ => FsFileType::Other,
    };
    let seconds = stat.st_mtime as i64;
    let modified = match u64::try_from(seconds) {
        Ok(since) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(since)),
        Err(_) => SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(seconds.unsigned_abs())),
    };
    FsMetadata {
        link_count: Some(stat.st_nlink as u64),
        file_id: Some(FileId { volume: stat.st_dev as u64, inode: stat.st_ino as u64 }),
        allocated_bytes: Some((stat.st_blocks as u64).saturating_mul(512)),
        modified: modified.and_then(|at| at.checked_add(Duration::from_nanos(stat.st_mtime_nsec as u64))),
        ..FsMetadata::new(file_type, stat.st_size as u64)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::std_fs) fn metadata_batch(
    fs: &StdFs,
    dir: &Path,
    names: &[&OsStr],
    report: MetadataReport<'_>,
) {
    batch::metadata_each(fs, dir, names, report);
}
