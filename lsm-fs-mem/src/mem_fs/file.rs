//! Files and directory locks of [`MemFs`].

use std::{
    fmt,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use lsm_fs::{
    Error, FileHint, FsDirLock, FsFile, FsMetadata, FsOpenOptions, Op, Permissions, PermissionsSet, Result,
    SyncMode, errno,
};

use super::MemFs;
use crate::{
    machine::{HandleId, Machine, OpenFile},
    micro::Ino,
};

/// An open file.
pub(crate) struct MemFile {
    fs: MemFs,
    file: OpenFile,
    path: PathBuf,
    options: FsOpenOptions,
    position: u64,
    /// The operation and errno of the first failed sync through this handle.
    poison: OnceLock<(Op, Option<i32>)>,
}

impl MemFile {
    pub(crate) fn new(fs: MemFs, file: OpenFile, path: &Path, options: FsOpenOptions) -> Self {
        Self { fs, file, path: path.to_path_buf(), options, position: 0, poison: OnceLock::new() }
    }

    fn call<T>(&self, op: Op, run: impl FnOnce(&mut Machine, Ino) -> io::Result<T>) -> Result<T> {
        self.fs.call(op, &self.path, |machine| run(machine, self.file.ino))
    }

    fn refuse<T>(&self, op: Op, code: i32) -> Result<T> {
        Err(Error::new(op, &self.path, io::Error::from_raw_os_error(code)))
    }

    fn check_readable(&self, op: Op) -> Result<()> {
        if self.options.read { Ok(()) } else { self.refuse(op, errno::EBADF) }
    }

    fn check_writable(&self, op: Op) -> Result<()> {
        self.check_poison(op)?;
        if self.options.write || self.options.append { Ok(()) } else { self.refuse(op, errno::EBADF) }
    }

    fn check_poison(&self, op: Op) -> Result<()> {
        let Some((first_op, code)) = self.poison.get() else { return Ok(()) };
        let first = code.map_or_else(|| io::ErrorKind::Other.into(), io::Error::from_raw_os_error);
        let first = io::Error::from(Error::new(*first_op, &self.path, first));
        Err(Error::new(op, &self.path, first).poisoned())
    }

    fn read_as(&self, op: Op, buf: &mut [u8], offset: u64) -> Result<usize> {
        self.check_readable(op)?;
        self.call(op, |machine, ino| machine.files(None).read(ino, buf, offset))
    }

    fn sync(&self, op: Op, data_only: bool) -> Result<()> {
        self.check_poison(op)?;
        self.call(op, |machine, _| machine.files(None).sync_file(self.file, &self.path, data_only))
            .inspect_err(|e| {
                let _ = self.poison.set((op, e.raw_os_error()));
            })
    }
}

impl fmt::Debug for MemFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemFile")
            .field("path", &self.path)
            .field("ino", &self.file.ino)
            .finish_non_exhaustive()
    }
}

impl Drop for MemFile {
    fn drop(&mut self) {
        self.fs.lock().close(self.file.ino, self.file.handle);
    }
}

impl FsFile for MemFile {
    fn sync_all(&self, _: SyncMode) -> Result<()> {
        self.sync(Op::SyncAll, false)
    }

    fn sync_data(&self, _: SyncMode) -> Result<()> {
        self.sync(Op::SyncData, true)
    }

    fn start_writeback(&self, _: u64, _: u64) -> Result<()> {
        self.call(Op::StartWriteback, |_, _| Ok(()))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        self.read_as(Op::ReadAt, buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        self.check_writable(Op::WriteAt)?;
        if self.options.append {
            return Err(Error::new(Op::WriteAt, &self.path, io::Error::from(io::ErrorKind::InvalidInput)));
        }
        self.call(Op::WriteAt, |machine, ino| {
            if machine.files(None).write(ino, buf, Some(offset))? == buf.len() {
                return Ok(());
            }
            Err(io::Error::from_raw_os_error(errno::ENOSPC))
        })
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.check_poison(Op::SetLen)?;
        if !self.options.write && !self.options.append {
            return self.refuse(Op::SetLen, errno::EINVAL);
        }
        self.call(Op::SetLen, |machine, ino| machine.files(None).set_len(ino, len))
    }

    fn metadata(&self) -> Result<FsMetadata> {
        self.call(Op::Metadata, |machine, ino| machine.storage().namespace().metadata(ino))
    }

    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>> {
        self.call(Op::NextData, |machine, ino| machine.files(None).next_data(ino, offset))
    }

    fn hint(&self, _: FileHint) -> Result<()> {
        self.call(Op::Hint, |_, _| Ok(()))
    }

    fn set_permissions(&self, to: &Permissions) -> Result<PermissionsSet> {
        self.call(Op::SetPermissions, |machine, ino| machine.files(None).set_permissions(ino, to))
    }

    fn try_lock_exclusive(&self) -> Result<bool> {
        let handle = self.file.handle;
        self.call(Op::TryLockExclusive, |machine, ino| Ok(machine.try_lock(ino, handle)))
    }
}

impl Read for MemFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.read_as(Op::Read, buf, self.position)?;
        self.position += read as u64;
        Ok(read)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.check_readable(Op::Read)?;
        let position = self.position;
        let read = self.call(Op::Read, |machine, ino| machine.files(None).read_to_end(ino, buf, position))?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Write for MemFile {
    /// Writes less than `buf` if the volume has no room for all of it.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.check_writable(Op::Write)?;
        let offset = (!self.options.append).then_some(self.position);
        let (written, end) = self.call(Op::Write, |machine, ino| {
            let written = machine.files(None).write(ino, buf, offset)?;
            Ok((written, machine.storage().namespace().file(ino)?.len))
        })?;
        // For an append, Linux moves the position only if bytes are appended (`generic_write_checks` in
        // fs/read_write.c).
        let appended = self.options.append && !buf.is_empty();
        self.position = if appended { end } else { self.position + written as u64 };
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for MemFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, by) = match to {
            SeekFrom::Start(offset) => (offset, 0),
            SeekFrom::Current(by) => (self.position, by),
            SeekFrom::End(by) => (self.metadata()?.len, by),
        };
        let target = base.checked_add_signed(by).filter(|target| i64::try_from(*target).is_ok());
        let Some(target) = target else {
            return self.refuse(Op::Seek, errno::EINVAL).map_err(io::Error::from);
        };
        self.position = target;
        Ok(target)
    }
}

/// The owner lock of a directory.
pub(crate) struct MemDirLock {
    fs: MemFs,
    ino: Ino,
    handle: HandleId,
}

impl MemDirLock {
    pub(crate) fn new(fs: MemFs, ino: Ino, handle: HandleId) -> Self {
        Self { fs, ino, handle }
    }
}

impl fmt::Debug for MemDirLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemDirLock").field("ino", &self.ino).finish_non_exhaustive()
    }
}

impl Drop for MemDirLock {
    fn drop(&mut self) {
        self.fs.lock().close(self.ino, self.handle);
    }
}

impl FsDirLock for MemDirLock {
    fn is_at(&self, path: &Path) -> Result<bool> {
        let found = self.fs.call(Op::IsAt, path, |machine| machine.lookup(self.fs.view()).resolve_name(path));
        match found {
            Ok(ino) => Ok(ino == self.ino),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }
}
