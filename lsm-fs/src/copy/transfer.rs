//! The copy of a single file.

use std::{
    io,
    ops::{ControlFlow, Range},
    sync::atomic::{AtomicBool, Ordering},
};

use super::{Copied, CopyJob, CopyOptions, buffer::Buffer, came_short, permits::WritePermits};
use crate::{
    Error, FileHint, Fs, FsFile, FsOpenOptions, Op, Result, batch::remove_after, options::DIRECT_IO_UNIT,
    pipeline::Stages, std_fs::copy_range,
};

/// Length of one in-kernel copy: long enough to hide the cost of the system call, short enough to react to a cancel.
const IN_KERNEL_PIECE: usize = 8 << 20;

/// Number of bytes to write before their write-back is started: large enough to make the call rare, small enough to
/// keep few dirty pages.
const WRITEBACK_BYTES: u64 = 8 << 20;

/// Minimum length of a file that is copied directly although its length is not a multiple of [`DIRECT_IO_UNIT`]. Its
/// last bytes then go through the cache.
const DIRECT_FROM: u64 = 1 << 20;

/// The copies of one batch. Files are written first and synced later.
pub(super) struct Transfers<'a, F: ?Sized> {
    target: &'a F,
    options: &'a CopyOptions<'a>,
    stop: AtomicBool,
    permits: WritePermits,
}

impl<'a, F: Fs + ?Sized> Transfers<'a, F> {
    pub(super) fn new(target: &'a F, options: &'a CopyOptions<'a>) -> Self {
        Self { target, options, stop: AtomicBool::new(false), permits: WritePermits::default() }
    }
}

/// A target that was written but not yet synced, with the handle that wrote it.
pub(super) struct Written {
    file: Box<dyn FsFile>,
    copied: Copied,
}

impl<'a, F: Fs + ?Sized> Stages for Transfers<'a, F> {
    type Job = CopyJob<'a>;
    type Made = Written;
    type Done = Copied;
    type Scratch = Buffer;

    /// Creates a target and fills it.
    fn make(&self, index: usize, job: &CopyJob<'a>, buffer: &mut Buffer) -> Result<Written> {
        let source = job.source.open(job.from, &FsOpenOptions::new().read(true))?;
        let metadata = source.metadata()?;
        let len = job.len.unwrap_or(metadata.len);
        if len > metadata.len {
            return Err(came_short(job, len, metadata.len));
        }
        let has_holes = metadata.allocated_bytes.is_some_and(|allocated| allocated < metadata.len);
        let direct = self.options.direct_io
            && (len >= DIRECT_FROM || len > 0 && len.is_multiple_of(DIRECT_IO_UNIT as u64));
        let options = FsOpenOptions::new().write(true).create_new(true).direct_io(direct);
        let mode = self.options.observer.and_then(|observer| observer.created_with(index));
        let options = options.private(self.options.private);
        let options = mode.map_or(options, |mode| options.created_with(mode));
        let file = self.target.open(job.to, &options)?;
        let mut unfinished = Unfinished { fs: self.target, job, armed: true };
        let mut pieces = Pieces {
            index,
            job,
            options: self.options,
            stop: &self.stop,
            permits: direct.then_some(&self.permits),
            buffer,
            source: &*source,
            target: &*file,
        };
        let filled = pieces.copy(len, has_holes).and_then(|written_bytes| {
            let returned = self.options.observer.map(|observer| observer.written(index, &*file));
            returned.unwrap_or(Ok(())).map(|()| written_bytes)
        });
        unfinished.armed = false;
        match filled {
            Ok(written_bytes) => Ok(Written { file, copied: Copied { len, written_bytes } }),
            Err(e) => {
                drop(file);
                Err(remove_after(self.target, job.to, e))
            }
        }
    }

    fn finish(&self, _: &CopyJob<'a>, Written { file, copied }: Written) -> Result<Copied> {
        file.sync_all(self.options.mode).map(|()| copied)
    }

    fn discard(&self, job: &CopyJob<'a>) -> Result<()> {
        self.target.remove_file(job.to)
    }

    fn skip(&self, job: &CopyJob<'a>) -> Option<Result<Copied>> {
        Some(Err(Error::cancelled(Op::CopyBatch, job.to)))
    }

    fn error(&self, job: &CopyJob<'a>, cause: io::Error) -> Error {
        Error::new(Op::CopyBatch, job.to, cause)
    }

    fn stop(&self) -> &AtomicBool {
        &self.stop
    }
}

/// Removes the target if the backend or the observer panics.
struct Unfinished<'a, F: Fs + ?Sized> {
    fs: &'a F,
    job: &'a CopyJob<'a>,
    armed: bool,
}

impl<F: Fs + ?Sized> Drop for Unfinished<'_, F> {
    fn drop(&mut self) {
        if self.armed {
            // The panic matters more than a failed removal.
            let _ = self.fs.remove_file(self.job.to);
        }
    }
}

