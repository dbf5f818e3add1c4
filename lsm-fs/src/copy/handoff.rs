//! What passes between the threads of a batch: written files to those that sync them, verdicts to the caller.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// So many verdicts are worth waking the caller for: each wake costs as much as a small file's system calls.
const REPORT_TOGETHER: usize = 16;

/// How long a verdict may wait for others before the caller hears of it.
const REPORT_AFTER: Duration = Duration::from_millis(2);

/// How often a taker looks again before it sleeps: to wake a thread costs more than that.
const YIELDS: usize = 8;

/// A bounded queue of work `W` from givers to takers, and the verdicts `V` of all of them.
#[derive(Debug)]
pub(super) struct Handoff<W, V> {
    state: Mutex<State<W, V>>,
    capacity: usize,
    /// For takers: there is work, or there will be none.
    work: Condvar,
    /// For givers: there is room, or nobody to take the work.
    less: Condvar,
    /// For the caller: there are verdicts enough, or there will be no more.
    verdicts: Condvar,
}

#[derive(Debug)]
struct State<W, V> {
    work: VecDeque<W>,
    verdicts: Vec<V>,
    /// How many pieces of work are queued or in hand.
    unfinished: usize,
    givers: usize,
    takers: usize,
    /// Takers that wait for work and givers that wait for room: to wake nobody is a system call too.
    idle: usize,
    blocked: usize,
}

/// A thread's part in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Giver,
    Taker,
}

/// What ends a part when it is dropped.
#[derive(Debug)]
pub(super) struct Part<'a, W, V> {
    of: &'a Handoff<W, V>,
    role: Role,
}

impl<W, V> Handoff<W, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::new(State {
                work: VecDeque::with_capacity(capacity),
                verdicts: Vec::new(),
                unfinished: 0,
                givers: 0,
                takers: 0,
                idle: 0,
                blocked: 0,
            }),
            capacity,
            work: Condvar::new(),
            less: Condvar::new(),
            verdicts: Condvar::new(),
        }
    }

    /// Counts a thread in, before it starts.
    pub(super) fn join(&self, role: Role) -> Part<'_, W, V> {
        let mut state = self.state();
        match role {
            Role::Giver => state.givers += 1,
            Role::Taker => state.takers += 1,
        }
        Part { of: self, role }
    }

    /// Queues work, and waits for room. Where nobody is left to take it, the work comes back.
    pub(super) fn offer(&self, work: W) -> Result<(), W> {
        let mut state = self.state();
        while state.takers > 0 && state.work.len() >= self.capacity {
            state.blocked += 1;
            state = wait(&self.less, state);
            state.blocked -= 1;
        }
        state.unfinished += 1;
        if state.takers == 0 {
            return Err(work);
        }
        state.work.push_back(work);
        if state.idle > 0 {
            drop(state);
            self.work.notify_one();
        }
        Ok(())
    }

    /// The next piece of work, until the givers have gone and all is taken.
    pub(super) fn take(&self) -> Option<W> {
        let mut state = self.state();
        let mut yields = 0;
        loop {
            if let Some(work) = state.work.pop_front() {
                let blocked = state.blocked > 0;
                drop(state);
                if blocked {
                    self.less.notify_one();
                }
                return Some(work);
            }
            if state.givers == 0 {
                return None;
            }
            if yields < YIELDS {
                yields += 1;
                drop(state);
                std::thread::yield_now();
                state = self.state();
                continue;
            }
            state.idle += 1;
            state = wait(&self.work, state);
            state.idle -= 1;
        }
    }

    /// How many pieces of work have been offered and not finished.
    pub(super) fn unfinished(&self) -> usize {
        self.state().unfinished
    }

    /// A piece of work is over, however it ended.
    pub(super) fn finished(&self) {
        self.state().unfinished -= 1;
    }

    /// Gives the takers the time to finish something, if fewer than `than` pieces are not left already.
    pub(super) fn wait_for_fewer(&self, than: usize) {
        let state = self.state();
        if state.unfinished >= than {
            // Finishing does not signal: only a giver without descriptors waits for it.
            drop(self.less.wait_timeout(state, REPORT_AFTER));
        }
    }

    /// Brings a verdict.
    pub(super) fn report(&self, verdict: V) {
        let mut state = self.state();
        state.verdicts.push(verdict);
        if state.verdicts.len() == REPORT_TOGETHER {
            drop(state);
            self.verdicts.notify_one();
        }
    }

    /// The verdicts that have come in since the last call, in their order; none when there will be no more.
    pub(super) fn verdicts(&self, into: &mut Vec<V>) {
        into.clear();
        let mut state = self.state();
        loop {
            let over = state.givers + state.takers == 0;
            if over || state.verdicts.len() >= REPORT_TOGETHER {
                break;
            }
            let waited = self.verdicts.wait_timeout(state, REPORT_AFTER);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if timeout.timed_out() && !state.verdicts.is_empty() {
                break;
            }
        }
        std::mem::swap(&mut state.verdicts, into);
    }

    fn state(&self) -> MutexGuard<'_, State<W, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait<'a, T>(for_: &Condvar, state: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    for_.wait(state).unwrap_or_else(PoisonError::into_inner)
}

