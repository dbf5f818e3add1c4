//! Overlapping syncs of many open files.

use std::{
    io,
    marker::PhantomData,
    ops::ControlFlow,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use super::SyncReport;
use crate::{
    Error, Fs, FsFile, Op, Result, SyncMode,
    pipeline::{Crew, Stages, run},
};

/// Maximum number of overlapping syncs. More than eight make no journal faster.
const SYNCERS: usize = 8;

/// Up to this number of files, threads are worth their cost only if the first sync takes at least [`QUICK`]. Starting
/// and ending a thread takes about 0.1 ms, as long as a flush of a fast device. The first sync takes a few times as
/// long, because it also commits the changes of the other files.
const FEW: usize = 4;
const QUICK: Duration = Duration::from_millis(1);

/// Syncs the bytes and lengths of many open files of a backend.
///
/// # Contract
///
/// Calls [`FsFile::sync_all`] for each file, in any order. All syncs are attempted, and `report` receives each result
/// exactly once, on the calling thread. If `report` panics, the remaining files are still synced only if other threads
/// do the syncing. This is so for more than four files and a concurrency above 1.
///
/// # Performance
///
/// Up to 8 syncs overlap, so that a journal can commit several of them together and a device receives several flushes
/// at once. With up to four files, the first one is synced alone. The others overlap only if that took a millisecond or
/// more.
pub fn sync_batch<F: Fs + ?Sized>(fs: &F, files: &[&dyn FsFile], mode: SyncMode, report: SyncReport<'_>) {
    let [first, rest @ ..] = files else { return };
    let threads = fs.concurrency().get().min(SYNCERS);
    if files.len() > FEW || threads < 2 {
        return sync_in_threads(files, mode, threads, report);
    }
    let started = Instant::now();
    let synced = first.sync_all(mode);
    let threads = if started.elapsed() < QUICK { 1 } else { threads };
    report(0, synced);
    sync_in_threads(rest, mode, threads, &mut |index, synced| report(index + 1, synced));
}

fn sync_in_threads(files: &[&dyn FsFile], mode: SyncMode, threads: usize, report: SyncReport<'_>) {
    let syncs = Syncs { mode, stop: AtomicBool::new(false), jobs: PhantomData };
    let makers = threads.min(files.len());
    let crew = if makers < 2 { Crew::CALLER } else { Crew { makers, ..Crew::CALLER } };
    run(&syncs, files, crew, &mut |index, synced| {
        report(index, synced);
        ControlFlow::Continue(())
    });
}

struct Syncs<'f> {
    mode: SyncMode,
    stop: AtomicBool,
    jobs: PhantomData<&'f dyn FsFile>,
}

/// A sync has a single stage. It runs even after the batch has ended, because every sync must be attempted.
impl<'f> Stages for Syncs<'f> {
    type Job = &'f dyn FsFile;
    type Made = ();
    type Done = ();
    type Scratch = ();

    fn make(&self, _: usize, file: &&'f dyn FsFile, (): &mut ()) -> Result<()> {
        file.sync_all(self.mode)
    }

    fn finish(&self, _: &&'f dyn FsFile, (): ()) -> Result<()> {
        Ok(())
    }

    fn discard(&self, _: &&'f dyn FsFile) -> Result<()> {
        Ok(())
    }

    fn skip(&self, file: &&'f dyn FsFile) -> Option<Result<()>> {
        Some(file.sync_all(self.mode))
    }

    fn error(&self, _: &&'f dyn FsFile, cause: io::Error) -> Error {
        Error::new(Op::SyncAll, "", cause)
    }

    fn stop(&self) -> &AtomicBool {
        &self.stop
    }
}
