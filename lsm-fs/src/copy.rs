//! Copying files between backends: in large pieces, around holes, each durable before it is reported.

mod overlapped;

use std::{
    fmt, io,
    ops::{ControlFlow, Range},
    path::Path,
};

pub use overlapped::{Workers, copy_overlapped};

use crate::{
    Error, FileHint, Fs, FsFile, FsOpenOptions, Op, Result, SyncMode, batch::remove_after, std_fs::copy_range,
};

/// Hears how each copy of a batch went, by its index; `Break` ends the batch.
pub type CopyReport<'a> = &'a mut dyn FnMut(usize, Result<Copied>) -> ControlFlow<()>;

/// One file to copy.
#[derive(Clone, Copy, Debug)]
pub struct CopyJob<'a> {
    /// Where the source lies; any backend.
    pub source: &'a dyn Fs,
    /// The source's path there.
    pub from: &'a Path,
    /// The new file's path in the backend that copies. Nothing may have the name yet.
    pub to: &'a Path,
    /// How many bytes to copy, from the start; `None` is the length at the time of the copy. A file that turns out to
    /// be shorter fails with `UnexpectedEof`.
    pub len: Option<u64>,
}

/// What a finished copy amounted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// The new file's length.
    pub len: u64,
    /// How many of its bytes were written; the rest are holes.
    pub written_bytes: u64,
}

/// How to copy.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct CopyOptions<'a> {
    /// How far each file's sync reaches.
    pub mode: SyncMode,
    /// The size of one read and write, and of each piece whose write-back is started. Default: 1 MiB.
    pub buffer_bytes: usize,
    /// Whether the kernel may move the bytes by itself (`copy_file_range`). On XFS and btrfs the target then shares
    /// extents with the source: not a second copy of the blocks. Has no effect beside an observer, which would see
    /// nothing.
    pub share_extents: bool,
    /// Sees every piece on its way.
    pub observer: Option<&'a dyn CopyObserver>,
}

impl Default for CopyOptions<'_> {
    fn default() -> Self {
        Self { mode: SyncMode::Normal, buffer_bytes: 1 << 20, share_extents: false, observer: None }
    }
}

impl fmt::Debug for CopyOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyOptions")
            .field("mode", &self.mode)
            .field("buffer_bytes", &self.buffer_bytes)
            .field("share_extents", &self.share_extents)
            .field("observed", &self.observer.is_some())
            .finish()
    }
}

