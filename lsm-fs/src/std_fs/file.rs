//! A file of the host, with its poison.

use std::{
    fs::{File, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{on, platform};
use crate::{
    Error, FileHint, FsFile, FsMetadata, FsOpenOptions, Op, Permissions, PermissionsSet, Result, SyncMode,
    errno,
};

/// An open file of the host.
#[derive(Debug)]
pub(super) struct StdFile {
    file: File,
    path: PathBuf,
    append: bool,
    positioned: platform::Positioned,
    poison: OnceLock<Poison>,
    syncing: Mutex<()>,
    locked: AtomicBool,
    /// Transfers bypass the page cache.
    direct: AtomicBool,
}

/// The error of the first failed sync.
#[derive(Clone, Copy, Debug)]
struct Poison {
    op: Op,
    errno: Option<i32>,
    kind: io::ErrorKind,
}

impl StdFile {
    pub(super) fn open(path: &Path, options: &FsOpenOptions) -> io::Result<Self> {
        options.validate()?;
        Ok(Self::opened(platform::open_file(path, options)?, path, options))
    }

    /// Wraps a file that was opened with these options.
    pub(super) fn opened(file: File, path: &Path, options: &FsOpenOptions) -> Self {
        let direct = options.direct_io && platform::bypass_cache(&file, options.append);
        let mut opened = Self::new(file, path.to_path_buf(), options.append);
        opened.direct = direct.into();
        opened
    }

    pub(super) fn new(file: File, path: PathBuf, append: bool) -> Self {
        Self {
            file,
            path,
            append,
            positioned: platform::Positioned::default(),
            poison: OnceLock::new(),
            syncing: Mutex::new(()),
            locked: AtomicBool::new(false),
            direct: AtomicBool::new(false),
        }
    }

    fn on<T>(&self, op: Op, result: io::Result<T>) -> Result<T> {
        on(op, &self.path, result)
    }

    fn describe(&self, op: Op, error: io::Error) -> io::Error {
        Error::new(op, &self.path, error).into()
    }

    /// Makes a transfer. If it cannot be direct, disables direct transfers for the handle and repeats it.
    fn transfer<T>(&self, mut transfer: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        // Read before the transfer, because another thread may switch the handle while this transfer is being refused.
        let direct = self.direct.load(Ordering::Relaxed);
        match transfer() {
            Err(e) if direct && e.raw_os_error() == Some(errno::EINVAL) => {
                platform::use_cache(&self.file)?;
                self.direct.store(false, Ordering::Relaxed);
                transfer()
            }
            done => done,
        }
        .map_err(platform::handle_error)
    }

    fn check_poison(&self, op: Op) -> Result<()> {
        let Some(poison) = self.poison.get() else { return Ok(()) };
        let first = match poison.errno {
            Some(code) => io::Error::from_raw_os_error(code),
            None => poison.kind.into(),
        };
        let first = io::Error::from(Error::new(poison.op, &self.path, first));
        Err(Error::new(op, &self.path, first).poisoned())
    }

    fn sync(&self, op: Op, sync: impl FnOnce(&File) -> io::Result<()>) -> Result<()> {
        // The kernel reports a failure to only one of two concurrent syncs of a handle
        // (`Documentation/core-api/errseq.rst`).
        let _only = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_poison(op)?;
        sync(&self.file).map_err(|e| {
            let _ = self.poison.set(Poison { op, errno: e.raw_os_error(), kind: e.kind() });
            Error::new(op, &self.path, e)
        })
    }
}

/// Unlocks explicitly. Closing the file is not enough, because a child that another thread is spawning has a copy of
/// the descriptor until it calls `exec`.
impl Drop for StdFile {
    fn drop(&mut self) {
        if *self.locked.get_mut() {
            // If this fails, closing the file still releases the lock, perhaps later.
            let _ = self.file.unlock();
        }
    }
}

impl FsFile for StdFile {
    fn sync_all(&self, mode: SyncMode) -> Result<()> {
        self.sync(Op::SyncAll, |file| platform::sync_all(file, &self.path, mode))
    }

    fn sync_data(&self, mode: SyncMode) -> Result<()> {
        self.sync(Op::SyncData, |file| platform::sync_data(file, &self.path, mode))
    }

    fn start_writeback(&self, offset: u64, len: u64) -> Result<()> {
        if self.direct.load(Ordering::Relaxed) {
            return Ok(()); // There is nothing in the cache.
        }
        self.on(Op::StartWriteback, platform::start_writeback(&self.file, offset, len))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        self.on(Op::ReadAt, self.transfer(|| self.positioned.read_at(&self.file, buf, offset)))
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        self.check_poison(Op::WriteAt)?;
        if self.append {
            // Linux would ignore the offset and append (`pwrite(2)`, BUGS).
            return self.on(Op::WriteAt, Err(io::ErrorKind::InvalidInput.into()));
        }
        self.on(Op::WriteAt, self.transfer(|| self.positioned.write_at(&self.file, buf, offset)))
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.check_poison(Op::SetLen)?;
        self.on(Op::SetLen, platform::set_len(&self.file, self.append.then_some(&*self.path), len))
    }

    fn metadata(&self) -> Result<FsMetadata> {
        self.on(Op::Metadata, platform::file_metadata(&self.file))
    }

    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>> {
        let len = self.metadata()?.len;
        if offset >= len {
            return Ok(None);
        }
        self.on(Op::NextData, self.positioned.next_data(&self.file, offset, len))
    }

    fn hint(&self, hint: FileHint) -> Result<()> {
        self.on(Op::Hint, platform::hint(&self.file, hint))
    }

    fn set_permissions(&self, permissions: &Permissions) -> Result<PermissionsSet> {
        self.on(Op::SetPermissions, platform::set_permissions(&self.file, permissions))
    }

    fn host_file(&self) -> Option<&File> {
        Some(&self.file)
    }

    fn try_lock_exclusive(&self) -> Result<bool> {
        match self.file.try_lock() {
            Ok(()) => {
                self.locked.store(true, Ordering::Relaxed);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(e)) => self.on(Op::TryLockExclusive, Err(e)),
        }
    }
}

impl Read for StdFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.transfer(|| (&self.file).read(buf)).map_err(|e| self.describe(Op::Read, e))
    }
}

impl Write for StdFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.check_poison(Op::Write)?;
        if self.append && buf.is_empty() {
            return Ok(0); // Windows would move the position to the end.
        }
        self.transfer(|| (&self.file).write(buf)).map_err(|e| self.describe(Op::Write, e))
    }

    /// The process buffers nothing.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for StdFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&self.file).seek(to).map_err(|e| self.describe(Op::Seek, platform::handle_error(e)))
    }
}

#[cfg(test)]
mod tests;
