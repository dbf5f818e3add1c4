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

/// So many verdicts may wait for the caller; then the threads wait for it, so that it can end a batch in time.
const UNHEARD_MAX: usize = 64;

/// How often a taker looks again before it sleeps: to wake a thread costs more than that.
const YIELDS: usize = 8;

/// A bounded queue of work `W` from givers to takers, and the verdicts `V` of all of them.
#[derive(Debug)]
pub(crate) struct Handoff<W, V> {
    state: Mutex<State<W, V>>,
    capacity: usize,
    /// How much must wait for takers to begin, unless no more comes.
    together: usize,
    /// For takers: there is work, or there will be none.
    work: Condvar,
    /// For givers: there is room, or nobody to take the work.
    less: Condvar,
    /// For the caller: there are verdicts enough, or there will be no more.
    verdicts: Condvar,
    /// For whoever brings a verdict: there is room for it, or nobody hears it.
    heard: Condvar,
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
    /// The caller hears nothing more.
    deaf: bool,
}

/// A thread's part in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Giver,
    Taker,
}

/// What ends a part when it is dropped.
#[derive(Debug)]
pub(crate) struct Part<'a, W, V> {
    of: &'a Handoff<W, V>,
    role: Role,
}

impl<W, V> Handoff<W, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self::in_bunches(capacity, 1)
    }

    /// One whose takers let so much work come together before they begin.
    pub(crate) fn in_bunches(capacity: usize, together: usize) -> Self {
        Self {
            state: Mutex::new(State {
                work: VecDeque::with_capacity(capacity),
                verdicts: Vec::new(),
                unfinished: 0,
                givers: 0,
                takers: 0,
                idle: 0,
                blocked: 0,
                deaf: false,
            }),
            capacity,
            together: together.clamp(1, capacity.max(1)),
            work: Condvar::new(),
            less: Condvar::new(),
            verdicts: Condvar::new(),
            heard: Condvar::new(),
        }
    }

    /// Counts a thread in, before it starts.
    pub(crate) fn join(&self, role: Role) -> Part<'_, W, V> {
        let mut state = self.state();
        match role {
            Role::Giver => state.givers += 1,
            Role::Taker => state.takers += 1,
        }
        Part { of: self, role }
    }

    /// Queues work, and waits for room. Where nobody is left to take it, the work comes back.
    pub(crate) fn offer(&self, work: W) -> Result<(), W> {
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
        if state.idle > 0 && state.work.len() >= self.together {
            drop(state);
            self.work.notify_one();
        }
        Ok(())
    }

    /// The next piece of work, until the givers have gone and all is taken.
    pub(crate) fn take(&self) -> Option<W> {
        let mut state = self.state();
        let mut yields = 0;
        loop {
            let begins = state.work.len() >= self.together || state.givers == 0 || state.blocked > 0;
            if begins && let Some(work) = state.work.pop_front() {
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
    pub(crate) fn unfinished(&self) -> usize {
        self.state().unfinished
    }

    /// A piece of work is over, however it ended.
    pub(crate) fn finished(&self) {
        self.state().unfinished -= 1;
    }

    /// Gives the takers the time to finish something, if fewer than `than` pieces are not left already.
    pub(crate) fn wait_for_fewer(&self, than: usize) {
        let mut state = self.state();
        if state.unfinished >= than {
            state.blocked += 1;
            self.work.notify_all();
            // Finishing does not signal: only a giver without descriptors waits for it.
            let waited = self.less.wait_timeout(state, REPORT_AFTER);
            waited.unwrap_or_else(PoisonError::into_inner).0.blocked -= 1;
        }
    }

    /// Brings a verdict, and waits while too many are unheard.
    pub(crate) fn report(&self, verdict: V) {
        let mut state = self.state();
        while state.verdicts.len() >= UNHEARD_MAX && !state.deaf {
            state = wait(&self.heard, state);
        }
        state.verdicts.push(verdict);
        if state.verdicts.len() == REPORT_TOGETHER {
            drop(state);
            self.verdicts.notify_one();
        }
    }

    /// The caller's part: hears each verdict, in their order, until there will be no more. Should `each` panic, nobody
    /// waits for the caller.
    pub(crate) fn hear(&self, mut each: impl FnMut(V)) {
        let _listening = Listening { to: self };
        let mut heard = Vec::new();
        loop {
            self.verdicts(&mut heard);
            if heard.is_empty() {
                return;
            }
            heard.drain(..).for_each(&mut each);
        }
    }

    /// The verdicts that have come in since the last call; none when there will be no more.
    fn verdicts(&self, into: &mut Vec<V>) {
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
        let were_many = state.verdicts.len() >= UNHEARD_MAX;
        std::mem::swap(&mut state.verdicts, into);
        drop(state);
        if were_many {
            self.heard.notify_all();
        }
    }

    fn state(&self) -> MutexGuard<'_, State<W, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait<'a, T>(for_: &Condvar, state: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    for_.wait(state).unwrap_or_else(PoisonError::into_inner)
}

/// What keeps verdicts waiting for the caller.
#[derive(Debug)]
struct Listening<'a, W, V> {
    to: &'a Handoff<W, V>,
}

impl<W, V> Drop for Listening<'_, W, V> {
    fn drop(&mut self) {
        self.to.state().deaf = true;
        self.to.heard.notify_all();
    }
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
    fn a_bunch_waits_until_it_is_whole_or_no_more_can_come() {
        let handoff = Handoff::<_, ()>::in_bunches(4, 3);
        let giver = handoff.join(Role::Giver);
        let _taker = handoff.join(Role::Taker);
        (0..3).for_each(|work| handoff.offer(work).unwrap());
        assert_eq!(handoff.take(), Some(0), "three wait");
        thread::scope(|scope| {
            let second = scope.spawn(|| handoff.take());
            while handoff.state().idle == 0 {
                thread::yield_now();
            }
            // A giver that lacks descriptors waits for what is there.
            handoff.wait_for_fewer(1);
            assert_eq!(second.join().unwrap(), Some(1));
        });
        drop(giver);
        assert_eq!((handoff.take(), handoff.take()), (Some(2), None), "nothing more comes");
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
    fn verdicts_wait_for_a_caller_that_hears_and_for_no_other() {
        let handoff = Handoff::<(), _>::new(2);
        let taker = handoff.join(Role::Taker);
        let mut heard = Vec::new();
        thread::scope(|scope| {
            let listening = Listening { to: &handoff };
            let reports = scope.spawn(|| (0..10 * UNHEARD_MAX).for_each(|i| handoff.report(i)));
            for _ in 0..5 {
                handoff.verdicts(&mut heard);
                assert!((1..=UNHEARD_MAX).contains(&heard.len()), "{}", heard.len());
                assert!(!reports.is_finished(), "nobody waited");
            }
            drop(listening);
            reports.join().unwrap();
        });
        drop(taker);
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
            handoff.hear(|verdict| all.push(verdict));
        });
        all.sort_unstable();
        assert_eq!(all, (0..400).collect::<Vec<_>>());
    }
}