impl<'a> CopyOptions<'a> {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`mode`](Self#structfield.mode).
    #[must_use]
    pub const fn mode(mut self, mode: SyncMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets [`buffer_bytes`](Self#structfield.buffer_bytes), between 4 KiB and 64 MiB.
    #[must_use]
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes.clamp(4 << 10, 64 << 20);
        self
    }

    /// Sets [`share_extents`](Self#structfield.share_extents).
    #[must_use]
    pub const fn share_extents(mut self, share: bool) -> Self {
        self.share_extents = share;
        self
    }

    /// Sets [`observer`](Self#structfield.observer).
    #[must_use]
    pub const fn observer(mut self, observer: &'a dyn CopyObserver) -> Self {
        self.observer = Some(observer);
        self
    }
}

/// Sees each piece of each copied file: for progress, for a checksum, for a rate limit (it may block), to cancel.
///
/// The pieces of one file come in order and without gaps, from one thread; different files may come at once.
pub trait CopyObserver: Sync {
    /// The bytes at `offset` of job `job` have been written to the target. `Break` cancels the batch.
    fn data(&self, job: usize, offset: u64, bytes: &[u8]) -> ControlFlow<()>;

    /// A range of job `job` is a hole and reads as zeros. `Break` cancels the batch.
    fn hole(&self, job: usize, range: Range<u64>) -> ControlFlow<()>;
}

/// One file after the other: copy, sync, report.
pub fn copy_each<F: Fs + ?Sized>(
    target: &F,
    jobs: &[CopyJob<'_>],
    options: &CopyOptions<'_>,
    report: CopyReport<'_>,
) {
    let mut buffer = Vec::new();
    let mut stopped = false;
    for (index, job) in jobs.iter().enumerate() {
        let copied = if stopped {
            Err(Error::cancelled(Op::Copy, job.to))
        } else {
            copy_unsynced(target, index, job, options, &mut buffer)
                .and_then(|(file, copied)| finish(target, job, &*file, options.mode).map(|()| copied))
        };
        stopped |= matches!(&copied, Err(e) if e.is_cancelled());
        stopped |= report(index, copied).is_break();
    }
}

/// Syncs a written target through the handle that wrote it; a target that fails is removed.
fn finish<F: Fs + ?Sized>(target: &F, job: &CopyJob<'_>, file: &dyn FsFile, mode: SyncMode) -> Result<()> {
    file.sync_all(mode).map_err(|e| remove_after(target, job.to, e))
}

/// Makes the target and fills it. The handle that comes back has written everything and synced nothing; on an error no
/// target is left.
fn copy_unsynced<F: Fs + ?Sized>(
    target: &F,
    index: usize,
    job: &CopyJob<'_>,
    options: &CopyOptions<'_>,
    buffer: &mut Vec<u8>,
) -> Result<(Box<dyn FsFile>, Copied)> {
    let source = job.source.open(job.from, &FsOpenOptions::new().read(true))?;
    let metadata = source.metadata()?;
    let len = job.len.unwrap_or(metadata.len);
    if len > metadata.len {
        return Err(came_short(job, len, metadata.len));
    }
    let has_holes = metadata.allocated_bytes.is_some_and(|allocated| allocated < metadata.len);
    let file = target.open(job.to, &FsOpenOptions::new().write(true).create_new(true))?;
    let mut pieces = Pieces { index, job, options, buffer, source: &*source, target: &*file };
    match pieces.copy(len, has_holes) {
        Ok(written_bytes) => Ok((file, Copied { len, written_bytes })),
        Err(e) => {
            drop(file);
            Err(remove_after(target, job.to, e))
        }
    }
}

fn came_short(job: &CopyJob<'_>, wanted: u64, found: u64) -> Error {
    let what = format!("the source has {found} bytes, {wanted} were to be copied");
    Error::with_paths(Op::Copy, job.from, job.to, io::Error::new(io::ErrorKind::UnexpectedEof, what))
}

/// How much one system call is asked to move: enough to hide its cost, little enough to start write-back early.
const IN_KERNEL_PIECE: usize = 8 << 20;

/// A copy under way: two open files and the buffer between them.
struct Pieces<'a> {
    index: usize,
    job: &'a CopyJob<'a>,
    options: &'a CopyOptions<'a>,
    buffer: &'a mut Vec<u8>,
    source: &'a dyn FsFile,
    target: &'a dyn FsFile,
}

impl Pieces<'_> {
    /// Copies the first `len` bytes and returns how many of them were data.
    fn copy(&mut self, len: u64, has_holes: bool) -> Result<u64> {
        if len > self.options.buffer_bytes as u64 {
            self.source.hint(FileHint::Sequential)?;
        }
        if self.options.share_extents && self.options.observer.is_none() && self.copy_in_kernel(len)? {
            return Ok(len);
        }
        let (mut offset, mut written) = (0, 0);
        while offset < len {
            let data = if has_holes { self.source.next_data(offset)? } else { Some(offset..len) };
            let data = data.map_or(len..len, |range| range.start.clamp(offset, len)..range.end.min(len));
            if data.start > offset {
                self.told(|observer, job| observer.hole(job, offset..data.start))?;
            }
            written += data.end.saturating_sub(data.start);
            self.copy_range(data.clone())?;
            offset = data.end.max(data.start);
            if data.start == len {
                break;
            }
        }
        if has_holes {
            // A hole at the end is written by nothing else.
            self.target.set_len(len)?;
        }
        Ok(written)
    }

    /// `false`: the kernel cannot copy between these two, and nothing has been copied.
    fn copy_in_kernel(&self, len: u64) -> Result<bool> {
        let (Some(from), Some(to)) = (self.source.host_file(), self.target.host_file()) else {
            return Ok(false);
        };
        let mut offset = 0;
        while offset < len {
            let piece = usize::try_from(len - offset).unwrap_or(usize::MAX).min(IN_KERNEL_PIECE);
            let moved = copy_range(from, to, offset, piece)
                .map_err(|e| Error::with_paths(Op::Copy, self.job.from, self.job.to, e))?;
            match moved {
                None if offset == 0 => return Ok(false),
                None | Some(0) => return Err(came_short(self.job, len, offset)),
                Some(moved) => {
                    self.target.start_writeback(offset, moved as u64)?;
                    offset += moved as u64;
                }
            }
        }
        Ok(true)
    }

    fn copy_range(&mut self, range: Range<u64>) -> Result<()> {
        let mut offset = range.start;
        while offset < range.end {
            let piece =
                usize::try_from(range.end - offset).unwrap_or(usize::MAX).min(self.options.buffer_bytes);
            if self.buffer.len() < piece {
                self.buffer.resize(piece, 0);
            }
            let (bytes, _) = self.buffer.split_at_mut(piece);
            let read = self.source.read_at(bytes, offset)?;
            if read < piece {
                return Err(came_short(self.job, range.end, offset + read as u64));
            }
            self.target.write_at(bytes, offset)?;
            self.target.start_writeback(offset, piece as u64)?;
            let (bytes, _) = self.buffer.split_at(piece);
            self.told(|observer, job| observer.data(job, offset, bytes))?;
            offset += piece as u64;
        }
        Ok(())
    }

    fn told(&self, tell: impl FnOnce(&dyn CopyObserver, usize) -> ControlFlow<()>) -> Result<()> {
        match self.options.observer.map(|observer| tell(observer, self.index)) {
            Some(ControlFlow::Break(())) => Err(Error::cancelled(Op::Copy, self.job.to)),
            _ => Ok(()),
        }
    }
}
