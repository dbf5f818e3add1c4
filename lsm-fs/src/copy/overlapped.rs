//! Copies whose flushes overlap: few writers, many waiting for the device.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

use super::{Copied, CopyJob, CopyOptions, CopyReport, copy_each, copy_unsynced, finish};
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
/// open at a time, and each writer holds one buffer. `report` is called on the calling thread, in the order in which
/// files become durable. Falls back to `copy_each` where threads cannot be had.
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
    let copy = Overlapped { target, jobs, options, next: AtomicUsize::new(0), stop: AtomicBool::new(false) };
    let (to_sync, written) = sync_channel(syncers);
    let written = Mutex::new(written);
    let (done, results) = channel();
    let mut reported = 0;
    thread::scope(|scope| {
        let mut alive = 0;
        for _ in 0..syncers {
            let done = done.clone();
            let spawned = thread::Builder::new().spawn_scoped(scope, || copy.sync(&written, done));
            alive += usize::from(spawned.is_ok());
        }
        for _ in 0..writers {
            let (to_sync, done) = (to_sync.clone(), done.clone());
            if alive > 0 {
                // With no writer at all, the loop below ends at once and everything is copied there.
                let _ = thread::Builder::new().spawn_scoped(scope, || copy.write(to_sync, done));
            }
        }
        drop((to_sync, done));
        for (index, copied) in results {
            reported += 1;
            if report(index, copied).is_break() {
                copy.stop.store(true, Ordering::Relaxed);
            }
        }
    });
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
    target: &'a F,
    jobs: &'a [CopyJob<'a>],
    options: &'a CopyOptions<'a>,
    next: AtomicUsize,
    stop: AtomicBool,
}

impl<F: Fs + ?Sized> Overlapped<'_, F> {
    /// A writer: takes jobs until there are none left.
    #[expect(clippy::needless_pass_by_value, reason = "dropping the senders is what ends the receivers")]
    fn write(&self, to_sync: SyncSender<Written>, done: Done) {
        let mut buffer = Vec::new();
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = self.jobs.get(index) else { return };
            if self.stop.load(Ordering::Relaxed) {
                self.report(&done, index, Err(Error::cancelled(Op::Copy, job.to)));
                continue;
            }
            match copy_unsynced(self.target, index, job, self.options, &mut buffer) {
                Ok((file, copied)) => {
                    if let Err(refused) = to_sync.send(Written { index, file, copied }) {
                        // No syncer is left to take it: sync it here.
                        self.finish(refused.0, &done);
                    }
                }
                Err(e) => self.report(&done, index, Err(e)),
            }
        }
    }

    /// A syncer: takes written targets until no writer is left.
    #[expect(clippy::needless_pass_by_value, reason = "dropping the sender is what ends the receiver")]
    fn sync(&self, written: &Mutex<Receiver<Written>>, done: Done) {
        loop {
            let received = written.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(item) = received else { return };
            self.finish(item, &done);
        }
    }

    fn finish(&self, item: Written, done: &Done) {
        let Written { index, file, copied } = item;
        let Some(job) = self.jobs.get(index) else { return };
        let synced = finish(self.target, job, &*file, self.options.mode);
        // Each open target counts against the process's limit of descriptors.
        drop(file);
        self.report(done, index, synced.map(|()| copied));
    }

    fn report(&self, done: &Done, index: usize, copied: Result<Copied>) {
        let cancelled = matches!(&copied, Err(e) if e.is_cancelled());
        // A receiver that is gone means that the reporting callback panicked: nobody wants the rest.
        if done.send((index, copied)).is_err() || cancelled {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}
