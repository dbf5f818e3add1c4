//! Copying files between backends: in large pieces, around holes, each durable before it is reported.

mod buffer;
mod overlapped;
mod pieces;
mod turns;

use std::{
    fmt, io,
    ops::{ControlFlow, Range},
    path::Path,
};

use buffer::Buffer;
pub use overlapped::{Workers, copy_overlapped};
use pieces::Batch;

#[cfg(doc)]
use crate::FsOpenOptions;
use crate::{Error, Fs, Op, Result, SyncMode};

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
    /// The size of one read and write, and of what each thread holds in memory; multiples of 4 KiB. Default: 1 MiB.
    pub buffer_bytes: usize,
    /// Whether targets are written around the page cache where the backend can ([`FsOpenOptions::direct_io`]): files of
    /// whole 4 KiB units and those from 1 MiB on. What is written then takes no room in the cache, and no dirty pages
    /// pile up; sources are read through it. Default: yes.
    pub direct_io: bool,
    /// Whether the kernel may move the bytes by itself (`copy_file_range`). On XFS and btrfs the target then shares
    /// extents with the source: not a second copy of the blocks. Has no effect beside an observer, which would see
    /// nothing.
    pub share_extents: bool,
    /// Sees every piece on its way.
    pub observer: Option<&'a dyn CopyObserver>,
}

impl Default for CopyOptions<'_> {
    fn default() -> Self {
        Self {
            mode: SyncMode::Normal,
            buffer_bytes: 1 << 20,
            direct_io: true,
            share_extents: false,
            observer: None,
        }
    }
}

impl fmt::Debug for CopyOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyOptions")
            .field("mode", &self.mode)
            .field("buffer_bytes", &self.buffer_bytes)
            .field("direct_io", &self.direct_io)
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

    /// Sets [`direct_io`](Self#structfield.direct_io).
    #[must_use]
    pub const fn direct_io(mut self, direct: bool) -> Self {
        self.direct_io = direct;
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
    let batch = Batch::new(target, options);
    let mut buffer = Buffer::default();
    for (index, job) in jobs.iter().enumerate() {
        let copied = if batch.is_stopped() {
            Err(Error::cancelled(Op::Copy, job.to))
        } else {
            batch.write(index, job, &mut buffer).and_then(|written| batch.sync(written))
        };
        let cancelled = matches!(&copied, Err(e) if e.is_cancelled());
        if report(index, copied).is_break() || cancelled {
            batch.stop();
        }
    }
}

fn came_short(job: &CopyJob<'_>, wanted: u64, found: u64) -> Error {
    let what = format!("the source has {found} bytes, {wanted} were to be copied");
    Error::with_paths(Op::Copy, job.from, job.to, io::Error::new(io::ErrorKind::UnexpectedEof, what))
}
