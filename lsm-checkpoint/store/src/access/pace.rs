//! [`Pace`]: the limit on bytes per second.

use std::{
    num::NonZeroU64,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Hands out time slots for bytes.
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

    #[test]
    fn bytes_wait_for_the_bytes_before_them() {
        let pace = Pace::new(NonZeroU64::new(1000));
        let second = Duration::from_secs(1);
        assert_eq!(pace.take(2000, second), Duration::ZERO);
        assert_eq!(pace.take(500, second), 2 * second);
        assert_eq!(pace.take(500, 10 * second), Duration::ZERO);
        assert_eq!(Pace::new(None).take(u64::MAX, second), Duration::ZERO);
    }
}
