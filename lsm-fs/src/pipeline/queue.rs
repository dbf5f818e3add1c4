//! The queue between the threads of a batch. It passes jobs from makers to finishers, and results to the caller.

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Wake the caller once this many results are queued. A wake-up costs about as much as all system calls for one small
/// file.
const REPORT_TOGETHER: usize = 16;

/// Maximum time that a result waits for others before the caller receives it.
const REPORT_AFTER: Duration = Duration::from_millis(2);

/// Maximum number of results that wait for the caller. The threads then wait, so that the caller can end a batch in
/// time.
const RESULTS_MAX: usize = 64;

/// Number of times that a finisher without a job yields its processor before it sleeps. Waking a sleeping thread costs
/// more than these yields.
const YIELDS: usize = 8;

/// A bounded queue of jobs `J` from makers to finishers, and the results `R` of all threads.
#[derive(Debug)]
pub(super) struct Queue<J, R> {
    contents: Mutex<Contents<J, R>>,
    capacity: usize,
    /// Number of queued jobs that a finisher waits for before it takes one. If no more jobs follow, or if a maker waits
    /// for room or descriptors, it takes a job at once.
    together: usize,
    /// Wakes finishers: a job is available, or there will be none.
    job_queued: Condvar,
    /// Wakes makers: there is room, or no finisher is left.
    job_taken: Condvar,
    /// Wakes the caller: enough results are available, or there will be no more.
    result_queued: Condvar,
    /// Wakes threads: there is room for a result, or the receiver was dropped.
    results_taken: Condvar,
}

#[derive(Debug)]
struct Contents<J, R> {
    jobs: VecDeque<J>,
    results: Vec<R>,
    /// Number of jobs in the queue or in the hands of a finisher.
    unfinished: usize,
    makers: usize,
    finishers: usize,
    /// Number of finishers that wait for a job. If it is 0, `push` saves the system call of a wake-up.
    idle: usize,
    /// Number of makers that wait for room or descriptors. If it is 0, `pop` saves the system call of a wake-up.
    blocked: usize,
    /// A maker needs the descriptors of the queued jobs. Until the queue is empty, finishers take jobs without waiting
    /// for more, even if the maker has stopped waiting in the meantime.
    draining: bool,
    /// The receiver was dropped.
    receiver_dropped: bool,
}

impl<J, R> Contents<J, R> {
    /// Returns `true` if a finisher need not wait for more jobs before it takes one.
    fn may_finish(&self, together: usize) -> bool {
        self.jobs.len() >= together || self.makers == 0 || self.blocked > 0 || self.draining
    }
}

/// The role of a thread in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Maker,
    Finisher,
}

/// The membership of a thread in the crew. Dropping it removes the thread from the crew.
#[derive(Debug)]
pub(super) struct CrewMember<'a, J, R> {
    queue: &'a Queue<J, R>,
    role: Role,
}

impl<J, R> Queue<J, R> {
    /// Creates a queue for `capacity` jobs. A finisher waits for `together` queued jobs before it takes one.
    pub(super) fn new(capacity: usize, together: usize) -> Self {
        Self {
            contents: Mutex::new(Contents {
                jobs: VecDeque::with_capacity(capacity),
                results: Vec::new(),
                unfinished: 0,
                makers: 0,
                finishers: 0,
                idle: 0,
                blocked: 0,
                draining: false,
                receiver_dropped: false,
            }),
            capacity,
            together: together.clamp(1, capacity.max(1)),
            job_queued: Condvar::new(),
            job_taken: Condvar::new(),
            result_queued: Condvar::new(),
            results_taken: Condvar::new(),
        }
    }

