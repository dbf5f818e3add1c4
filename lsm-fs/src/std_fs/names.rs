//! Operations on names and whole files that are the same on all platforms.

use std::{fs, io, path::Path};

use super::{platform, shared_inode};
use crate::{FsDirEntry, FsFileType, FsOpenOptions};

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
    sort(&mut entries);
    Ok(entries)
}

/// Sorts by the bytes of the names.
pub(super) fn sort(entries: &mut [FsDirEntry]) {
    entries.sort_unstable_by(|a, b| a.name.as_encoded_bytes().cmp(b.name.as_encoded_bytes()));
}

/// `open` must open the file with the given options.
pub(super) fn punch_hole(
    open: impl FnOnce(&FsOpenOptions) -> io::Result<fs::File>,
    offset: u64,
    len: u64,
) -> io::Result<()> {
    if len == 0 || offset.checked_add(len).is_none_or(|end| i64::try_from(end).is_err()) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    platform::punch_hole(&unshared(open(&IN_PLACE)?)?, offset, len)
}

pub(super) fn truncate_file(
    open: impl FnOnce(&FsOpenOptions) -> io::Result<fs::File>,
    len: u64,
) -> io::Result<()> {
    unshared(open(&IN_PLACE)?)?.set_len(len)
}

const IN_PLACE: FsOpenOptions = FsOpenOptions::new().write(true);

/// Refuses an in-place change if the inode has another name, or if the number of names is unknown.
fn unshared(file: fs::File) -> io::Result<fs::File> {
    match platform::file_metadata(&file)?.link_count {
        Some(0 | 1) => Ok(file),
        Some(_) => Err(shared_inode()),
        None => Err(io::ErrorKind::Unsupported.into()),
    }
}