impl<W, V> Drop for Part<'_, W, V> {
    fn drop(&mut self) {
        let mut state = self.of.state();
        match self.role {
            Role::Giver => state.givers -= 1,
            Role::Taker => state.takers -= 1,
        }
        drop(state);
        self.of.work.notify_all();
        self.of.less.notify_all();
        self.of.verdicts.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn work_comes_back_where_nobody_takes_it() {
        let handoff = Handoff::<_, ()>::new(2);
        let _giver = handoff.join(Role::Giver);
        assert_eq!(handoff.offer(1), Err(1), "no taker");
        assert_eq!(handoff.unfinished(), 1);
    }

    #[test]
    fn a_full_queue_waits_for_a_taker_or_for_the_last_to_go() {
        let handoff = Handoff::<_, ()>::new(1);
        let _giver = handoff.join(Role::Giver);
        let taker = handoff.join(Role::Taker);
        handoff.offer(1).unwrap();
        thread::scope(|scope| {
            let second = scope.spawn(|| handoff.offer(2));
            assert_eq!(handoff.take(), Some(1));
            assert_eq!(second.join().unwrap(), Ok(()));
            let third = scope.spawn(|| handoff.offer(3));
            drop(taker);
            assert_eq!(third.join().unwrap(), Err(3));
        });
    }

    #[test]
    fn each_piece_that_is_taken_lets_a_giver_go_on() {
        let handoff = Handoff::<_, ()>::new(2);
        let _parts = (handoff.join(Role::Giver), handoff.join(Role::Taker));
        (0..2).for_each(|work| handoff.offer(work).unwrap());
        thread::scope(|scope| {
            let offer = |work| {
                let handoff = &handoff;
                scope.spawn(move || handoff.offer(work))
            };
            let blocked = [2, 3].map(offer);
            while handoff.state().blocked < 2 {
                thread::yield_now();
            }
            assert!(handoff.take().is_some() && handoff.take().is_some());
            blocked.into_iter().for_each(|giver| giver.join().unwrap().unwrap());
        });
        assert!(handoff.take().is_some() && handoff.take().is_some());
    }

    #[test]
    fn takers_get_what_is_left_and_then_the_end() {
        let handoff = Handoff::<_, ()>::new(2);
        let giver = handoff.join(Role::Giver);
        let _taker = handoff.join(Role::Taker);
        handoff.offer(1).unwrap();
        drop(giver);
        assert_eq!((handoff.take(), handoff.take()), (Some(1), None));
    }

    #[test]
    fn a_single_verdict_is_heard_while_others_are_at_work() {
        let handoff = Handoff::<(), _>::new(2);
        let _taker = handoff.join(Role::Taker);
        handoff.report(7);
        let mut heard = Vec::new();
        handoff.verdicts(&mut heard);
        assert_eq!(heard, [7]);
    }

    #[test]
    fn every_verdict_is_heard_once_and_then_the_end() {
        let handoff = Handoff::<(), _>::new(2);
        let parts: Vec<_> = (0..4).map(|_| handoff.join(Role::Taker)).collect();
        let mut all = Vec::new();
        thread::scope(|scope| {
            for (thread, part) in parts.into_iter().enumerate() {
                let handoff = &handoff;
                scope.spawn(move || {
                    (0..100).for_each(|i| handoff.report(thread * 100 + i));
                    drop(part);
                });
            }
            let mut heard = Vec::new();
            loop {
                handoff.verdicts(&mut heard);
                if heard.is_empty() {
                    break;
                }
                all.append(&mut heard);
            }
        });
        all.sort_unstable();
        assert_eq!(all, (0..400).collect::<Vec<_>>());
    }
}
