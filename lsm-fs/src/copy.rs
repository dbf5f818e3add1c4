//! Copies between backends: in large pieces, around holes, each durable before it is reported.

mod buffer;
mod permits;
mod transfer;

use std::{
    fmt, io,
    num::NonZeroUsize,
    ops::{ControlFlow, Range},
    path::Path,
};

use transfer::Transfers;

#[cfg(doc)]
use crate::FsOpenOptions;
use crate::{
    Error, Fs, Op, Result, SyncMode,
    pipeline::{Crew, run},
};

/// Receives the result of each copy of a batch, by its index; `Break` ends the batch.
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
    /// The size of one read and write, and of the memory of each thread. From 4 KiB to 64 MiB.
    buffer_bytes: usize,
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

    /// Sets the size of one read and write, and of the memory of each thread: from 4 KiB to 64 MiB, in multiples of
    /// 4 KiB. Default: 1 MiB.
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

/// Copies many files from any backends into one, each to a new file, and makes the bytes of each durable.
///
/// # Contract
///
/// `Ok` is reported for a file whose own sync, on the handle that wrote it, returned; a target that failed is removed,
/// and a failed removal is attached to the error. One file's failure does not end the batch; `Break` from `report` or
/// from the observer does, and each file that was not finished is reported as cancelled. `report` receives the result
/// of every job exactly once, on the calling thread, in the order in which files become durable and within a few
/// milliseconds of it. A caller that is slow holds the batch back, so that it can end it. The names are not durable
/// until their directories are synced.
///
/// A panic of a backend or of the observer ends the batch, and goes on when every job is reported; its target is
/// removed.
///
/// # Performance
///
/// The syncs of many files overlap, as far as [`Fs::concurrency`] of the target says: of 80 calls at once, 16 write and
/// 64 sync, fewer for less than 400 files. Files pass from writers to syncers through a bounded queue, so at most 160
/// targets are open at a time. Where the process may not open so many, writers take turns and wait for syncers. With a
/// concurrency of 1 all calls come in order, from the caller's thread.
pub fn copy_batch<F: Fs + ?Sized>(
    target: &F,
    jobs: &[CopyJob<'_>],
    options: &CopyOptions<'_>,
    report: CopyReport<'_>,
) {
    let crew = crew(target.concurrency(), jobs.len()).if_useful(target.concurrency(), jobs.len());
    run(&Transfers::new(target, options), jobs, crew, report);
}

/// No device gains from more calls at once, and each writer holds a buffer.
const CALLS_MAX: usize = 80;

/// Writers and syncers mostly wait for the device, so many overlap on few cores. A journal commits all syncs that wait
/// for it in one go: with fewer syncers there are more commits.
///
/// To start a thread takes as long as a small copy. So a batch of few files gets fewer: a writer for 25 files, and 4 at
/// least; a syncer for 6, and 8 at least.
fn crew(concurrency: NonZeroUsize, files: usize) -> Crew {
    let calls = concurrency.get().min(CALLS_MAX);
    let writers = (calls / 5).max(1);
    let syncers = (calls - writers).max(1);
    let makers = (files / 25).max(4).min(writers).min(files);
    let finishers = (files / 6).max(8).min(syncers).min(files);
    Crew { makers, finishers, queued: finishers, together: 1 }
}

fn came_short(job: &CopyJob<'_>, wanted: u64, found: u64) -> Error {
    let what = format!("the source has {found} bytes, {wanted} were to be copied");
    Error::with_paths(Op::CopyBatch, job.from, job.to, io::Error::new(io::ErrorKind::UnexpectedEof, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_files_get_few_threads() {
        for (concurrency, files, makers, finishers) in [
            (80, 2, 2, 2),
            (80, 20, 4, 8),
            (80, 200, 8, 33),
            (80, 400, 16, 64),
            (80, 100_000, 16, 64),
            (2, 100, 1, 1),
            (10, 100, 2, 8),
            (1_000, 100_000, 16, 64),
        ] {
            let crew = crew(NonZeroUsize::new(concurrency).unwrap(), files);
            assert_eq!((crew.makers, crew.finishers), (makers, finishers), "{files} files, {concurrency}");
        }
    }
}
