//! [`StagedFile`]: an open file whose syncs are deferred.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    sync::{MutexGuard, PoisonError},
};

use lsm_fs::{FileHint, FsFile, FsMetadata, Permissions, PermissionsSet, ReadRequest, Result, SyncMode};

use super::Handle;

/// An open file, and a flag for the need of a sync. Where directories can be synced, a new file that was never written
/// and got no mode does not need one. The sync of its directory makes its name durable, and it has no contents.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) file: Box<dyn FsFile>,
    pub(super) wants_sync: bool,
}

/// The engine's reference to an open file. The account of the filesystem holds the other reference, and syncs the file
/// through the handle that wrote it.
#[derive(Debug)]
pub(super) struct StagedFile(Handle);

impl StagedFile {
    pub(super) fn new(handle: Handle) -> Self {
        Self(handle)
    }

    fn handle(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reading<T>(&self, act: impl FnOnce(&mut dyn FsFile) -> T) -> T {
        act(&mut *self.handle().file)
    }

    /// Runs a call that writes. `changes` is `false` if there is nothing to write.
    fn writing<T>(&self, changes: bool, act: impl FnOnce(&mut dyn FsFile) -> T) -> T {
        let mut handle = self.handle();
        handle.wants_sync |= changes;
        act(&mut *handle.file)
    }
}

impl Read for StagedFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reading(|file| file.read(buf))
    }
}

impl Write for StagedFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.writing(!buf.is_empty(), |file| file.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.reading(|file| file.flush())
    }
}

impl Seek for StagedFile {
    fn seek(&mut self, pos: SeekFrom) -> io::Result<u64> {
        self.reading(|file| file.seek(pos))
    }
}

#[deny(clippy::missing_trait_methods)]
impl FsFile for StagedFile {
    fn sync_all(&self, _: SyncMode) -> Result<()> {
        Ok(())
    }

    fn sync_data(&self, _: SyncMode) -> Result<()> {
        Ok(())
    }

    fn start_writeback(&self, offset: u64, len: u64) -> Result<()> {
        self.reading(|file| file.start_writeback(offset, len))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        self.reading(|file| file.read_at(buf, offset))
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        self.writing(!buf.is_empty(), |file| file.write_at(buf, offset))
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.writing(true, |file| file.set_len(len))
    }

    fn metadata(&self) -> Result<FsMetadata> {
        self.reading(|file| file.metadata())
    }

    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>> {
        self.reading(|file| file.next_data(offset))
    }

    fn hint(&self, hint: FileHint) -> Result<()> {
        self.reading(|file| file.hint(hint))
    }

    fn try_lock_exclusive(&self) -> Result<bool> {
        self.reading(|file| file.try_lock_exclusive())
    }

    /// Does nothing, because the checkpoint sets the permissions of everything that an engine writes.
    fn set_permissions(&self, _: &Permissions) -> Result<PermissionsSet> {
        Ok(PermissionsSet::default())
    }

    fn host_file(&self) -> Option<&File> {
        None
    }

    fn read_many(&self, requests: &mut [ReadRequest<'_>]) -> Result<()> {
        self.reading(|file| file.read_many(requests))
    }
}

#[cfg(test)]
mod tests;
