//! [`Progress`]: the report to the caller, cancellation, and the limit on copied bytes.

mod rate;

use std::{
    fmt,
    ops::ControlFlow,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use rate::TokenBucket;

/// The progress of a checkpoint, a restore or a verification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The number of files that are in the checkpoint or were read, out of `files_total`.
    pub files_done: u64,
    /// The number of files that the snapshots list, or that a verification reads. Files that are written through a
    /// [`ManifestTarget`](crate::ManifestTarget) and the catalog do not count, except in a verification that reads
    /// them.
    pub files_total: u64,
    /// The number of bytes that are in the checkpoint, by any method, or that were read. The bytes of a copy count as
    /// they are copied.
    pub bytes_done: u64,
    /// The number of bytes in these files, as far as their lengths are known.
    pub bytes_total: u64,
    /// The part of `bytes_done` that was copied.
    pub copied_bytes: u64,
}

/// A callback that receives the progress and cancels the operation with `Break`. It may be called from several threads,
/// one at a time.
pub(crate) type Callback<'a> = &'a (dyn Fn(&Progress) -> ControlFlow<()> + Sync);

/// A source of time, which also implements the waits of a rate limit.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Returns the time since a fixed moment. It never goes back.
    fn now(&self) -> Duration;

    /// Blocks for this duration.
    fn wait(&self, time: Duration);

    /// Returns the time since the Unix epoch.
    fn unix_time(&self) -> Duration;
}

/// The clocks of the host.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn wait(&self, time: Duration) {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            std::thread::park_timeout(left);
        }
    }

    fn unix_time(&self) -> Duration {
        // Treat a clock before 1970 as not set.
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO)
    }
}

/// The maximal time between two calls of the callback while a limit delays copying.
const WAIT_SLICE: Duration = Duration::from_millis(200);

/// Counts progress, reports it, cancels, and limits the rate.
pub(crate) struct Control<'a> {
    callback: Option<Callback<'a>>,
    clock: &'a dyn Clock,
    state: Mutex<ControlState>,
}

/// The progress so far, and the rate limit.
struct ControlState {
    progress: Progress,
    cancelled: bool,
    bucket: Option<TokenBucket>,
}

impl<'a> Control<'a> {
    pub(crate) fn new(
        callback: Option<Callback<'a>>,
        clock: &'a dyn Clock,
        bytes_per_second: Option<u64>,
    ) -> Self {
        let bucket =
            bytes_per_second.filter(|&rate| rate > 0).map(|rate| TokenBucket::new(rate, clock.now()));
        let state = Mutex::new(ControlState { progress: Progress::default(), cancelled: false, bucket });
        Self { callback, clock, state }
    }

    pub(crate) fn start(&self, files: u64, bytes: u64) -> ControlFlow<()> {
        self.report(|progress| {
            progress.files_total = files;
            progress.bytes_total = bytes;
        })
    }

    /// Records a finished file, `bytes` of which have not been counted yet.
    pub(crate) fn file_done(&self, bytes: u64) -> ControlFlow<()> {
        self.report(|progress| {
            progress.files_done += 1;
            progress.bytes_done = progress.bytes_done.saturating_add(bytes);
        })
    }

    /// Records copied bytes. Waits until the limit allows more, and calls the callback meanwhile.
    pub(crate) fn copied(&self, bytes: u64) -> ControlFlow<()> {
        let mut delay = {
            let mut state = self.lock();
            let now = self.clock.now();
            state.bucket.as_mut().map_or(Duration::ZERO, |bucket| bucket.take(bytes, now))
        };
        self.report(|progress| {
            progress.bytes_done = progress.bytes_done.saturating_add(bytes);
            progress.copied_bytes = progress.copied_bytes.saturating_add(bytes);
        })?;
        while !delay.is_zero() {
            let slice = delay.min(WAIT_SLICE);
            self.clock.wait(slice);
            delay -= slice;
            self.check_cancelled()?;
        }
        ControlFlow::Continue(())
    }

    /// Records bytes that a copy skipped because they are a hole.
    pub(crate) fn hole(&self, bytes: u64) -> ControlFlow<()> {
        self.report(|progress| progress.bytes_done = progress.bytes_done.saturating_add(bytes))
    }

    /// Calls the callback without new numbers, so that it can cancel the call.
    pub(crate) fn check_cancelled(&self) -> ControlFlow<()> {
        self.report(|_| {})
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    fn report(&self, change: impl FnOnce(&mut Progress)) -> ControlFlow<()> {
        // Hold the lock during the callback, so that the reported numbers never go back.
        let mut state = self.lock();
        change(&mut state.progress);
        if !state.cancelled && self.callback.is_some_and(|callback| callback(&state.progress).is_break()) {
            state.cancelled = true;
        }
        if state.cancelled { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn lock(&self) -> MutexGuard<'_, ControlState> {
        // Ignore poison. A panic of the callback leaves the counts intact, and it ends the checkpoint anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A catalog may list arbitrary lengths.
    #[test]
    fn sums_saturate() {
        let clock = SystemClock::default();
        let seen = Mutex::new(Progress::default());
        let record = |progress: &Progress| {
            *seen.lock().unwrap() = *progress;
            ControlFlow::Continue(())
        };
        let control = Control::new(Some(&record), &clock, None);
        for told in [control.file_done(u64::MAX), control.copied(u64::MAX), control.hole(u64::MAX)] {
            assert!(told.is_continue());
        }
        assert!(control.copied(2).is_continue());
        let seen = *seen.lock().unwrap();
        assert_eq!((seen.bytes_done, seen.copied_bytes), (u64::MAX, u64::MAX));
    }
}
