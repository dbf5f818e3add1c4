//! Copies whose flushes overlap: few writers, many waiting for the device.

use std::{
    panic::resume_unwind,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

use super::{Copied, CopyJob, CopyOptions, CopyReport, copy_each, pieces::Batch};
use crate::{Error, Fs, FsFile, Op, Result};

/// How many threads write and how many wait for syncs.
///
/// A sync is mostly waiting, so many can overlap on few cores; a journal commits all that wait in one go. More than two
/// writers gain nothing on two cores and only let dirty pages pile up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers {
    /// Threads that read and write. At least 1.
    pub writers: usize,
    /// Threads that sync what was written, through the handle that wrote it. At least 1.
    pub syncers: usize,
}

impl Default for Workers {
    fn default() -> Self {
        Self { writers: 2, syncers: 16 }
    }
}

/// The same as [`copy_each`](super::copy_each), with the syncs of many files under way at once.
///
/// Files pass from the writers to the syncers through a bounded queue, so at most `2 × syncers + writers` targets are
/// open at a time, and each writer holds one buffer; where the process may not open so many, writers wait for syncers.
/// `report` is called on the calling thread, in the order in which files become durable. A panic of the backend or of
/// the observer ends the batch and is passed on. Falls back to `copy_each` where threads cannot be had.
pub fn copy_overlapped<F: Fs + ?Sized>(
    target: &F,
    jobs: &[CopyJob<'_>],
    options: &CopyOptions<'_>,
    workers: Workers,
    report: CopyReport<'_>,
) {
    let syncers = workers.syncers.clamp(1, jobs.len().max(1));
    let writers = workers.writers.clamp(1, jobs.len().max(1));
    if jobs.len() < 2 || syncers < 2 {
        return copy_each(target, jobs, options, report);
    }
    let copy = Overlapped {
        batch: Batch::new(target, options),
        jobs,
        next: AtomicUsize::new(0),
        unsynced: Mutex::new(0),
        fewer: Condvar::new(),
    };
    let mut reported = 0;
    let panic = thread::scope(|scope| {
        let (done, results) = channel();
        let mut threads = Vec::new();
        let (to_sync, written) = sync_channel(syncers);
        // The syncers alone own the receiver: when the last of them is gone, a writer hears of it.
        let written = Arc::new(Mutex::new(written));
        for _ in 0..syncers {
            let (copy, written, done) = (&copy, Arc::clone(&written), done.clone());
            threads.extend(thread::Builder::new().spawn_scoped(scope, move || copy.sync(&written, &done)));
        }
        drop(written);
        for _ in 0..writers {
            let (copy, to_sync, done) = (&copy, to_sync.clone(), done.clone());
            threads.extend(thread::Builder::new().spawn_scoped(scope, move || copy.write(&to_sync, &done)));
        }
        drop((to_sync, done));
        for (index, copied) in results {
            reported += 1;
            if report(index, copied).is_break() {
                copy.batch.stop();
            }
        }
        threads.into_iter().filter_map(|thread| thread.join().err()).next()
    });
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
    if reported == 0 {
        copy_each(target, jobs, options, report);
    }
}

/// A target that is written and not yet synced.
struct Written {
    index: usize,
    file: Box<dyn FsFile>,
    copied: Copied,
}

type Done = Sender<(usize, Result<Copied>)>;

struct Overlapped<'a, F: ?Sized> {
    batch: Batch<'a, F>,
    jobs: &'a [CopyJob<'a>],
    next: AtomicUsize,
    /// How many targets are written and open.
    unsynced: Mutex<usize>,
    fewer: Condvar,
}

impl<F: Fs + ?Sized> Overlapped<'_, F> {
    /// A writer: takes jobs until there are none left.
    fn write(&self, to_sync: &SyncSender<Written>, done: &Done) {
        let _on_panic = StopOnPanic(self);
        let mut buffer = Vec::new();
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = self.jobs.get(index) else { return };
            if self.batch.is_stopped() {
                self.report(done, index, Err(Error::cancelled(Op::Copy, job.to)));
                continue;
            }
            match self.copy_when_handles_allow(index, job, &mut buffer) {
                Ok((file, copied)) => {
                    if let Err(refused) = to_sync.send(Written { index, file, copied }) {
                        // No syncer is left to take it: sync it here.
                        self.finish(refused.0, done);
                    }
                }
                Err(e) => self.report(done, index, Err(e)),
            }
        }
    }

    /// Where the process has no more descriptors, those of this batch come free with the next sync.
    fn copy_when_handles_allow(
        &self,
        index: usize,
        job: &CopyJob<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<(Box<dyn FsFile>, Copied)> {
        loop {
            let before = *self.unsynced();
            match self.batch.copy_unsynced(index, job, buffer) {
                Err(e) if e.is_out_of_handles() && before > 0 && !self.batch.is_stopped() => {
                    let mut unsynced = self.unsynced();
                    while *unsynced >= before && !self.batch.is_stopped() {
                        unsynced = self.fewer.wait(unsynced).unwrap_or_else(PoisonError::into_inner);
                    }
                }
                Ok(copied) => {
                    *self.unsynced() += 1;
                    return Ok(copied);
                }
                Err(e) => return Err(e),
            }
        }
    }

    fn unsynced(&self) -> std::sync::MutexGuard<'_, usize> {
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A syncer: takes written targets until no writer is left.
    fn sync(&self, written: &Mutex<Receiver<Written>>, done: &Done) {
        let _on_panic = StopOnPanic(self);
        loop {
            let received = written.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(item) = received else { return };
            self.finish(item, done);
        }
    }

    fn finish(&self, item: Written, done: &Done) {
        let Written { index, file, copied } = item;
        // Before anything can panic: a writer that waits for a descriptor must hear of this one.
        let _closed = Closed { copy: self };
        let Some(job) = self.jobs.get(index) else { return };
        let synced = self.batch.finish(job, &*file);
        drop(file);
        self.report(done, index, synced.map(|()| copied));
    }

    fn report(&self, done: &Done, index: usize, copied: Result<Copied>) {
        let cancelled = matches!(&copied, Err(e) if e.is_cancelled());
        // A receiver that is gone means that the reporting callback panicked: nobody wants the rest.
        if done.send((index, copied)).is_err() || cancelled {
            self.batch.stop();
        }
    }
}

/// Counts a target as closed when its sync is over, however it ended.
struct Closed<'a, 'b, F: Fs + ?Sized> {
    copy: &'a Overlapped<'b, F>,
}

impl<F: Fs + ?Sized> Drop for Closed<'_, '_, F> {
    fn drop(&mut self) {
        *self.copy.unsynced() -= 1;
        self.copy.fewer.notify_all();
    }
}

/// Ends the batch for the other threads when one of them panics.
struct StopOnPanic<'a, 'b, F: Fs + ?Sized>(&'a Overlapped<'b, F>);

impl<F: Fs + ?Sized> Drop for StopOnPanic<'_, '_, F> {
    fn drop(&mut self) {
        if thread::panicking() {
            let _unsynced = self.0.unsynced();
            self.0.batch.stop();
            self.0.fewer.notify_all();
        }
    }
}
