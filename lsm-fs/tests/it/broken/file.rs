//! The files of a broken backend.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, atomic::Ordering},
};

use lsm_fs::{
    Error, FileHint, FsFile, FsMetadata, FsOpenOptions, Op, Permissions, PermissionsSet, ReadRequest, Result,
    SyncMode, errno,
};

use super::{Broken, Calls, Defect, Faults};

#[derive(Debug)]
pub(super) struct BrokenFile {
    inner: Mutex<Box<dyn FsFile>>,
    path: PathBuf,
    defect: Defect,
    options: FsOpenOptions,
    len_at_open: u64,
    faults: Faults,
    calls: Calls,
    poison: OnceLock<Op>,
}

impl BrokenFile {
    /// The options with which the inner file is opened.
    pub(super) fn options(defect: Defect, mut options: FsOpenOptions) -> FsOpenOptions {
        if defect == Defect::AppendIsWrite && options.append {
            (options.append, options.write) = (false, true);
        }
        options
    }

    pub(super) fn new(
        mut inner: Box<dyn FsFile>,
        path: &Path,
        broken: &Broken,
        options: FsOpenOptions,
    ) -> Result<Self> {
        let (defect, faults, calls) = (broken.defect, broken.faults(), broken.calls());
        if defect == Defect::AppendIsWrite && options.append {
            inner.seek(SeekFrom::End(0)).unwrap();
        }
        let len_at_open = inner.metadata()?.len;
        let (inner, path) = (Mutex::new(inner), path.to_path_buf());
        Ok(Self { inner, path, defect, options, len_at_open, faults, calls, poison: OnceLock::new() })
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn with<T>(&self, act: impl FnOnce(&mut Box<dyn FsFile>) -> T) -> T {
        self.calls.fetch_add(1, Ordering::Relaxed);
        act(&mut self.inner.lock().unwrap())
    }

    fn fault(&self, op: Op) -> Error {
        Error::new(op, &self.path, io::Error::from_raw_os_error(errno::EIO))
    }

    /// Returns `true` if a defect lets this empty call succeed without a check of the handle.
    fn spares_empty(&self, op: Op, offset: u64) -> bool {
        match self.defect {
            Defect::EmptyReadUnchecked => matches!(op, Op::Read | Op::ReadAt),
            Defect::EmptyWriteUnchecked => {
                matches!(op, Op::Write | Op::WriteAt) && self.poison.get().is_none()
            }
            Defect::EmptyOffsetUnchecked => offset > i64::MAX.unsigned_abs(),
            Defect::PoisonSparesEmpty => matches!(op, Op::Write | Op::WriteAt) && self.poison.get().is_some(),
            _ => false,
        }
    }

    fn check_poison(&self, op: Op) -> Result<()> {
        if self.poison.get().is_some() && !self.is(Defect::ForgetsPoison) {
            return Err(self.fault(op).poisoned());
        }
        Ok(())
    }

    fn sync(&self, op: Op, sync: impl FnOnce(&dyn FsFile) -> Result<()>) -> Result<()> {
        assert!(!self.is(Defect::SyncPanics), "the sync panics");
        self.check_poison(op)?;
        if self.is(Defect::ReadOnlySyncFails) && !self.options.write {
            return Err(self.fault(op));
        }
        if self.faults.lock().unwrap().contains(&self.path) {
            let _ = self.poison.set(op);
            return Err(self.fault(op));
        }
        self.with(|inner| sync(&**inner))
    }
}

impl FsFile for BrokenFile {
    fn sync_all(&self, mode: SyncMode) -> Result<()> {
        self.sync(Op::SyncAll, |inner| inner.sync_all(mode))
    }

    fn sync_data(&self, mode: SyncMode) -> Result<()> {
        self.sync(Op::SyncData, |inner| inner.sync_data(mode))
    }