    /// Adds a thread to the crew, before it starts.
    pub(super) fn join(&self, role: Role) -> CrewMember<'_, J, R> {
        let mut contents = self.contents();
        match role {
            Role::Maker => contents.makers += 1,
            Role::Finisher => contents.finishers += 1,
        }
        CrewMember { queue: self, role }
    }

    /// Queues a job, after waiting for room. Returns the job if no finisher is left to take it.
    pub(super) fn push(&self, job: J) -> Result<(), J> {
        let mut contents = self.contents();
        while contents.finishers > 0 && contents.jobs.len() >= self.capacity {
            contents.blocked += 1;
            contents = wait(&self.job_taken, contents);
            contents.blocked -= 1;
        }
        contents.unfinished += 1;
        if contents.finishers == 0 {
            return Err(job);
        }
        contents.jobs.push_back(job);
        if contents.idle > 0 && contents.jobs.len() >= self.together {
            drop(contents);
            self.job_queued.notify_one();
        }
        Ok(())
    }

    /// Takes the next job. Returns `None` after the makers have ended and the queue is empty.
    pub(super) fn pop(&self) -> Option<J> {
        let mut contents = self.contents();
        let mut yields = 0;
        loop {
            if contents.may_finish(self.together)
                && let Some(job) = contents.jobs.pop_front()
            {
                contents.draining &= !contents.jobs.is_empty();
                let blocked = contents.blocked > 0;
                drop(contents);
                if blocked {
                    self.job_taken.notify_one();
                }
                return Some(job);
            }
            if contents.makers == 0 {
                return None;
            }
            if yields < YIELDS {
                yields += 1;
                drop(contents);
                std::thread::yield_now();
                contents = self.contents();
                continue;
            }
            contents.idle += 1;
            contents = wait(&self.job_queued, contents);
            contents.idle -= 1;
        }
    }

    /// Returns the number of jobs that were queued and are not finished.
    pub(super) fn unfinished(&self) -> usize {
        self.contents().unfinished
    }

    /// Counts a job as finished, whatever its result.
    pub(super) fn finished(&self) {
        self.contents().unfinished -= 1;
    }

    /// Returns at once if fewer than `than` jobs are unfinished. Otherwise lets the finishers take all queued jobs, and
    /// gives them time to finish one.
    pub(super) fn wait_for_fewer(&self, than: usize) {
        let mut contents = self.contents();
        if contents.unfinished >= than {
            contents.blocked += 1;
            contents.draining = !contents.jobs.is_empty();
            self.job_queued.notify_all();
            // `finished` does not signal, because only a maker without descriptors waits for it.
            let waited = self.job_taken.wait_timeout(contents, REPORT_AFTER);
            waited.unwrap_or_else(PoisonError::into_inner).0.blocked -= 1;
        }
    }

    /// Sends a result to the caller. Waits first while [`RESULTS_MAX`] results have not been received.
    pub(super) fn report(&self, result: R) {
        let mut contents = self.contents();
        while contents.results.len() >= RESULTS_MAX && !contents.receiver_dropped {
            contents = wait(&self.results_taken, contents);
        }
        contents.results.push(result);
        if contents.results.len() == REPORT_TOGETHER {
            drop(contents);
            self.result_queued.notify_one();
        }
    }

    /// Receives the results in order, until there are no more. If `each` panics, no thread waits for the caller any
    /// more.
    pub(super) fn receive(&self, mut each: impl FnMut(R)) {
        let _receiver = ReceiverGuard { queue: self };
        let mut received = Vec::new();
        loop {
            self.take_results(&mut received);
            if received.is_empty() {
                return;
            }
            received.drain(..).for_each(&mut each);
        }
    }

    /// Takes the results that arrived since the last call. `into` stays empty only if there are no more.
    fn take_results(&self, into: &mut Vec<R>) {
        into.clear();
        let mut contents = self.contents();
        loop {
            let over = contents.makers + contents.finishers == 0;
            if over || contents.results.len() >= REPORT_TOGETHER {
                break;
            }
            let waited = self.result_queued.wait_timeout(contents, REPORT_AFTER);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            contents = woken;
            if timeout.timed_out() && !contents.results.is_empty() {
                break;
            }
        }
        let were_many = contents.results.len() >= RESULTS_MAX;
        std::mem::swap(&mut contents.results, into);
        drop(contents);
        if were_many {
            self.results_taken.notify_all();
        }
    }

    fn contents(&self) -> MutexGuard<'_, Contents<J, R>> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait<'a, T>(for_: &Condvar, contents: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    for_.wait(contents).unwrap_or_else(PoisonError::into_inner)
}

/// Exists while the caller receives results. After it is dropped, no thread waits for the caller.
#[derive(Debug)]
struct ReceiverGuard<'a, J, R> {
    queue: &'a Queue<J, R>,
}

impl<J, R> Drop for ReceiverGuard<'_, J, R> {
    fn drop(&mut self) {
        self.queue.contents().receiver_dropped = true;
        self.queue.results_taken.notify_all();
    }
}

impl<J, R> Drop for CrewMember<'_, J, R> {
    fn drop(&mut self) {
        let mut contents = self.queue.contents();
        match self.role {
            Role::Maker => contents.makers -= 1,
            Role::Finisher => contents.finishers -= 1,
        }
        drop(contents);
        self.queue.job_queued.notify_all();
        self.queue.job_taken.notify_all();
        self.queue.result_queued.notify_all();
    }
}
