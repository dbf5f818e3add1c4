//! Owner locks of directories, by `flock(2)` on the directory itself.

use std::{
    io,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::Path,
};

use rustix::{
    fs::{FlockOperation, flock, fstat},
    io::Errno,
};

use crate::{Error, FileId, FsDirLock, Op, Result};

/// A locked directory.
#[derive(Debug)]
pub(in crate::std_fs) struct DirLock {
    locked: OwnedFd,
    id: FileId,
}

impl DirLock {
    pub(in crate::std_fs) fn try_lock(path: &Path) -> io::Result<Option<Self>> {
        Self::try_lock_open(super::link::open_dir(path)?)
    }

    pub(super) fn try_lock_open(dir: OwnedFd) -> io::Result<Option<Self>> {
        match flock(&dir, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(e) => return Err(e.into()),
        }
        let id = super::stat::file_id(&fstat(&dir)?);
        Ok(Some(Self { locked: dir, id }))
    }

    /// Returns the identity of the locked directory.
    pub(super) fn id(&self) -> FileId {
        self.id
    }
}

/// Unlocks explicitly. Closing the descriptor is not enough, because a child that another thread is spawning has a copy
/// of it until it calls `exec`.
impl Drop for DirLock {
    fn drop(&mut self) {
        // If this fails, closing the descriptor still releases the lock, perhaps later.
        let _ = flock(&self.locked, FlockOperation::Unlock);
    }
}

impl FsDirLock for DirLock {
    fn is_at(&self, path: &Path) -> Result<bool> {
        match std::fs::metadata(path) {
            Ok(found) => Ok(FileId { volume: found.dev(), inode: found.ino() } == self.id),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::new(Op::IsAt, path, e)),
        }
    }
}
