//! [`StagedFile`]: an open file whose syncs are put off.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    sync::{MutexGuard, PoisonError},
};

use lsm_fs::{FileHint, FsFile, FsMetadata, ReadRequest, Result, SyncMode};

use super::Handle;

/// The writer's end of a handle; the other end syncs it, so that the handle that wrote is the one that is synced.
#[derive(Debug)]
pub(super) struct StagedFile(Handle);

impl StagedFile {
    pub(super) fn new(handle: Handle) -> Self {
        Self(handle)
    }

    fn inner(&self) -> MutexGuard<'_, Box<dyn FsFile>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for StagedFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner().read(buf)
    }
}

impl Write for StagedFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.inner().write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner().flush()
    }
}

impl Seek for StagedFile {
    fn seek(&mut self, pos: SeekFrom) -> io::Result<u64> {
        self.inner().seek(pos)
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
        self.inner().start_writeback(offset, len)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        self.inner().read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        self.inner().write_at(buf, offset)
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.inner().set_len(len)
    }

    fn metadata(&self) -> Result<FsMetadata> {
        self.inner().metadata()
    }

    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>> {
        self.inner().next_data(offset)
    }

    fn hint(&self, hint: FileHint) -> Result<()> {
        self.inner().hint(hint)
    }

    fn try_lock_exclusive(&self) -> Result<bool> {
        self.inner().try_lock_exclusive()
    }

    fn host_file(&self) -> Option<&File> {
        None
    }

    fn read_many(&self, requests: &mut [ReadRequest<'_>]) -> Result<()> {
        self.inner().read_many(requests)
    }
}
