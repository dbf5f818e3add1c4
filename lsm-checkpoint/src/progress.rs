//! [`Progress`], the answer that cancels, and the limit on copied bytes.

mod rate;

use std::{
    fmt,
    ops::ControlFlow,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use rate::TokenBucket;

/// How far a checkpoint has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Files that are in the checkpoint.
    pub files_done: u64,
    /// Files that will be.
    pub files_total: u64,
    /// Bytes that are in the checkpoint, by whatever method. Those of a copy count as they are copied.
    pub bytes_done: u64,
    /// Bytes that will be, as far as lengths are known.
    pub bytes_total: u64,
    /// Those of `bytes_done` that were copied.
    pub copied_bytes: u64,
}

/// Hears of progress and says whether to go on; `Break` cancels. It may be called from several threads, one at a time.
pub(crate) type Callback<'a> = &'a (dyn Fn(&Progress) -> ControlFlow<()> + Sync);

/// Where the time comes from, and the waiting of a rate limit.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Time since any fixed moment, never going back.
    fn now(&self) -> Duration;

    /// Returns after this long.
    fn wait(&self, time: Duration);

    /// Time since the Unix epoch.
    fn unix_time(&self) -> Duration;
}

/// The host's clocks.
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
        // A clock that stands before 1970 is as good as none.
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO)
    }
}

/// How long a limit may keep a callback from being asked.
const WAIT_SLICE: Duration = Duration::from_millis(200);

/// Counts, reports, cancels and slows down.
pub(crate) struct Control<'a> {
    callback: Option<Callback<'a>>,
    clock: &'a dyn Clock,
    state: Mutex<ControlState>,
}

/// The progress so far, and the limit on what comes.
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
        self.tell(|progress| {
            progress.files_total = files;
            progress.bytes_total = bytes;
        })
    }

    /// A file is in the checkpoint; `bytes` of it have not been counted.
    pub(crate) fn file_done(&self, bytes: u64) -> ControlFlow<()> {
        self.tell(|progress| {
            progress.files_done += 1;
            progress.bytes_done = progress.bytes_done.saturating_add(bytes);
        })
    }

    /// Bytes were copied: waits until the limit allows more, and asks whether to go on meanwhile.
    pub(crate) fn copied(&self, bytes: u64) -> ControlFlow<()> {
        let mut delay = {
            let mut state = self.lock();
            let now = self.clock.now();
            state.bucket.as_mut().map_or(Duration::ZERO, |bucket| bucket.take(bytes, now))
        };
        self.tell(|progress| {
            progress.bytes_done = progress.bytes_done.saturating_add(bytes);
            progress.copied_bytes = progress.copied_bytes.saturating_add(bytes);
        })?;
        while !delay.is_zero() {
            let slice = delay.min(WAIT_SLICE);
            self.clock.wait(slice);
            delay -= slice;
            self.tell(|_| {})?;
        }
        ControlFlow::Continue(())
    }

    /// Bytes that read as zeros were left out of a copy.
    pub(crate) fn hole(&self, bytes: u64) -> ControlFlow<()> {
        self.tell(|progress| progress.bytes_done = progress.bytes_done.saturating_add(bytes))
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    fn tell(&self, change: impl FnOnce(&mut Progress)) -> ControlFlow<()> {
        // Held over the callback, so that what it is told never goes back.
        let mut state = self.lock();
        change(&mut state.progress);
        if !state.cancelled && self.callback.is_some_and(|callback| callback(&state.progress).is_break()) {
            state.cancelled = true;
        }
        if state.cancelled { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn lock(&self) -> MutexGuard<'_, ControlState> {
        // A callback that panics ends the checkpoint; the counts are whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A catalog may list any lengths.
    #[test]
    fn sums_stop_at_the_largest() {
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
