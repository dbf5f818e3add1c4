//! Metadata through a handle. Only a handle gives the identity of a file and the number of its names.

use std::{
    fs::{File, OpenOptions},
    io,
    os::windows::fs::OpenOptionsExt,
    path::Path,
};

use super::{error::refine, name};
use crate::{FileId, FsMetadata, std_fs::names};

// `windows/win32/api/fileapi/nf-fileapi-createfilew`
/// Lets a call open a directory.
pub(super) const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
/// Opens a symbolic link itself.
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;

pub(in crate::std_fs) fn metadata(path: &Path) -> io::Result<FsMetadata> {
    file_metadata(&to_describe(path, FILE_FLAG_BACKUP_SEMANTICS)?)
}

pub(in crate::std_fs) fn symlink_metadata(path: &Path) -> io::Result<FsMetadata> {
    file_metadata(&to_describe(path, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)?)
}

/// Opens a handle with access to the metadata only. No share mode of another handle refuses that.
fn to_describe(path: &Path, flags: u32) -> io::Result<File> {
    name::check(path)?;
    let opened = OpenOptions::new().access_mode(0).custom_flags(flags).open(path);
    opened.map_err(|e| refine(path, e))
}

pub(in crate::std_fs) fn file_metadata(file: &File) -> io::Result<FsMetadata> {
    let (found, identity) = (file.metadata()?, winapi_util::file::information(file)?);
    Ok(FsMetadata {
        link_count: Some(identity.number_of_links().into()),
        file_id: Some(FileId {
            volume: identity.volume_serial_number().into(),
            inode: identity.file_index(),
        }),
        modified: found.modified().ok(),
        ..FsMetadata::new(names::file_type(found.file_type()), found.len())
    })
}

pub(in crate::std_fs) fn volume_id(path: &Path) -> io::Result<u64> {
    metadata(path)?.file_id.map(|id| id.volume).ok_or_else(|| io::ErrorKind::Unsupported.into())
}
