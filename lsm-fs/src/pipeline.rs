//! The pipeline that every batch runs through: jobs are made, finished and reported.
//!
//! Makers do the first part of a job and put it into a bounded queue. Finishers take it out and do the rest. The caller
//! receives each result on its own thread. Without a crew the caller's thread does all of it, one job after the other.
//!
//! - Every job that is begun is reported exactly once, however it ends. A job that is not begun is reported if
//!   [`Stages::skip`] has a result for it.
//! - A panic of a stage ends the batch. Its job is reported as a failure, and the panic goes on once all results are
//!   reported and all threads have ended.
//! - A panic of the receiver ends the batch, too. Jobs that are begun are finished, and nobody waits for the receiver.

mod queue;
#[cfg(test)]
mod tests;

use std::{
    any::Any,
    io,
    num::NonZeroUsize,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use queue::{Queue, Role};

use crate::{Error, Op, Result, error::cancelled};

/// The two parts of each job of a batch.
pub(crate) trait Stages: Sync {
    /// One job.
    type Job: Sync;
    /// The result of the first part.
    type Made: Send;
    /// The result of the whole job.
    type Done: Send;
    /// Memory that one thread reuses for all its jobs.
    type Scratch: Default;

    /// Does the first part of a job. On an error and on a panic nothing of it is left.
    fn make(&self, index: usize, job: &Self::Job, scratch: &mut Self::Scratch) -> Result<Self::Made>;

    /// Does the rest of it.
    fn finish(&self, job: &Self::Job, made: Self::Made) -> Result<Self::Done>;

    /// Removes what [`make`](Self::make) left, after [`finish`](Self::finish) has failed or panicked.
    fn discard(&self, job: &Self::Job) -> Result<()>;

    /// Returns the result of a job that the end of the batch kept from beginning; `None` goes unreported.
    fn skip(&self, job: &Self::Job) -> Option<Result<Self::Done>>;

    /// Returns an error with this cause, which names the job.
    fn error(&self, job: &Self::Job, cause: io::Error) -> Error;

    /// Returns the request to end the batch. A long stage may look at it, too.
    fn stop(&self) -> &AtomicBool;
}

/// The threads of a batch and the queue between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crew {
    /// Threads that make. Without one, the caller's thread does all the work.
    pub(crate) makers: usize,
    /// Threads that finish. Without one, each maker finishes its own jobs.
    pub(crate) finishers: usize,
    /// The number of jobs that may wait to be finished.
    pub(crate) queued: usize,
    /// The number of jobs that wait before the first is finished, unless no more come.
    pub(crate) together: usize,
}

impl Crew {
    /// No threads: the calls come in order, from the caller's thread.
    pub(crate) const CALLER: Self = Self { makers: 0, finishers: 0, queued: 0, together: 1 };

    /// The crew if a backend and a batch gain from threads, otherwise [`CALLER`](Self::CALLER).
    pub(crate) fn if_useful(self, concurrency: NonZeroUsize, jobs: usize) -> Self {
        if concurrency.get() < 2 || jobs < 2 { Self::CALLER } else { self }
    }
}

/// Receives the result of each job, by its index; `Break` ends the batch.
pub(crate) type Receiver<'r, D> = &'r mut dyn FnMut(usize, Result<D>) -> ControlFlow<()>;

/// Runs all jobs.
pub(crate) fn run<S: Stages>(stages: &S, jobs: &[S::Job], crew: Crew, report: Receiver<'_, S::Done>) {
    let pipeline = Pipeline {
        stages,
        jobs,
        next: AtomicUsize::new(0),
        making: RwLock::new(()),
        queue: Queue::new(crew.queued, crew.together),
        panic: Mutex::new(None),
    };
    if crew.makers > 0 {
        pipeline.run_in_threads(crew, report);
    }
    // All jobs, or those that are left because no thread could be had.
    pipeline.run_in_order(report);
    let panic = pipeline.panic.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
}

/// A job that was made and is not finished.
struct Begun<'a, S: Stages> {
    index: usize,
    job: &'a S::Job,
    made: S::Made,
}

