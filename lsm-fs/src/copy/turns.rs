//! [`Turns`]: how many large writes around the page cache are under way at once.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// From this length on a write takes a turn.
const LARGE: usize = 256 << 10;

/// Two keep a device busy. What is more than that waits in the device's queue, and with it everybody else's syncs:
/// beside 16 writes of 1 MiB a small write and its sync take 18 to 23 ms, beside two of them 7 to 8, and the copies end
/// no later.
const AT_ONCE: usize = 2;

#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Turns that are under way, at most [`AT_ONCE`].
    taken: usize,
    waiting: usize,
}

/// Dropping it gives the turn to the next.
pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    /// Waits until a write of this length may begin; a small one need not.
    pub(super) fn take(&self, len: usize) -> Option<Turn<'_>> {
        if len < LARGE {
            return None;
        }
        let mut state = self.state();
        state.waiting += 1;
        let waited = self.freed.wait_while(state, |state| state.taken >= AT_ONCE);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state.taken += 1;
        Some(Turn(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().taken -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        thread,
    };

    use super::*;

    #[test]
    fn large_writes_take_turns_and_a_panic_gives_its_own_back() {
        let (turns, now, most) = (Turns::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for at in 0..8 {
                let (turns, now, most) = (&turns, &now, &most);
                scope.spawn(move || {
                    let write = || {
                        let _turn = turns.take(LARGE);
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                        assert!(at % 2 == 0, "half of them panic");
                    };
                    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(write));
                });
            }
        });
        assert!(most.into_inner() <= AT_ONCE);
        assert_eq!(turns.state().taken, 0);
    }

    #[test]
    fn a_third_large_write_waits_for_the_end_of_another() {
        let (turns, (begins, begun)) = (Turns::default(), mpsc::channel());
        let [first, second] = [turns.take(LARGE), turns.take(LARGE)];
        thread::scope(|scope| {
            scope.spawn(|| {
                let _third = turns.take(LARGE);
                begins.send(()).unwrap();
            });
            while turns.state().waiting == 0 {
                assert!(begun.try_recv().is_err(), "three at once");
                thread::yield_now();
            }
            drop(first);
            begun.recv().unwrap();
        });
        drop(second);
    }

    #[test]
    fn a_small_write_waits_for_nobody() {
        let turns = Turns::default();
        let _held = [turns.take(LARGE), turns.take(LARGE)];
        assert!(turns.take(LARGE - 1).is_none());
    }
}
