//! Copies between backends. Copies are made in large pieces, skip holes, and are durable before they are reported.

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
    Error, Fs, FsFile, Op, Result, SyncMode,
    pipeline::{Crew, run},
};

/// Receives the result of each copy of a batch, by its index. `Break` ends the batch.
pub type CopyReport<'a> = &'a mut dyn FnMut(usize, Result<Copied>) -> ControlFlow<()>;

/// A file to copy.
#[derive(Clone, Copy, Debug)]
pub struct CopyJob<'a> {
    /// The backend that holds the source. It may differ from the target's backend.
    pub source: &'a dyn Fs,
    /// The path of the source in its backend.
    pub from: &'a Path,
    /// The path of the new file in the target's backend. The name must not exist.
    pub to: &'a Path,
    /// The number of bytes to copy, from the start. `None` means the length at the time of the copy. If the file is
    /// shorter, the copy fails with `UnexpectedEof`.
    pub len: Option<u64>,
}

/// The result of a finished copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// The length of the new file.
    pub len: u64,
    /// The number of bytes that were written. The others are holes.
    pub written_bytes: u64,
}

/// Options for copying.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct CopyOptions<'a> {
    /// The sync mode for each file.
    pub mode: SyncMode,
    /// The size of one read and write, and of the buffer of each thread: 4 KiB to 64 MiB.
    buffer_bytes: usize,
    /// Bypasses the page cache when writing targets, if the backend can ([`FsOpenOptions::direct_io`]). This applies to
    /// files whose length is a multiple of 4 KiB, and to files of at least 1 MiB. Their data takes no room in the
    /// cache, and no dirty pages accumulate. Sources are read through the cache. Default: `true`.
    pub direct_io: bool,
    /// Lets the kernel copy the bytes (`copy_file_range`). On XFS and btrfs, the target then shares extents with the
    /// source and is not a second copy of the blocks. Has no effect if there is an observer, because it would observe
    /// nothing. Default: `false`.
    pub share_extents: bool,
    /// Creates each target as [`private`](FsOpenOptions::private). The observer can set its permissions in
    /// [`written`](CopyObserver::written). Default: `false`.
    pub private: bool,
    /// Observes every piece that is copied.
    pub observer: Option<&'a dyn CopyObserver>,
}

impl Default for CopyOptions<'_> {
    fn default() -> Self {
        Self {
            mode: SyncMode::Normal,
            buffer_bytes: 1 << 20,
            direct_io: true,
            share_extents: false,
            private: false,
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
            .field("private", &self.private)
            .field("observed", &self.observer.is_some())
            .finish()
    }
}

impl<'a> CopyOptions<'a> {
    /// Returns the default options.
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

    /// Sets the size of one read and write, and of the buffer of each thread. It is limited to 4 KiB to 64 MiB and
    /// rounded down to a multiple of 4 KiB. Default: 1 MiB.
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

    /// Sets [`private`](Self#structfield.private).
    #[must_use]
    pub const fn private(mut self, private: bool) -> Self {
        self.private = private;
        self
    }

    /// Sets [`observer`](Self#structfield.observer).
    #[must_use]
    pub const fn observer(mut self, observer: &'a dyn CopyObserver) -> Self {
        self.observer = Some(observer);
        self
    }
}

/// Observes each piece of each copied file, for example to show progress, compute a checksum, limit the rate (by
/// blocking) or cancel.
///
/// The pieces of one file arrive in order and without gaps, on one thread. Different files may be observed
/// concurrently.
pub trait CopyObserver: Sync {
    /// Called after the bytes at `offset` of job `job` were written to the target. `Break` cancels the batch.
    fn data(&self, job: usize, offset: u64, bytes: &[u8]) -> ControlFlow<()>;

    /// Called for a range of job `job` that is a hole and reads as zeros. `Break` cancels the batch.
    fn hole(&self, job: usize, range: Range<u64>) -> ControlFlow<()>;

    /// Returns the mode that [`written`](Self::written) sets for job `job`, if the target can be
    /// [created with it](FsOpenOptions::created_with). The default returns `None`, and
    /// [`private`](CopyOptions::private) then decides.
    fn created_with(&self, job: usize) -> Option<u32> {
        let _ = job;
        None
    }

    /// Called after all bytes of job `job` were written and before the target is synced, for example to set
    /// permissions.
    ///
    /// # Errors
    ///
    /// Any error is allowed. The copy fails with it, and the target is removed.
    fn written(&self, job: usize, target: &dyn FsFile) -> Result<()> {
        let _ = (job, target);
        Ok(())
    }
}

/// Copies files from any backends into one, each to a new file, and makes the bytes of each file durable.
///
/// # Contract
///
/// - `Ok` is reported for a file after the sync on the handle that wrote it has returned. If a copy fails, its target
///   is removed. A failed removal is attached to the error.
/// - The failure of one file does not end the batch. `Break` from `report` or from the observer ends it. Every file
///   that is not written completely by then is reported as cancelled.
/// - `report` receives the result of every job exactly once, on the calling thread, within a few milliseconds. Results
///   come in the order in which the files become durable. At most 64 results wait for `report`, and then the batch
///   waits. So `Break` ends the batch before many more files are copied.
/// - The names are not durable until their directories are synced.
///
/// If a call of a backend or of the observer panics, the batch ends, and the target of that copy is removed. There is
/// one exception: if [`Fs::open`] panics while it creates the target, a file may stay under the name. It is not
/// removed, because it may be older than the batch. The panic resumes after every job has been reported.
///
/// # Performance
///
/// The syncs of many files overlap, up to the limit of the target's [`Fs::concurrency`]. Of 80 concurrent calls, 16
/// write and 64 sync. Batches of fewer than 400 files use fewer threads. A bounded queue connects writers and syncers,
/// so at most 144 targets are open at a time. If the process has not enough descriptors, writers take turns and wait
/// for syncers. If the concurrency is 1, all calls are made in order, from the caller's thread.
pub fn copy_batch<F: Fs + ?Sized>(
    target: &F,
    jobs: &[CopyJob<'_>],
    options: &CopyOptions<'_>,
    report: CopyReport<'_>,
) {
    let crew = crew(target.concurrency(), jobs.len()).if_useful(target.concurrency(), jobs.len());
    run(&Transfers::new(target, options), jobs, crew, report);
}

/// Maximum number of concurrent calls. More calls make no device faster, and each writer holds a buffer.
const CALLS_MAX: usize = 80;

/// Returns the number of threads. Writers and syncers mostly wait for the device, so many of them can share few cores.
/// A journal commits all waiting syncs at once, so fewer syncers would cause more commits.
///
/// Starting a thread takes as long as a small copy, so small batches use fewer threads: one writer for every 25 files
/// (at least 4), and one syncer for every 6 files (at least 8).
fn crew(concurrency: NonZeroUsize, files: usize) -> Crew {
    let calls = concurrency.get().min(CALLS_MAX);
    let writers = (calls / 5).max(1);
    let syncers = (calls - writers).max(1);
    let makers = (files / 25).max(4).min(writers).min(files);
    let finishers = (files / 6).max(8).min(syncers).min(files);
    Crew { makers, finishers, queued: finishers, together: 1 }
}

fn came_short(job: &CopyJob<'_>, wanted: u64, found: u64) -> Error {
    let what = format!("the source has only {found} of the {wanted} bytes to copy");
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
