//! Copies whose flushes overlap: some threads write, more wait for the device.

use std::{
    panic::resume_unwind,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{
    Copied, CopyJob, CopyOptions, CopyReport,
    buffer::Buffer,
    copy_each,
    pieces::{Batch, Written},
};
use crate::{
    Error, Fs, Op, Result,
    handoff::{Handoff, Role},
};

/// How many threads write and how many wait for syncs.
///
/// Both mostly wait for the device, so many overlap on few cores, and a journal commits all that wait for it in one go:
/// with fewer syncers there are more commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers {
    /// Threads that read and write, with a buffer each. At least 1.
    pub writers: usize,
    /// Threads that sync what was written, through the handle that wrote it. At least 1.
    pub syncers: usize,
}

impl Workers {
    /// The [default](Self::default), or fewer for a batch of so few files that to start the threads takes longer than
    /// the copies: a writer for 25 files, and 4 at least; a syncer for 6, and 8 at least.
    #[must_use]
    pub fn for_files(files: usize) -> Self {
        let most = Self::default();
        Self { writers: (files / 25).clamp(4, most.writers), syncers: (files / 6).clamp(8, most.syncers) }
    }
}

impl Default for Workers {
    fn default() -> Self {
        Self { writers: 16, syncers: 64 }
    }
}

/// The same as [`copy_each`](super::copy_each), with the syncs of many files under way at once.
///
/// Files pass from the writers to the syncers through a bounded queue, so at most `2 × (syncers + writers)` files are
/// open at a time; where the process may not open so many, writers take turns and wait for syncers. `report` is called
/// on the calling thread, in the order in which files become durable and within a few milliseconds of it; a caller that
/// is slow holds the batch back, so that it can end it. A panic of the backend or of the observer ends the batch and is
/// passed on. Falls back to `copy_each` where threads cannot be had.
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
        writing: RwLock::new(()),
        handoff: Handoff::new(syncers),
    };
    let panic = thread::scope(|scope| {
        let copy = &copy;
        let _on_panic = StopOnPanic(copy);
        let mut threads = Vec::new();
        // Counted in before anybody could find that there is no giver.
        let givers: Vec<_> = (0..writers).map(|_| copy.handoff.join(Role::Giver)).collect();
        for _ in 0..syncers {
            let taker = copy.handoff.join(Role::Taker);
            threads.extend(thread::Builder::new().spawn_scoped(scope, move || {
                let _taker = taker;
                copy.sync();
            }));
        }
        for giver in givers {
            threads.extend(thread::Builder::new().spawn_scoped(scope, move || {
                let _giver = giver;
                copy.write();
            }));
        }
        copy.handoff.hear(|(index, copied)| {
            if report(index, copied).is_break() {
                copy.batch.stop();
            }
        });
        // All of them: the scope panics for one that nobody has joined.
        threads.into_iter().filter_map(|thread| thread.join().err()).reduce(|first, _| first)
    });
    if let Some(panic) = panic {
        // What was written when the last syncer went down.
        while let Some(written) = copy.handoff.take() {
            copy.batch.abandon(written);
        }
        resume_unwind(panic);
    }
    if copy.next.into_inner() == 0 {
        copy_each(target, jobs, options, report);
    }
}

struct Overlapped<'a, F: ?Sized> {
    batch: Batch<'a, F>,
    jobs: &'a [CopyJob<'a>],
    next: AtomicUsize,
    /// Held shared by each writer at work, and alone by one that needs the descriptors of the others.
    writing: RwLock<()>,
    handoff: Handoff<Written<'a>, (usize, Result<Copied>)>,
}

impl<'a, F: Fs + ?Sized> Overlapped<'a, F> {
    /// A writer: takes jobs until there are none left.
    fn write(&self) {
        let _on_panic = StopOnPanic(self);
        let mut buffer = Buffer::default();
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = self.jobs.get(index) else { return };
            if self.batch.is_stopped() {
                self.report(index, Err(Error::cancelled(Op::Copy, job.to)));
                continue;
            }
            match self.write_when_handles_allow(index, job, &mut buffer) {
                // No syncer is left to take it.
                Ok(Some(mine)) => self.finish(mine),
                Ok(None) => {}
                Err(e) => self.report(index, Err(e)),
            }
        }
    }

    /// Writes a target and hands it over. Where the process has no more descriptors, a writer goes on alone with those
    /// that the batch gives back; so the turn of the others ends when theirs are handed over, and counted.
    fn write_when_handles_allow(
        &self,
        index: usize,
        job: &'a CopyJob<'a>,
        buffer: &mut Buffer,
    ) -> Result<Option<Written<'a>>> {
        let together = self.writing.read().unwrap_or_else(PoisonError::into_inner);
        match self.batch.write(index, job, buffer) {
            Err(e) if is_out_of_handles(&e) => {}
            written => return written.map(|written| self.handoff.offer(written).err()),
        }
        drop(together);
        let _alone = self.writing.write().unwrap_or_else(PoisonError::into_inner);
        loop {
            let before = self.handoff.unfinished();
            match self.batch.write(index, job, buffer) {
                Err(e) if is_out_of_handles(&e) && self.batch.is_stopped() => {
                    return Err(Error::cancelled(Op::Copy, job.to));
                }
                Err(e) if is_out_of_handles(&e) && before > 0 => self.handoff.wait_for_fewer(before),
                written => return written.map(|written| self.handoff.offer(written).err()),
            }
        }
    }

    /// A syncer: takes written targets until no writer is left.
    fn sync(&self) {
        let _on_panic = StopOnPanic(self);
        while let Some(written) = self.handoff.take() {
            self.finish(written);
        }
    }

    fn finish(&self, written: Written<'a>) {
        // Before anything can panic: a writer may wait for this one's descriptor.
        let _finished = Finished(self);
        let index = written.index;
        self.report(index, self.batch.sync(written));
    }

    fn report(&self, index: usize, copied: Result<Copied>) {
        if matches!(&copied, Err(e) if e.is_cancelled()) {
            self.batch.stop();
        }
        self.handoff.report((index, copied));
    }
}

/// Whether a file could not be opened for want of descriptors: then nothing of it was copied, or told.
fn is_out_of_handles(error: &Error) -> bool {
    error.op() == Op::Open && error.is_out_of_handles()
}

/// Counts a file as finished when its sync is over, however it ended.
struct Finished<'a, 'b, F: Fs + ?Sized>(&'a Overlapped<'b, F>);

impl<F: Fs + ?Sized> Drop for Finished<'_, '_, F> {
    fn drop(&mut self) {
        self.0.handoff.finished();
    }
}

/// Ends the batch for the other threads when one of them panics.
struct StopOnPanic<'a, 'b, F: Fs + ?Sized>(&'a Overlapped<'b, F>);

impl<F: Fs + ?Sized> Drop for StopOnPanic<'_, '_, F> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.batch.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Workers;

    #[test]
    fn few_files_get_few_threads() {
        for (files, writers, syncers) in
            [(0, 4, 8), (20, 4, 8), (200, 8, 33), (400, 16, 64), (100_000, 16, 64)]
        {
            assert_eq!(Workers::for_files(files), Workers { writers, syncers }, "{files} files");
        }
    }
}
