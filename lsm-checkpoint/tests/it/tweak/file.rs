//! A file whose syncs can be left out.

use std::{
    fmt,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
};

use lsm_fs::{FileHint, FsFile, FsMetadata, ReadRequest, Result, SyncMode};

pub(super) struct TweakedFile {
    inner: Box<dyn FsFile>,
    is_skipped: Box<dyn Fn() -> bool + Send + Sync>,
}

impl TweakedFile {
    pub(super) fn new(inner: Box<dyn FsFile>, is_skipped: Box<dyn Fn() -> bool + Send + Sync>) -> Self {
        Self { inner, is_skipped }
    }
}

impl fmt::Debug for TweakedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Read for TweakedFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buf)
    }
}

impl Write for TweakedFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.inner.write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Seek for TweakedFile {
    fn seek(&mut self, pos: SeekFrom) -> io::Result<u64> {
        self.inner.seek(pos)
    }
}

#[deny(clippy::missing_trait_methods)]
impl FsFile for TweakedFile {
    fn sync_all(&self, mode: SyncMode) -> Result<()> {
        if (self.is_skipped)() { Ok(()) } else { self.inner.sync_all(mode) }
    }
    fn sync_data(&self, mode: SyncMode) -> Result<()> {
        if (self.is_skipped)() { Ok(()) } else { self.inner.sync_data(mode) }
    }
    fn start_writeback(&self, offset: u64, len: u64) -> Result<()> {
        self.inner.start_writeback(offset, len)
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        self.inner.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        self.inner.write_at(buf, offset)
    }
    fn set_len(&self, len: u64) -> Result<()> {
        self.inner.set_len(len)
    }
    fn metadata(&self) -> Result<FsMetadata> {
        self.inner.metadata()
    }
    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>> {
        self.inner.next_data(offset)
    }
    fn hint(&self, hint: FileHint) -> Result<()> {
        self.inner.hint(hint)
    }
    fn try_lock_exclusive(&self) -> Result<bool> {
        self.inner.try_lock_exclusive()
    }
    fn host_file(&self) -> Option<&File> {
        None
    }
    fn read_many(&self, requests: &mut [ReadRequest<'_>]) -> Result<()> {
        self.inner.read_many(requests)
    }
}