    fn start_writeback(&self, offset: u64, len: u64) -> Result<()> {
        if self.is(Defect::EmptyWritebackFails) && len == 0 {
            return Err(self.fault(Op::StartWriteback));
        }
        if self.is(Defect::WritebackZeroes) && len > 0 {
            self.with(|inner| inner.write_at(&[0], offset))?;
        }
        self.with(|inner| inner.start_writeback(offset, len))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        if buf.is_empty() && self.spares_empty(Op::ReadAt, offset) {
            return Ok(0);
        }
        self.with(|inner| {
            if self.is(Defect::PositionalMoves) {
                let _ = inner.seek(SeekFrom::Start(offset));
            }
            let buf = match self.defect {
                Defect::ReadAtIsShort if buf.len() > 1000 => &mut buf[..1000],
                Defect::ReadAtStopsAtPages if offset == 1 && buf.len() == 4096 => &mut buf[..4095],
                _ => buf,
            };
            inner.read_at(buf, offset)
        })
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        if buf.is_empty() && self.spares_empty(Op::WriteAt, offset) {
            return Ok(());
        }
        self.check_poison(Op::WriteAt)?;
        let offset = if self.is(Defect::WriteWraps) { offset % (1 << 40) } else { offset };
        if self.is(Defect::GapsAreGarbage) && FsFile::metadata(self)?.len == 0 && offset == 10_000 {
            self.with(|inner| inner.write_at(&[0xaa; 10_000], 0))?;
        }
        if self.is(Defect::PositionalIsRacy) {
            let _ = self.with(|inner| inner.seek(SeekFrom::Start(offset)));
            std::thread::yield_now();
            return self.with(|inner| {
                let at = inner.stream_position().unwrap();
                inner.write_at(buf, at).map(|()| drop(inner.seek(SeekFrom::Start(0))))
            });
        }
        if self.is(Defect::DirectIoMustAlign) && self.options.direct_io && !buf.len().is_multiple_of(4096) {
            return Err(self.fault(Op::WriteAt));
        }
        let buf = if self.is(Defect::WriteAtIsShort) { &buf[..buf.len() / 2] } else { buf };
        let offset = if self.is(Defect::DirectIoAtZero) && self.options.direct_io { 0 } else { offset };
        match self.with(|inner| inner.write_at(buf, offset)) {
            Err(_) if self.is(Defect::ReadOnlyWrites) => Ok(()),
            Err(_) if self.is(Defect::AppendTakesPositional) && self.options.append => Ok(()),
            other => other,
        }
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.check_poison(Op::SetLen)?;
        if self.is(Defect::SameLenRefused) && self.metadata()?.len == len {
            return Err(self.fault(Op::SetLen));
        }
        if self.is(Defect::SameLenUnchecked) && self.metadata()?.len == len {
            return Ok(());
        }
        if self.is(Defect::SetLenOnlyCuts) && self.metadata()?.len < len {
            return Ok(());
        }
        match self.with(|inner| inner.set_len(len)) {
            Err(_) if self.is(Defect::ReadOnlyWrites) => Ok(()),
            other => other,
        }
    }

    fn metadata(&self) -> Result<FsMetadata> {
        let mut metadata = self.with(|inner| FsFile::metadata(inner))?;
        if self.is(Defect::HandleLenIsCached) {
            metadata.len = self.len_at_open;
        }
        Ok(metadata)
    }

    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>> {
        if self.is(Defect::NextDataMisses) {
            return Ok(None);
        }
        if self.is(Defect::NextDataIsEmpty) {
            return Ok(Some(offset..offset));
        }
        self.with(|inner| inner.next_data(offset))
    }

    fn hint(&self, hint: FileHint) -> Result<()> {
        if self.is(Defect::HintDestroys) && hint == FileHint::DontNeed {
            self.with(|inner| inner.set_len(0))?;
        }
        self.with(|inner| inner.hint(hint))
    }

    fn set_permissions(&self, to: &Permissions) -> Result<PermissionsSet> {
        if self.is(Defect::RefusedGroupsHaveRights)
            && let Some(there) = self.with(|inner| inner.metadata())?.permissions
            && there.group != to.group
        {
            let set = self.with(|inner| inner.set_permissions(&there.with_mode(to.mode)))?;
            return Ok(PermissionsSet { owner: false, ..set });
        }
        let set = self.with(|inner| inner.set_permissions(to))?;
        match self.defect {
            Defect::ModesAreIgnored => {
                let there = to.with_mode(0o711);
                let _ = self.with(|inner| inner.set_permissions(&there))?;
            }
            #[cfg(unix)]
            Defect::ModesKeepSetuid => {
                let mode = std::os::unix::fs::PermissionsExt::from_mode(to.mode);
                std::fs::set_permissions(&self.path, mode).unwrap();
            }
            Defect::OwnersAreDenied => return Ok(PermissionsSet { owner: false, ..set }),
            _ => {}
        }
        Ok(set)
    }

    fn try_lock_exclusive(&self) -> Result<bool> {
        Ok(self.with(|inner| inner.try_lock_exclusive())? || self.is(Defect::LocksAlwaysGranted))
    }

    fn read_many(&self, requests: &mut [ReadRequest<'_>]) -> Result<()> {
        for request in requests {
            let offset = if self.is(Defect::ReadManyIgnoresOffsets) { 0 } else { request.offset };
            request.filled = self.read_at(request.buf, offset)?;
        }
        Ok(())
    }
}

impl Read for BrokenFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() && self.spares_empty(Op::Read, 0) {
            return Ok(0);
        }
        if self.is(Defect::ReadSkips) {
            self.with(|inner| inner.seek(SeekFrom::Current(1)))?;
        }
        let read = self.with(|inner| inner.read(buf));
        if self.is(Defect::BareIoErrors) { read.map_err(|e| e.kind().into()) } else { read }
    }
}

impl Write for BrokenFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() && self.spares_empty(Op::Write, 0) {
            return Ok(0);
        }
        self.check_poison(Op::Write)?;
        if self.is(Defect::EmptyAppendMoves) && buf.is_empty() && self.options.append {
            self.with(|inner| inner.seek(SeekFrom::End(0)))?;
        }
        self.with(|inner| inner.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(Write::flush)
    }
}

impl Seek for BrokenFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self.with(|inner| inner.seek(to)) {
            Err(_) if self.is(Defect::SeekClamps) => self.with(|inner| inner.seek(SeekFrom::Start(0))),
            other => other,
        }
    }
}
