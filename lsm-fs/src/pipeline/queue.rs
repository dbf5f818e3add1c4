//! The queue between the threads of a batch: made jobs to those that finish them, results to the caller.

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

/// The time that a result may wait for others before the caller receives it.
const REPORT_AFTER: Duration = Duration::from_millis(2);

/// The number of results that may wait for the caller. Then the threads wait for it, so that it can end a batch in
/// time.
const RESULTS_MAX: usize = 64;

/// The number of times that a finisher looks again before it sleeps: to wake a thread costs more than that.
const YIELDS: usize = 8;

/// A bounded queue of jobs `J` from makers to finishers, and the results `R` of all of them.
#[derive(Debug)]
pub(super) struct Queue<J, R> {
    contents: Mutex<Contents<J, R>>,
    capacity: usize,
    /// The number of jobs that must wait for finishers to begin, unless no more come.
    together: usize,
    /// For finishers: there is a job, or there will be none.
    job_queued: Condvar,
    /// For makers: there is room, or nobody is left to take the job.
    job_taken: Condvar,
    /// For the caller: there are results enough, or there will be no more.
    result_queued: Condvar,
    /// For the threads: there is room for a result, or nobody receives it.
    results_taken: Condvar,
}

#[derive(Debug)]
struct Contents<J, R> {
    jobs: VecDeque<J>,
    results: Vec<R>,
    /// The number of jobs that are queued or in hand.
    unfinished: usize,
    makers: usize,
    finishers: usize,
    /// Finishers that wait for a job and makers that wait for room: to wake nobody is a system call too.
    idle: usize,
    blocked: usize,
    /// The caller receives nothing more.
    receiver_dropped: bool,
}

/// The role of a thread in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Maker,
    Finisher,
}

/// The place of a thread in the crew. Dropping it counts the thread out.
#[derive(Debug)]
pub(super) struct Place<'a, J, R> {
    queue: &'a Queue<J, R>,
    role: Role,
}

impl<J, R> Queue<J, R> {
    /// A queue whose finishers let so many jobs come together before they begin.
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

    /// Counts a thread in, before it starts.
    pub(super) fn join(&self, role: Role) -> Place<'_, J, R> {
        let mut contents = self.contents();
        match role {
            Role::Maker => contents.makers += 1,
            Role::Finisher => contents.finishers += 1,
        }
        Place { queue: self, role }
    }

    /// Queues a job, and waits for room. If no finisher is left to take it, the job comes back.
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

    /// Takes the next job out, until the makers have gone and all is taken.
    pub(super) fn pop(&self) -> Option<J> {
        let mut contents = self.contents();
        let mut yields = 0;
        loop {
            let begins = contents.jobs.len() >= self.together || contents.makers == 0 || contents.blocked > 0;
            if begins && let Some(job) = contents.jobs.pop_front() {
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

    /// Returns how many jobs have been queued and not finished.
    pub(super) fn unfinished(&self) -> usize {
        self.contents().unfinished
    }

    /// Counts a job as over, however it ended.
    pub(super) fn finished(&self) {
        self.contents().unfinished -= 1;
    }

    /// Gives the finishers time to finish something, if fewer than `than` jobs are not left already.
    pub(super) fn wait_for_fewer(&self, than: usize) {
        let mut contents = self.contents();
        if contents.unfinished >= than {
            contents.blocked += 1;
            self.job_queued.notify_all();
            // Finishing does not signal: only a maker without descriptors waits for it.
            let waited = self.job_taken.wait_timeout(contents, REPORT_AFTER);
            waited.unwrap_or_else(PoisonError::into_inner).0.blocked -= 1;
        }
    }

    /// Sends a result to the caller, and waits while too many are unreceived.
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

    /// Receives each result, in their order, until there will be no more. If `each` panics, no thread waits for it.
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

    /// Takes the results that have come in since the last call; none when there will be no more.
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

/// Lets results wait for the caller as long as it lives.
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

impl<J, R> Drop for Place<'_, J, R> {
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
