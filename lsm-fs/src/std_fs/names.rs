//! Calls on names and whole files that need no platform of their own.

use std::{fs, io, path::Path};

use super::{platform, shared_inode};
use crate::{FsDirEntry, FsFileType};

pub(super) fn file_type(file_type: fs::FileType) -> FsFileType {
    if file_type.is_file() {
        FsFileType::File
    } else if file_type.is_dir() {
        FsFileType::Directory
    } else if file_type.is_symlink() {
        FsFileType::Symlink
    } else {
        FsFileType::Other
    }
}

pub(super) fn read_dir(path: &Path) -> io::Result<Vec<FsDirEntry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        entries.push(FsDirEntry::new(entry.file_name(), file_type(entry.file_type()?)));
    }
    entries.sort_unstable_by(|a, b| a.name.as_encoded_bytes().cmp(b.name.as_encoded_bytes()));
    Ok(entries)
}

/// A link that is given is refused: the contract is about directories only.
pub(super) fn remove_dir_all(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_dir() {
        return Err(io::Error::from_raw_os_error(crate::errno::ENOTDIR));
    }
    platform::remove_dir_all(path)
}

pub(super) fn punch_hole(path: &Path, offset: u64, len: u64) -> io::Result<()> {
    if len == 0 || offset.checked_add(len).is_none_or(|end| i64::try_from(end).is_err()) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    platform::punch_hole(&open_unshared(path)?, offset, len)
}

pub(super) fn truncate_file(path: &Path, len: u64) -> io::Result<()> {
    open_unshared(path)?.set_len(len)
}

/// Opens a file for a change in place. Where the number of names is not known, the inode may be shared, so the change
/// is refused.
fn open_unshared(path: &Path) -> io::Result<fs::File> {
    let file = fs::OpenOptions::new().write(true).open(path)?;
    match platform::metadata(&file.metadata()?).link_count {
        Some(0 | 1) => Ok(file),
        Some(_) => Err(shared_inode()),
        None => Err(io::ErrorKind::Unsupported.into()),
    }
}
