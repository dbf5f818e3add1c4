//! Syncs and write-back.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::io::{Errno, retry_on_intr};

use crate::{DirectorySync, SyncMode};

pub(in crate::std_fs) fn sync_all(file: &File, _: &Path, mode: SyncMode) -> io::Result<()> {
    Ok(fsync(file, mode)?)
}

#[cfg(not(target_vendor = "apple"))]
pub(in crate::std_fs) fn sync_data(file: &File, _: &Path, _: SyncMode) -> io::Result<()> {
    Ok(retry_on_intr(|| rustix::fs::fdatasync(file))?)
}

/// Apple does not declare `fdatasync`, and does not document that it behaves as POSIX requires.
#[cfg(target_vendor = "apple")]
pub(in crate::std_fs) fn sync_data(file: &File, _: &Path, mode: SyncMode) -> io::Result<()> {
    Ok(fsync(file, mode)?)
}

pub(in crate::std_fs) fn sync_directory(path: &Path, mode: SyncMode) -> io::Result<DirectorySync> {
    sync_open_directory(&super::link::open_dir(path)?, mode)
}

pub(super) fn sync_open_directory(dir: &OwnedFd, mode: SyncMode) -> io::Result<DirectorySync> {
    match fsync(dir, mode) {
        Ok(()) => Ok(DirectorySync::Durable),
        Err(Errno::INVAL) => Ok(DirectorySync::NotSupported),
        Err(e) => Err(e.into()),
    }
}

/// Retries an interrupted sync. It has consumed no error, so it is the only failure that may be retried.
#[cfg(not(target_vendor = "apple"))]
fn fsync(file: impl AsFd, _: SyncMode) -> rustix::io::Result<()> {
    retry_on_intr(|| rustix::fs::fsync(file.as_fd()))
}

#[cfg(target_vendor = "apple")]
fn fsync(file: impl AsFd, mode: SyncMode) -> rustix::io::Result<()> {
    retry_on_intr(|| match mode {
        SyncMode::Normal => rustix::fs::fsync(file.as_fd()),
        SyncMode::Full => rustix::fs::fcntl_fullfsync(file.as_fd()),
    })
}

/// Starts asynchronous write-back of the dirty pages in the range. `POSIX_FADV_DONTNEED` does not wait for it
/// (`generic_fadvise` in `mm/fadvise.c`). To drop clean pages, it may flush the page lists of all processors, so one
/// call should cover a large range. It consumes no error, so a later sync still reports it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::std_fs) fn start_writeback(file: &File, offset: u64, len: u64) -> io::Result<()> {
    let Some(len) = std::num::NonZeroU64::new(len) else { return Ok(()) };
    match rustix::fs::fadvise(file, offset, Some(len), rustix::fs::Advice::DontNeed) {
        Ok(()) | Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::std_fs) fn start_writeback(_: &File, _: u64, _: u64) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use rustix::fs::{Mode, OFlags, open};

    use super::*;

    #[test]
    fn only_a_sync_that_succeeds_makes_a_directory_durable() {
        let dir = tempfile::tempdir().unwrap();
        let synced = |path: &Path, flags| {
            let opened = open(path, flags, Mode::empty()).unwrap();
            sync_open_directory(&opened, SyncMode::Normal).map_err(|e| e.raw_os_error())
        };
        assert_eq!(synced(dir.path(), OFlags::RDONLY), Ok(DirectorySync::Durable));
        // Linux refuses to sync a handle that was opened with `O_PATH`, and cannot sync a device without contents.
        assert_eq!(synced(dir.path(), OFlags::PATH), Err(Some(Errno::BADF.raw_os_error())));
        assert_eq!(synced(Path::new("/dev/null"), OFlags::RDONLY), Ok(DirectorySync::NotSupported));
    }
}
