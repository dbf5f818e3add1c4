//! [`Pace`]: the limit on bytes per second.

use std::{
    num::NonZeroU64,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::format::PIECE;

/// Hands out time slots for bodies: the bytes of one request or one answer.
///
/// A body is as long as its slot, and begins with it. A client cannot slow down a body that is under way, so bodies are
/// short: they take about a second. In any interval, the bodies that begin have at most the rate times its length, and
/// one body more. Time in which nothing was sent is not made up for.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Option<NonZeroU64>,
    /// The end of the last slot that was handed out.
    busy_until: Mutex<Duration>,
}

impl Pace {
    pub(super) const fn new(rate: Option<NonZeroU64>) -> Self {
        Self { rate, busy_until: Mutex::new(Duration::ZERO) }
    }

    /// Returns the length of a body: the bytes of a second, in whole pieces, within these bounds.
    pub(super) fn body(&self, least: u64, most: u64) -> u64 {
        let second = self.rate.map_or(most, |rate| rate.get() / PIECE * PIECE);
        second.max(least).min(most)
    }

    /// Reserves a slot for `bytes`, and returns the time until it begins.
    pub(super) fn take(&self, bytes: u64, now: Duration) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.get());
        let length = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let mut busy_until = self.busy_until.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = now.max(*busy_until);
        *busy_until = begin.saturating_add(length);
        begin.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn bytes_wait_for_the_bytes_before_them() {
        let pace = Pace::new(NonZeroU64::new(1000));
        let second = Duration::from_secs(1);
        assert_eq!(pace.take(2000, second), Duration::ZERO);
        assert_eq!(pace.take(500, second), 2 * second);
        assert_eq!(pace.take(500, 10 * second), Duration::ZERO);
        assert_eq!(Pace::new(None).take(u64::MAX, second), Duration::ZERO);
    }

    #[test]
    fn a_body_has_the_bytes_of_a_second() {
        let body = |rate, least: u64, most: u64| Pace::new(rate).body(least * MIB, most * MIB) / MIB;
        assert_eq!(body(None, 5, 1024), 1024);
        for (mib, expected) in [(1, 5), (5, 5), (20, 20), (2000, 1024)] {
            assert_eq!(body(NonZeroU64::new(mib * MIB + 7), 5, 1024), expected, "{mib} MiB per second");
        }
    }

    /// Four clients of one pace send a file of 200 MiB and many short ones, on a clock of the test's own.
    #[test]
    fn every_interval_has_at_most_its_share_and_one_body() {
        let rate = 20 * MIB;
        let pace = Pace::new(NonZeroU64::new(rate));
        let long = pace.body(5 * MIB, 96 * MIB);
        let bodies = (0..60_u64).map(|number| if number % 4 == 0 { long } else { number * 7919 % MIB + 1 });
        let mut free = [Duration::ZERO; 4];
        let mut begun: Vec<(Duration, u64)> = Vec::new();
        for bytes in bodies {
            let client = (0..free.len()).min_by_key(|&client| free[client]).unwrap();
            let now = free[client];
            let begin = now + pace.take(bytes, now);
            // The network is fast: a body takes no time, and now and then a client idles.
            free[client] = begin + Duration::from_millis(if bytes % 5 == 0 { 900 } else { 0 });
            begun.push((begin, bytes));
        }
        begun.sort_unstable();
        for (at, &(first, _)) in begun.iter().enumerate() {
            let mut sum = 0;
            for &(last, bytes) in begun.iter().skip(at) {
                let share = (last - first).as_nanos() * u128::from(rate) / 1_000_000_000;
                // Each slot is rounded down to a nanosecond.
                assert!(sum <= u64::try_from(share).unwrap() + 60, "{sum} bytes from {first:?} to {last:?}");
                sum += bytes;
            }
        }
        assert!(begun.iter().all(|&(_, bytes)| bytes <= rate), "a body is longer than a second");
    }
}
