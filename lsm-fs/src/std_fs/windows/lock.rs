//! Owner locks of directories. A lock is an open handle that excludes a second one.

use std::{
    fs::{File, OpenOptions},
    io,
    os::windows::fs::OpenOptionsExt,
    path::Path,
};

use super::{
    error::{SHARING_VIOLATION, refine},
    not_a_directory,
    stat::{FILE_FLAG_BACKUP_SEMANTICS, file_metadata, metadata},
};
use crate::{Error, FileId, FsDirLock, Op, Result};

/// The right to add a file, which counts as writing for the share mode
/// (`windows/win32/fileio/file-access-rights-constants`).
const FILE_ADD_FILE: u32 = 2;

// `windows/win32/api/fileapi/nf-fileapi-createfilew`
const FILE_SHARE_READ: u32 = 1;
const FILE_SHARE_DELETE: u32 = 4;

/// A locked directory. The handle has the right to write and does not share it, so Windows refuses a second one.
/// Creating a file inside needs no such handle. The share mode permits handles that list, rename or remove the
/// directory. Windows closes the handle when the process dies.
#[derive(Debug)]
pub(in crate::std_fs) struct DirLock {
    _held: File,
    id: Option<FileId>,
}

impl DirLock {
    pub(in crate::std_fs) fn try_lock(path: &Path) -> io::Result<Option<Self>> {
        if !metadata(path)?.is_dir() {
            return Err(not_a_directory());
        }
        let opened = OpenOptions::new()
            .access_mode(FILE_ADD_FILE)
            .share_mode(FILE_SHARE_READ | FILE_SHARE_DELETE)
            .custom_flags(FILE_FLAG_BACKUP_SEMANTICS)
            .open(path);
        match opened {
            Ok(held) => {
                let found = file_metadata(&held)?;
                if !found.is_dir() {
                    return Err(not_a_directory());
                }
                Ok(Some(Self { id: found.file_id, _held: held }))
            }
            Err(e) if e.raw_os_error() == Some(SHARING_VIOLATION) => Ok(None),
            Err(e) => Err(refine(path, e)),
        }
    }
}

impl FsDirLock for DirLock {
    fn is_at(&self, path: &Path) -> Result<bool> {
        match metadata(path) {
            Ok(found) => Ok(found.file_id == self.id),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::new(Op::IsAt, path, e)),
        }
    }
}
