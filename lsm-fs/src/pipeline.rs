//! The pipeline behind batches of clones, copies and syncs. It makes, finishes and reports jobs.
//!
//! Makers do the first stage of a job and put the job into a bounded queue. Finishers take it from the queue and do the
//! second stage. The caller's thread receives the results. Makers and finishers together are the crew. Without a crew,
//! the caller's thread does everything, one job after the other.
//!
//! - Every job that was started is reported exactly once. A job that was not started is reported if [`Stages::skip`]
//!   returns a result for it.
//! - A panic in a stage ends the batch. Its job is reported as a failure, and the panic resumes after all results are
//!   reported and all threads have ended.
//! - A panic in the receiver ends the batch, too. Jobs that were started are finished, and no thread waits for the
//!   receiver.

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

/// The two stages of each job of a batch.
pub(crate) trait Stages: Sync {
    /// One job.
    type Job: Sync;
    /// The result of the first stage.
    type Made: Send;
    /// The result of the whole job.
    type Done: Send;
    /// A buffer that a thread reuses for all its jobs.
    type Scratch: Default;

    /// Does the first stage of a job. After an error or a panic, it removes its file, unless the call that creates the
    /// file panics.
    fn make(&self, index: usize, job: &Self::Job, scratch: &mut Self::Scratch) -> Result<Self::Made>;

    /// Does the second stage.
    fn finish(&self, job: &Self::Job, made: Self::Made) -> Result<Self::Done>;

    /// Removes the result of [`make`](Self::make) after [`finish`](Self::finish) has failed or panicked.
    fn discard(&self, job: &Self::Job) -> Result<()>;

    /// Returns the result of a job that was not started because the batch ended. If it is `None`, the job is not
    /// reported.
    fn skip(&self, job: &Self::Job) -> Option<Result<Self::Done>>;

    /// Creates an error with this cause that names the job.
    fn error(&self, job: &Self::Job, cause: io::Error) -> Error;

    /// Returns the flag that requests the end of the batch. A long stage may check it, too.
    fn stop(&self) -> &AtomicBool;
}

/// The threads of a batch and the size of the queue between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crew {
    /// Number of makers. If it is 0, the caller's thread does all the work.
    pub(crate) makers: usize,
    /// Number of finishers. If it is 0, each maker finishes its own jobs.
    pub(crate) finishers: usize,
    /// Maximum number of jobs that wait to be finished.
    pub(crate) queued: usize,
    /// Number of queued jobs that a finisher waits for before it takes one. If no more jobs follow, or if a maker
    /// waits, it takes a job at once.
    pub(crate) together: usize,
}

impl Crew {
    /// No threads. All calls are made in order, from the caller's thread.
    pub(crate) const CALLER: Self = Self { makers: 0, finishers: 0, queued: 0, together: 1 };

    /// Returns the crew if the backend and the batch gain from threads, and [`CALLER`](Self::CALLER) otherwise.
    pub(crate) fn if_useful(self, concurrency: NonZeroUsize, jobs: usize) -> Self {
        if concurrency.get() < 2 || jobs < 2 { Self::CALLER } else { self }
    }
}

/// Receives the result of each job, by its index. `Break` ends the batch.
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
    // All jobs, or the jobs that remain because no thread could be started.
    pipeline.run_in_order(report);
    let panic = pipeline.panic.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
}

/// A job after its first stage.
struct Begun<'a, S: Stages> {
    index: usize,
    job: &'a S::Job,
    made: S::Made,
}

struct Pipeline<'a, S: Stages> {
    stages: &'a S,
    jobs: &'a [S::Job],
    next: AtomicUsize,
    /// Each working maker holds this shared. A maker that needs the descriptors of the others holds it exclusively.
    making: RwLock<()>,
    queue: Queue<Begun<'a, S>, (usize, Result<S::Done>)>,
    /// The first panic in a stage.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl<'a, S: Stages> Pipeline<'a, S> {
    fn run_in_threads(&self, crew: Crew, report: Receiver<'_, S::Done>) {
        thread::scope(|scope| {
            // All threads join the crew before the first one starts. Otherwise, a thread could see an incomplete crew
            // and conclude that the others have ended. If a thread cannot be started, its membership is dropped
            // immediately.
            let makers: Vec<_> = (0..crew.makers).map(|_| self.queue.join(Role::Maker)).collect();
            let finishers: Vec<_> = (0..crew.finishers).map(|_| self.queue.join(Role::Finisher)).collect();
            for member in finishers {
                let _ = thread::Builder::new().spawn_scoped(scope, move || {
                    let _member = member;
                    self.finish_all();
                });
            }
            for member in makers {
                let _ = thread::Builder::new().spawn_scoped(scope, move || {
                    let _member = member;
                    self.make_all();
                });
            }
            self.queue.receive(|(index, done)| {
                // The guard is dropped before `receive` lets the threads continue without a receiver.
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

    /// Runs a maker until no jobs are left.
    fn make_all(&self) {
        let mut scratch = S::Scratch::default();
        while let Some((index, job)) = self.take_job() {
            let done = if self.is_stopped() {
                self.skip(job)
            } else {
                match self.make_when_handles_allow(index, job, &mut scratch) {
                    // No finisher is left to take the job.
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

    /// Makes a job and queues it. Returns the job if no finisher is left to take it.
    ///
    /// If the process runs out of descriptors, one maker continues alone with the descriptors that finishers release.
    /// The other makers hold the lock until their own jobs are queued, so the queue counts every open file.
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

    /// Runs a finisher until no maker is left and the queue is empty.
    fn finish_all(&self) {
        while let Some(begun) = self.queue.pop() {
            let index = begun.index;
            let done = self.finish_queued(begun);
            self.queue.report((index, done));
        }
    }

    fn finish_queued(&self, Begun { job, made, .. }: Begun<'a, S>) -> Result<S::Done> {
        let done = self.finish(job, made);
        // A maker may be waiting for the descriptor.
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

    /// Runs one stage of a job. If the stage panics or an observer cancels it, the batch ends.
    fn attempt<T>(&self, job: &S::Job, stage: impl FnOnce() -> Result<T>) -> Result<T> {
        let result = catch_unwind(AssertUnwindSafe(stage)).unwrap_or_else(|panic| {
            self.stop();
            self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
            Err(self.stages.error(job, io::Error::other("a call panicked, which ends the batch")))
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

/// Returns `true` if a file could not be opened for lack of descriptors. The job has then made nothing, and can be made
/// again.
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
