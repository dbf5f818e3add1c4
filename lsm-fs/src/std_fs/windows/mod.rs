//! The backend for Windows: std, and winapi-util for the identity of a file. A call that neither has is `Unsupported`.
//!
//! Comments cite pages of learn.microsoft.com by the part of their address that follows the language.

#[path = "../portable/absent.rs"]
mod absent;
#[path = "../portable/beneath.rs"]
mod beneath;
mod error;
mod file;
mod lock;
mod name;
#[path = "../portable/positioned.rs"]
mod positioned;
mod remove;
mod rename;
mod stat;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests;

use std::{fs, io, path::Path};

pub(in crate::std_fs) use absent::*;
pub(in crate::std_fs) use beneath::View;
pub(in crate::std_fs) use error::handle_error;
pub(in crate::std_fs) use file::{open_file, set_len, sync_all, sync_data};
pub(in crate::std_fs) use lock::DirLock;
pub(in crate::std_fs) use positioned::Positioned;
pub(in crate::std_fs) use remove::{remove_dir, remove_dir_all, remove_file};
pub(in crate::std_fs) use rename::{hard_link, rename};
pub(in crate::std_fs) use stat::{file_metadata, metadata, symlink_metadata, volume_id};

use crate::{
    DirectorySync, FsCapabilities, FsDirEntry, Result, StdFs, SyncMode, errno,
    std_fs::{names, probe},
};

pub(in crate::std_fs) fn create_dir(path: &Path) -> io::Result<()> {
    name::check(path)?;
    fs::create_dir(path).map_err(|e| error::refine(path, e))
}

pub(in crate::std_fs) fn read_dir(path: &Path) -> io::Result<Vec<FsDirEntry>> {
    name::check(path)?;
    names::read_dir(path).map_err(|e| match fs::metadata(path) {
        Ok(found) if !found.is_dir() => not_a_directory(),
        _ => error::refine(path, e),
    })
}

pub(in crate::std_fs) fn available_space(path: &Path) -> io::Result<u64> {
    metadata(path)?;
    unsupported()
}

pub(in crate::std_fs) fn capabilities(fs: &StdFs, path: &Path) -> Result<FsCapabilities> {
    probe::probe(fs, path)
}

/// NTFS persists the names of a directory when the directory's handle is flushed. Other filesystems report success and
/// do nothing (`openspecs/windows_protocols/ms-fsa/0de7dc40-9627-437e-a4df-c4696cdc3d02` and its note). std does not
/// tell which filesystem it is, so the result is `NotSupported`.
pub(in crate::std_fs) fn sync_directory(path: &Path, _: SyncMode) -> io::Result<DirectorySync> {
    if metadata(path)?.is_dir() { Ok(DirectorySync::NotSupported) } else { Err(not_a_directory()) }
}

fn not_a_directory() -> io::Error {
    io::Error::from_raw_os_error(errno::ENOTDIR)
}
