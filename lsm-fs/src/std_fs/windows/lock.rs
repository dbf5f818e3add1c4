//! Owner locks of directories, by a handle that no other lock can be beside.

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

/// A locked directory. The handle asks for the right to write and shares it with nobody, so a second one is refused.
/// Creating files inside opens no handle for writing on the directory itself, and listing it, renaming it or removing
/// it is shared. Windows closes the handle when the process dies.
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
