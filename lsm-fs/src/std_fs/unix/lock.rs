//! Owner locks on directories: `flock(2)` on the directory itself.

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
        let dir = super::link::open_dir(path)?;
        match flock(&dir, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(e) => return Err(e.into()),
        }
        let stat = fstat(&dir)?;
        #[allow(
            clippy::unnecessary_cast,
            clippy::cast_sign_loss,
            clippy::cast_lossless,
            reason = "the field's type differs between platforms, and std casts it the same way"
        )]
        let id = FileId { volume: stat.st_dev as u64, inode: stat.st_ino as u64 };
        Ok(Some(Self { locked: dir, id }))
    }
}

/// Closing the descriptor is not enough: a child that is being spawned by another thread has a copy of it until it
/// execs, and the lock would last as long.
impl Drop for DirLock {
    fn drop(&mut self) {
        // A failure leaves what closing does.
        let _ = flock(&self.locked, FlockOperation::Unlock);
    }
}

impl FsDirLock for DirLock {
    fn is_at(&self, path: &Path) -> Result<bool> {
        match std::fs::metadata(path) {
            Ok(found) => Ok(FileId { volume: found.dev(), inode: found.ino() } == self.id),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::new(Op::LockDirectory, path, e)),
        }
    }
}