struct Pipeline<'a, S: Stages> {
    stages: &'a S,
    jobs: &'a [S::Job],
    next: AtomicUsize,
    /// Held shared by each maker at work, and alone by one that needs the descriptors of the others.
    making: RwLock<()>,
    queue: Queue<Begun<'a, S>, (usize, Result<S::Done>)>,
    /// The first panic of a stage.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl<'a, S: Stages> Pipeline<'a, S> {
    fn run_in_threads(&self, crew: Crew, report: Receiver<'_, S::Done>) {
        thread::scope(|scope| {
            // Before the first thread starts, so that none takes a crew that is still growing for one that has ended. A
            // thread that cannot be had gives its place back at once.
            let makers: Vec<_> = (0..crew.makers).map(|_| self.queue.join(Role::Maker)).collect();
            let finishers: Vec<_> = (0..crew.finishers).map(|_| self.queue.join(Role::Finisher)).collect();
            for place in finishers {
                let _ = thread::Builder::new().spawn_scoped(scope, move || {
                    let _place = place;
                    self.finish_all();
                });
            }
            for place in makers {
                let _ = thread::Builder::new().spawn_scoped(scope, move || {
                    let _place = place;
                    self.make_all();
                });
            }
            self.queue.receive(|(index, done)| {
                // Before `receive` lets the threads go on without a receiver.
                let _end_if_it_panics = StopOnPanic(self.stages.stop());
                if report(index, done).is_break() {
                    self.stop();
                }
            });
        });
    }

    fn run_in_order(&self, report: Receiver<'_, S::Done>) {
        let mut scratch = S::Scratch::default();
        while let Some((index, job)) = self.take_job() {
            let done = if self.is_stopped() {
                self.skip(job)
            } else {
                let made = self.attempt(job, || self.stages.make(index, job, &mut scratch));
                Some(made.and_then(|made| self.finish(job, made)))
            };
            if done.is_some_and(|done| report(index, done).is_break()) {
                self.stop();
            }
        }
    }

    fn take_job(&self) -> Option<(usize, &'a S::Job)> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        self.jobs.get(index).map(|job| (index, job))
    }

    /// A maker: takes jobs until there are none left.
    fn make_all(&self) {
        let mut scratch = S::Scratch::default();
        while let Some((index, job)) = self.take_job() {
            let done = if self.is_stopped() {
                self.skip(job)
            } else {
                match self.make_when_handles_allow(index, job, &mut scratch) {
                    // No finisher is left to take it.
                    Ok(Some(begun)) => Some(self.finish_queued(begun)),
                    Ok(None) => None,
                    Err(e) => Some(Err(e)),
                }
            };
            if let Some(done) = done {
                self.queue.report((index, done));
            }
        }
    }

    /// Makes a job and queues it; one that nobody takes comes back.
    ///
    /// Where the process has no more descriptors, one maker goes on alone with those that the finishers give back. The
    /// others hold the lock until their own jobs are queued, so all that is open is counted.
    fn make_when_handles_allow(
        &self,
        index: usize,
        job: &'a S::Job,
        scratch: &mut S::Scratch,
    ) -> Result<Option<Begun<'a, S>>> {
        let mut make = || self.attempt(job, || self.stages.make(index, job, scratch));
        let queue = |made| self.queue.push(Begun { index, job, made }).err();
        {
            let _together = self.making.read().unwrap_or_else(PoisonError::into_inner);
            match make() {
                Err(e) if is_out_of_handles(&e) => {}
                made => return made.map(queue),
            }
        }
        let _alone = self.making.write().unwrap_or_else(PoisonError::into_inner);
        loop {
            let before = self.queue.unfinished();
            match make() {
                Err(e) if is_out_of_handles(&e) && self.is_stopped() => {
                    return Err(self.stages.error(job, cancelled()));
                }
                Err(e) if is_out_of_handles(&e) && before > 0 => self.queue.wait_for_fewer(before),
                made => return made.map(queue),
            }
        }
    }

    /// A finisher: takes what was made until no maker is left.
    fn finish_all(&self) {
        while let Some(begun) = self.queue.pop() {
            let index = begun.index;
            let done = self.finish_queued(begun);
            self.queue.report((index, done));
        }
    }

    fn finish_queued(&self, Begun { job, made, .. }: Begun<'a, S>) -> Result<S::Done> {
        let done = self.finish(job, made);
        // A maker may wait for the descriptor.
        self.queue.finished();
        done
    }

    fn finish(&self, job: &S::Job, made: S::Made) -> Result<S::Done> {
        let done = self.attempt(job, || self.stages.finish(job, made));
        done.map_err(|e| match self.attempt(job, || self.stages.discard(job)) {
            Ok(()) => e,
            Err(failure) if failure.kind() == io::ErrorKind::NotFound => e,
            Err(failure) => e.with_cleanup_failure(failure),
        })
    }

    fn skip(&self, job: &S::Job) -> Option<Result<S::Done>> {
        self.attempt(job, || self.stages.skip(job).transpose()).transpose()
    }

    /// Runs one stage of a job. A panic in it, and a cancel by an observer, end the batch.
    fn attempt<T>(&self, job: &S::Job, stage: impl FnOnce() -> Result<T>) -> Result<T> {
        let result = catch_unwind(AssertUnwindSafe(stage)).unwrap_or_else(|panic| {
            self.stop();
            self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
            Err(self
                .stages
                .error(job, io::Error::other("a call panicked, and the batch ends with its panic")))
        });
        result.inspect_err(|e| {
            if e.is_cancelled() {
                self.stop();
            }
        })
    }

    fn stop(&self) {
        self.stages.stop().store(true, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.stages.stop().load(Ordering::Relaxed)
    }
}

/// Tells if no file could be opened for want of descriptors: then nothing of the job was made or observed.
fn is_out_of_handles(error: &Error) -> bool {
    matches!(error.op(), Op::Open | Op::ReflinkFile) && error.is_out_of_handles()
}

struct StopOnPanic<'a>(&'a AtomicBool);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}