/// A copy in progress: two open files and the buffer between them.
struct Pieces<'a> {
    index: usize,
    job: &'a CopyJob<'a>,
    options: &'a CopyOptions<'a>,
    stop: &'a AtomicBool,
    /// `Some` for direct writes. Other writes only reach memory and need no permit.
    permits: Option<&'a WritePermits>,
    buffer: &'a mut Buffer,
    source: &'a dyn FsFile,
    target: &'a dyn FsFile,
}

impl Pieces<'_> {
    /// Copies the first `len` bytes. Returns the number of bytes that were data.
    fn copy(&mut self, len: u64, has_holes: bool) -> Result<u64> {
        if len > self.piece_bytes() as u64 {
            // A failed hint has no effect on the bytes.
            let _ = self.source.hint(FileHint::Sequential);
        }
        let (mut offset, mut written) = (0, 0);
        while offset < len {
            let data = if has_holes { self.source.next_data(offset)? } else { Some(offset..len) };
            let data = data.map_or(len..len, |range| range.start.clamp(offset, len)..range.end.min(len));
            if data.start > offset {
                self.check_observer(
                    self.options.observer.map(|observer| observer.hole(self.index, offset..data.start)),
                )?;
            }
            if data.start == len {
                break;
            }
            if data.is_empty() {
                let what = io::Error::other("next_data of the source returned an empty range");
                return Err(Error::with_paths(Op::CopyBatch, self.job.from, self.job.to, what));
            }
            written += data.end - data.start;
            self.copy_data(data.clone())?;
            offset = data.end;
        }
        if has_holes {
            // Only this call creates a hole at the end.
            self.target.set_len(len)?;
        }
        Ok(written)
    }

    fn copy_data(&mut self, range: Range<u64>) -> Result<()> {
        let by_kernel = self.options.share_extents && self.options.observer.is_none();
        let rest = if by_kernel { self.copy_in_kernel(range)? } else { range };
        self.copy_through_buffer(rest)
    }

    /// Lets the kernel copy as much of the range as it can. Returns the part that it did not copy.
    fn copy_in_kernel(&self, range: Range<u64>) -> Result<Range<u64>> {
        let (Some(from), Some(to)) = (self.source.host_file(), self.target.host_file()) else {
            return Ok(range);
        };
        let mut offset = range.start;
        while offset < range.end {
            self.check_stop()?;
            let piece = usize::try_from(range.end - offset).unwrap_or(usize::MAX).min(IN_KERNEL_PIECE);
            let moved = copy_range(from, to, offset, piece)
                .map_err(|e| Error::with_paths(Op::CopyBatch, self.job.from, self.job.to, e))?;
            match moved {
                None => return Ok(offset..range.end),
                Some(0) => return Err(came_short(self.job, range.end, offset)),
                Some(moved) => {
                    let _ = self.target.start_writeback(offset, moved as u64);
                    offset += moved as u64;
                }
            }
        }
        Ok(offset..range.end)
    }

    fn copy_through_buffer(&mut self, range: Range<u64>) -> Result<()> {
        let (mut offset, mut started) = (range.start, range.start);
        while offset < range.end {
            self.check_stop()?;
            let piece = usize::try_from(range.end - offset).unwrap_or(usize::MAX).min(self.piece_bytes());
            let bytes = self.buffer.bytes(piece);
            let read = self.source.read_at(bytes, offset)?;
            if read < piece {
                return Err(came_short(self.job, range.end, offset + read as u64));
            }
            // The last piece is written in two parts, so that its whole units can be written directly.
            let (units, tail) = bytes.split_at(piece - piece % DIRECT_IO_UNIT);
            for (bytes, at) in [(units, offset), (tail, offset + units.len() as u64)] {
                if !bytes.is_empty() {
                    let _permit = self.permits.and_then(|permits| permits.acquire(bytes.len()));
                    if self.stop.load(Ordering::Relaxed) {
                        return Err(Error::cancelled(Op::CopyBatch, self.job.to));
                    }
                    self.target.write_at(bytes, at)?;
                }
            }
            let returned = self.options.observer.map(|observer| observer.data(self.index, offset, bytes));
            self.check_observer(returned)?;
            offset += piece as u64;
            if offset - started >= WRITEBACK_BYTES || offset == range.end {
                let _ = self.target.start_writeback(started, offset - started);
                started = offset;
            }
        }
        Ok(())
    }

    /// Returns the size of a piece, a multiple of the unit.
    fn piece_bytes(&self) -> usize {
        self.options.buffer_bytes - self.options.buffer_bytes % DIRECT_IO_UNIT
    }

    fn check_stop(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) { Err(self.cancelled()) } else { Ok(()) }
    }

    /// Cancels the copy if the observer returned `Break`.
    fn check_observer(&self, returned: Option<ControlFlow<()>>) -> Result<()> {
        if returned == Some(ControlFlow::Break(())) { Err(self.cancelled()) } else { Ok(()) }
    }

    fn cancelled(&self) -> Error {
        Error::cancelled(Op::CopyBatch, self.job.to)
    }
}
