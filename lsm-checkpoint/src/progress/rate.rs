//! [`TokenBucket`]: limits a rate. The caller passes the time.

use std::time::Duration;

/// The idle time for which a later burst may make up.
const BURST: Duration = Duration::from_millis(100);

/// A token bucket that limits bytes per second. It allows debt: a piece of any size passes at once, and the next piece
/// waits until the debt is paid.
#[derive(Debug)]
pub(super) struct TokenBucket {
    bytes_per_second: u64,
    /// The moment at which the bytes that have passed will be paid for.
    paid_until: Duration,
}

impl TokenBucket {
    pub(super) fn new(bytes_per_second: u64, now: Duration) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), paid_until: now }
    }

    /// Takes the bytes and returns the time to wait before the next call.
    pub(super) fn take(&mut self, bytes: u64, now: Duration) -> Duration {
        let cost = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
        let cost = Duration::from_nanos(u64::try_from(cost).unwrap_or(u64::MAX));
        let credit_from = now.saturating_sub(BURST);
        self.paid_until = self.paid_until.max(credit_from).saturating_add(cost);
        self.paid_until.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn bytes_take_time() {
        let mut bucket = TokenBucket::new(1000, SECOND);
        assert_eq!(bucket.take(500, SECOND), SECOND / 2);
        assert_eq!(bucket.take(500, SECOND), SECOND, "what is owed adds up");
        assert_eq!(bucket.take(1000, 2 * SECOND), SECOND);
    }

    #[test]
    fn a_long_idle_time_allows_a_short_burst() {
        let mut bucket = TokenBucket::new(1000, Duration::ZERO);
        assert_eq!(bucket.take(100, 60 * SECOND), Duration::ZERO);
        assert_eq!(bucket.take(100, 60 * SECOND), SECOND / 10);
    }

    #[test]
    fn no_rate_and_no_size_overflows() {
        let mut bucket = TokenBucket::new(0, Duration::ZERO);
        assert!(bucket.take(u64::MAX, SECOND) > SECOND);
        assert!(bucket.take(u64::MAX, SECOND) > SECOND);
    }
}
