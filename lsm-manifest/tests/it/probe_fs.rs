//! A filesystem that counts what goes through it, and can lose one sync or refuse to read a file at one go.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    num::NonZeroUsize,
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use lsm_fs::{
    DirectorySync, FileHint, Fs, FsCapabilities, FsDirEntry, FsDirLock, FsFile, FsMetadata, FsOpenOptions,
    ReadRequest, Result, SyncMode,
};

#[derive(Debug, Default)]
struct Counters {
    /// Which sync is lost, counted from 1; 0: none.
    lost: AtomicU64,
    /// From which sync on directories cannot be synced; 0: they always can.
    directories_end: AtomicU64,
    syncs: AtomicU64,
    longest_read: AtomicU64,
    read_in_all: AtomicU64,
    calls: AtomicU64,
    /// Whether the first read of a file fails if it is for all of it.
    in_pieces: AtomicBool,
}

#[derive(Clone, Debug)]
pub(crate) struct ProbeFs<F> {
    inner: F,
    counters: Arc<Counters>,
}

impl<F> ProbeFs<F> {
    pub(crate) fn new(inner: F) -> Self {
        Self { inner, counters: Arc::default() }
    }

    /// Reports the n-th sync, of a file or of a directory, as done, and does nothing.
    pub(crate) fn losing_sync(self, nth: u64) -> Self {
        self.counters.lost.store(nth, Ordering::Relaxed);
        self
    }

    /// From the n-th sync on, directories cannot be synced, and the filesystem says so.
    pub(crate) fn without_directory_syncs_from(self, nth: u64) -> Self {
        self.counters.directories_end.store(nth, Ordering::Relaxed);
        self
    }

    /// A file can be read but not at one go, as one with a bad sector.
    pub(crate) fn in_pieces(self) -> Self {
        self.counters.in_pieces.store(true, Ordering::Relaxed);
        self
    }

    pub(crate) fn inner(&self) -> &F {
        &self.inner
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.counters.syncs.load(Ordering::Relaxed)
    }

    /// The longest buffer that was to be filled since the last call.
    pub(crate) fn take_longest_read(&self) -> u64 {
        self.counters.longest_read.swap(0, Ordering::Relaxed)
    }

    /// The buffers that were to be filled since the last call, added up.
    pub(crate) fn take_read_in_all(&self) -> u64 {
        self.counters.read_in_all.swap(0, Ordering::Relaxed)
    }

    pub(crate) fn take_read_calls(&self) -> u64 {
        self.counters.calls.swap(0, Ordering::Relaxed)
    }
}

impl Counters {
    fn loses_this_sync(&self) -> bool {
        self.syncs.fetch_add(1, Ordering::Relaxed) + 1 == self.lost.load(Ordering::Relaxed)
    }

    fn reading(&self, len: usize) {
        self.longest_read.fetch_max(len as u64, Ordering::Relaxed);
        self.read_in_all.fetch_add(len as u64, Ordering::Relaxed);
    }
}

impl<F: Fs> Fs for ProbeFs<F> {
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        let (inner, counters) = (self.inner.beneath(root)?, Arc::clone(&self.counters));
        Ok(Box::new(ProbeFs { inner, counters }))
    }
    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        let inner = self.inner.open(path, options)?;
        let counters = Arc::clone(&self.counters);
        let in_pieces = AtomicBool::new(counters.in_pieces.load(Ordering::Relaxed));
        Ok(Box::new(ProbeFile { inner, counters, in_pieces }))
    }
    fn sync_directory(&self, path: &Path, mode: SyncMode) -> Result<DirectorySync> {
        if self.counters.loses_this_sync() {
            return Ok(DirectorySync::Durable);
        }
        let until = self.counters.directories_end.load(Ordering::Relaxed);
        if until != 0 && self.syncs() >= until {
            return Ok(DirectorySync::NotSupported);
        }
        self.inner.sync_directory(path, mode)
    }
    fn create_dir(&self, path: &Path) -> Result<()> {
        self.inner.create_dir(path)
    }
    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        self.inner.read_dir(path)
    }
    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.inner.metadata(path)
    }
    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.inner.symlink_metadata(path)
    }
    fn remove_file(&self, path: &Path) -> Result<()> {
        self.inner.remove_file(path)
    }
    fn remove_dir(&self, path: &Path) -> Result<()> {
        self.inner.remove_dir(path)
    }
    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        self.inner.remove_dir_all(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner.rename(from, to)
    }
    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner.rename_noreplace(from, to)
    }
    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner.hard_link(from, to)
    }
    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner.reflink_file(from, to)
    }
    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        self.inner.try_lock_directory(path)
    }
    fn backend_id(&self) -> Option<u64> {
        self.inner.backend_id()
    }
    fn volume_id(&self, path: &Path) -> Result<u64> {
        self.inner.volume_id(path)
    }
    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        self.inner.capabilities(path)
    }
    fn available_space(&self, path: &Path) -> Result<u64> {
        self.inner.available_space(path)
    }
    fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        self.inner.punch_hole(path, offset, len)
    }
    fn truncate_file(&self, path: &Path, len: u64) -> Result<()> {
        self.inner.truncate_file(path, len)
    }
    fn concurrency(&self) -> NonZeroUsize {
        self.inner.concurrency()
    }
}

#[derive(Debug)]
struct ProbeFile {
    inner: Box<dyn FsFile>,
    counters: Arc<Counters>,
    in_pieces: AtomicBool,
}

impl FsFile for ProbeFile {
    fn sync_all(&self, mode: SyncMode) -> Result<()> {
        if self.counters.loses_this_sync() { Ok(()) } else { self.inner.sync_all(mode) }
    }
    fn sync_data(&self, mode: SyncMode) -> Result<()> {
        if self.counters.loses_this_sync() { Ok(()) } else { self.inner.sync_data(mode) }
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        self.counters.calls.fetch_add(1, Ordering::Relaxed);
        self.counters.reading(buf.len());
        let is_first = self.in_pieces.swap(false, Ordering::Relaxed);
        if is_first && offset == 0 && buf.len() as u64 == self.inner.metadata()?.len {
            return Err(lsm_fs::Error::new(lsm_fs::Op::ReadAt, "a bad sector", io::Error::other("EIO")));
        }
        self.inner.read_at(buf, offset)
    }
    fn read_many(&self, requests: &mut [ReadRequest<'_>]) -> Result<()> {
        self.counters.calls.fetch_add(1, Ordering::Relaxed);
        for request in &*requests {
            self.counters.reading(request.buf.len());
        }
        self.inner.read_many(requests)
    }
    fn start_writeback(&self, offset: u64, len: u64) -> Result<()> {
        self.inner.start_writeback(offset, len)
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
}

impl Read for ProbeFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.counters.reading(buf.len());
        self.inner.read(buf)
    }
}

impl Write for ProbeFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.inner.write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Seek for ProbeFile {
    fn seek(&mut self, pos: SeekFrom) -> io::Result<u64> {
        self.inner.seek(pos)
    }
}
