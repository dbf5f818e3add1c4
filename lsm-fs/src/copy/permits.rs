//! [`WritePermits`]: a limit on the number of concurrent large direct writes.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Length from which a write needs a permit.
const LARGE: usize = 256 << 10;

/// Maximum number of concurrent large writes. Two keep a device busy. More of them wait in the device's queue and delay
/// the syncs of other processes. Beside 16 writes of 1 MiB, a small write and its sync take 18 to 23 ms. Beside two,
/// they take 7 to 8 ms, and the copies are as fast.
const AT_ONCE: usize = 2;

#[derive(Debug, Default)]
pub(super) struct WritePermits {
    count: Mutex<Count>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct Count {
    /// Number of permits in use, at most [`AT_ONCE`].
    held: usize,
    waiting: usize,
}

/// Permission for one large write. Dropping it lets the next write start.
pub(super) struct WritePermit<'a>(&'a WritePermits);

impl WritePermits {
    /// Waits until a write of this length may start. A small write needs no permit.
    pub(super) fn acquire(&self, len: usize) -> Option<WritePermit<'_>> {
        if len < LARGE {
            return None;
        }
        let mut count = self.count();
        count.waiting += 1;
        let waited = self.released.wait_while(count, |count| count.held >= AT_ONCE);
        let mut count = waited.unwrap_or_else(PoisonError::into_inner);
        count.waiting -= 1;
        count.held += 1;
        Some(WritePermit(self))
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for WritePermit<'_> {
    fn drop(&mut self) {
        self.0.count().held -= 1;
        self.0.released.notify_one();
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
    fn at_most_two_large_writes_run_and_a_panic_releases_its_permit() {
        let (permits, now, most) = (WritePermits::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for at in 0..8 {
                let (permits, now, most) = (&permits, &now, &most);
                scope.spawn(move || {
                    let write = || {
                        let _permit = permits.acquire(LARGE);
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
        assert_eq!(permits.count().held, 0);
    }

    #[test]
    fn a_third_large_write_waits_for_the_end_of_another() {
        let (permits, (begins, begun)) = (WritePermits::default(), mpsc::channel());
        let [first, second] = [permits.acquire(LARGE), permits.acquire(LARGE)];
        thread::scope(|scope| {
            scope.spawn(|| {
                let _third = permits.acquire(LARGE);
                begins.send(()).unwrap();
            });
            while permits.count().waiting == 0 {
                assert!(begun.try_recv().is_err(), "three at once");
                thread::yield_now();
            }
            drop(first);
            begun.recv().unwrap();
        });
        drop(second);
    }

    #[test]
    fn a_small_write_does_not_wait() {
        let permits = WritePermits::default();
        let _held = [permits.acquire(LARGE), permits.acquire(LARGE)];
        assert!(permits.acquire(LARGE - 1).is_none());
    }
}
