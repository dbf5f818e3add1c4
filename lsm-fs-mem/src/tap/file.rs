//! An open file and a directory lock whose calls pass a tap.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::{Error, FileHint, FsDirLock, FsFile, FsMetadata, Op, ReadRequest, Result, SyncMode};

use super::{Bytes, Call, Detail, Outcome, Tap};

/// An open file behind a tap. It keeps the path it was opened by, as messages and rules of a plan name it.
#[derive(Debug)]
pub(crate) struct TappedFile<T: Tap> {
    inner: Box<dyn FsFile>,
    path: PathBuf,
    tap: Arc<T>,
    handle: T::Handle,
}

impl<T: Tap> TappedFile<T> {
    pub(crate) fn new(tap: &Arc<T>, path: &Path, (inner, handle): (Box<dyn FsFile>, T::Handle)) -> Self {
        Self { inner, path: path.to_path_buf(), tap: Arc::clone(tap), handle }
    }

    fn around<R: Outcome>(&self, op: Op, detail: Detail<'_>, run: impl FnOnce() -> Result<R>) -> Result<R> {
        self.tap.around(Some(&self.handle), &Call::new(op, &self.path, detail), run)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: Tap> FsFile for TappedFile<T> {
    fn sync_all(&self, mode: SyncMode) -> Result<()> {
        self.around(Op::SyncAll, Detail::Sync(mode), || self.inner.sync_all(mode))
    }

    fn sync_data(&self, mode: SyncMode) -> Result<()> {
        self.around(Op::SyncData, Detail::Sync(mode), || self.inner.sync_data(mode))
    }

    fn start_writeback(&self, offset: u64, len: u64) -> Result<()> {
        let range = Detail::At { offset, len };
        self.around(Op::StartWriteback, range, || self.inner.start_writeback(offset, len))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let range = Detail::At { offset, len: buf.len() as u64 };
        counted(self.around(Op::Read, range, || self.inner.read_at(buf, offset).map(bytes)))
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        let range = Detail::At { offset, len: buf.len() as u64 };
        let call = Call::new(Op::Write, &self.path, range);
        self.tap.transfer(&self.handle, &call, buf.len(), |len| {
            self.inner.write_at(buf.get(..len).unwrap_or(buf), offset)
        })
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.around(Op::SetLen, Detail::Len(len), || self.inner.set_len(len))
    }

    fn metadata(&self) -> Result<FsMetadata> {
        self.around(Op::Metadata, Detail::None, || self.inner.metadata())
    }

    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>> {
        self.around(Op::Seek, Detail::From(offset), || self.inner.next_data(offset))
    }

    fn hint(&self, hint: FileHint) -> Result<()> {
        self.around(Op::Hint, Detail::Hint(hint), || self.inner.hint(hint))
    }

    fn try_lock_exclusive(&self) -> Result<bool> {
        self.around(Op::LockFile, Detail::None, || self.inner.try_lock_exclusive())
    }

    /// None: what is done through the host's file is seen by no tap.
    fn host_file(&self) -> Option<&File> {
        None
    }

    /// One [`read_at`](FsFile::read_at) after the other, so that each passes the tap.
    fn read_many(&self, requests: &mut [ReadRequest<'_>]) -> Result<()> {
        for request in requests {
            request.filled = self.read_at(request.buf, request.offset)?;
        }
        Ok(())
    }
}

impl<T: Tap> Read for TappedFile<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Self { inner, path, tap, handle } = self;
        let call = Call::new(Op::Read, path, Detail::Cursor { len: buf.len() as u64 });
        let read = tap.transfer(handle, &call, buf.len(), |len| {
            let (buf, _) = buf.split_at_mut(len);
            inner.read(buf).map(bytes).map_err(|e| unwrapped(&call, e))
        });
        Ok(counted(read)?)
    }
}

impl<T: Tap> Write for TappedFile<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let Self { inner, path, tap, handle } = self;
        let call = Call::new(Op::Write, path, Detail::Cursor { len: buf.len() as u64 });
        let written = tap.transfer(handle, &call, buf.len(), |len| {
            inner.write(buf.get(..len).unwrap_or(buf)).map(bytes).map_err(|e| unwrapped(&call, e))
        });
        Ok(counted(written)?)
    }

    /// Moves bytes out of a buffer in the process, if there is one: nothing that a tap could observe.
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Tap> Seek for TappedFile<T> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let Self { inner, path, tap, handle } = self;
        let call = Call::new(Op::Seek, path, Detail::Seek(to));
        let sought =
            tap.around(Some(handle), &call, || inner.seek(to).map(Bytes).map_err(|e| unwrapped(&call, e)))?;
        Ok(sought.0)
    }
}

fn bytes(count: usize) -> Bytes {
    Bytes(count as u64)
}

/// Back from [`bytes`], which came from a `usize`.
fn counted(bytes: Result<Bytes>) -> Result<usize> {
    bytes.map(|Bytes(count)| usize::try_from(count).unwrap_or(usize::MAX))
}

/// The error that a backend packed into an `io::Error`, or a new one around what it returned bare.
fn unwrapped(call: &Call<'_>, error: io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|bare| call.error(bare))
}

/// A directory lock behind a tap.
#[derive(Debug)]
pub(crate) struct TappedLock<T: Tap> {
    inner: Box<dyn FsDirLock>,
    tap: Arc<T>,
}

impl<T: Tap> TappedLock<T> {
    pub(crate) fn new(tap: &Arc<T>, inner: Box<dyn FsDirLock>) -> Self {
        Self { inner, tap: Arc::clone(tap) }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: Tap> FsDirLock for TappedLock<T> {
    fn is_at(&self, path: &Path) -> Result<bool> {
        let call = Call::new(Op::LockDirectory, path, Detail::IsAt);
        self.tap.around(None, &call, || self.inner.is_at(path))
    }
}
