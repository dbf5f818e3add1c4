//! Open files and directory locks whose calls pass through an interceptor.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Arguments, Bytes, Call, Interceptor, Outcome};
use crate::{
    Error, FileHint, FsDirLock, FsFile, FsMetadata, Op, Permissions, PermissionsSet, ReadRequest, Result,
    SyncMode,
};

/// An open file behind an interceptor. It keeps the path with which it was opened.
#[derive(Debug)]
pub(super) struct InterceptFile<I: Interceptor> {
    inner: Box<dyn FsFile>,
    path: PathBuf,
    interceptor: Arc<I>,
    state: I::File,
}

impl<I: Interceptor> InterceptFile<I> {
    pub(super) fn new(interceptor: &Arc<I>, path: &Path, (inner, state): (Box<dyn FsFile>, I::File)) -> Self {
        Self { inner, path: path.to_path_buf(), interceptor: Arc::clone(interceptor), state }
    }

    fn around<R: Outcome>(
        &self,
        op: Op,
        arguments: Arguments<'_>,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        self.interceptor.around(Some(&self.state), &Call::new(op, &self.path, arguments), run)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<I: Interceptor> FsFile for InterceptFile<I> {
    fn sync_all(&self, mode: SyncMode) -> Result<()> {
        self.around(Op::SyncAll, Arguments::Sync(mode), || self.inner.sync_all(mode))
    }

    fn sync_data(&self, mode: SyncMode) -> Result<()> {
        self.around(Op::SyncData, Arguments::Sync(mode), || self.inner.sync_data(mode))
    }

    fn start_writeback(&self, offset: u64, len: u64) -> Result<()> {
        let range = Arguments::Range { offset, len };
        self.around(Op::StartWriteback, range, || self.inner.start_writeback(offset, len))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let range = Arguments::Range { offset, len: buf.len() as u64 };
        counted(self.around(Op::ReadAt, range, || self.inner.read_at(buf, offset).map(bytes)))
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        let range = Arguments::Range { offset, len: buf.len() as u64 };
        let call = Call::new(Op::WriteAt, &self.path, range);
        self.interceptor.transfer(&self.state, &call, buf.len(), |len| {
            self.inner.write_at(buf.get(..len).unwrap_or(buf), offset)
        })
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.around(Op::SetLen, Arguments::Len(len), || self.inner.set_len(len))
    }

    fn metadata(&self) -> Result<FsMetadata> {
        self.around(Op::Metadata, Arguments::None, || self.inner.metadata())
    }

    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>> {
        self.around(Op::NextData, Arguments::Offset(offset), || self.inner.next_data(offset))
    }

    fn hint(&self, hint: FileHint) -> Result<()> {
        self.around(Op::Hint, Arguments::Hint(hint), || self.inner.hint(hint))
    }

    fn try_lock_exclusive(&self) -> Result<bool> {
        self.around(Op::TryLockExclusive, Arguments::None, || self.inner.try_lock_exclusive())
    }

    fn set_permissions(&self, permissions: &Permissions) -> Result<PermissionsSet> {
        let arguments = Arguments::Permissions(*permissions);
        self.around(Op::SetPermissions, arguments, || self.inner.set_permissions(permissions))
    }

    /// Returns `None`, because operations on the host's file would bypass the interceptor.
    fn host_file(&self) -> Option<&File> {
        None
    }

    /// Calls [`read_at`](FsFile::read_at) for each request in order, so that each passes through the interceptor.
    fn read_many(&self, requests: &mut [ReadRequest<'_>]) -> Result<()> {
        for request in requests {
            request.filled = self.read_at(request.buf, request.offset)?;
        }
        Ok(())
    }
}

impl<I: Interceptor> Read for InterceptFile<I> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Self { inner, path, interceptor, state } = self;
        let call = Call::new(Op::Read, path, Arguments::Transfer(buf.len() as u64));
        let read = interceptor.transfer(state, &call, buf.len(), |len| {
            let (buf, _) = buf.split_at_mut(len.min(buf.len()));
            inner.read(buf).map(bytes).map_err(|e| unwrapped(&call, e))
        });
        Ok(counted(read)?)
    }
}

impl<I: Interceptor> Write for InterceptFile<I> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let Self { inner, path, interceptor, state } = self;
        let call = Call::new(Op::Write, path, Arguments::Transfer(buf.len() as u64));
        let written = interceptor.transfer(state, &call, buf.len(), |len| {
            inner.write(buf.get(..len).unwrap_or(buf)).map(bytes).map_err(|e| unwrapped(&call, e))
        });
        Ok(counted(written)?)
    }

    /// Not intercepted, because it only empties buffers within the process.
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<I: Interceptor> Seek for InterceptFile<I> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let Self { inner, path, interceptor, state } = self;
        let call = Call::new(Op::Seek, path, Arguments::Seek(to));
        let sought = interceptor
            .around(Some(state), &call, || inner.seek(to).map(Bytes).map_err(|e| unwrapped(&call, e)))?;
        Ok(sought.0)
    }
}

fn bytes(count: usize) -> Bytes {
    Bytes(count as u64)
}

/// The inverse of [`bytes`], whose value came from a `usize`.
fn counted(bytes: Result<Bytes>) -> Result<usize> {
    bytes.map(|Bytes(count)| usize::try_from(count).unwrap_or(usize::MAX))
}

/// Extracts the backend's error from an `io::Error`. If there is none, creates an error of this call.
fn unwrapped(call: &Call<'_>, error: io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|bare| call.error(bare))
}

/// A directory lock behind an interceptor.
#[derive(Debug)]
pub(super) struct InterceptLock<I: Interceptor> {
    inner: Box<dyn FsDirLock>,
    interceptor: Arc<I>,
}

impl<I: Interceptor> InterceptLock<I> {
    pub(super) fn new(interceptor: &Arc<I>, inner: Box<dyn FsDirLock>) -> Self {
        Self { inner, interceptor: Arc::clone(interceptor) }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<I: Interceptor> FsDirLock for InterceptLock<I> {
    fn is_at(&self, path: &Path) -> Result<bool> {
        let call = Call::new(Op::IsAt, path, Arguments::None);
        self.interceptor.around(None, &call, || self.inner.is_at(path))
    }
}
