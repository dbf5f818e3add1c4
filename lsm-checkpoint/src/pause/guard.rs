//! [`PauseGuard`]: one checkpoint's hold.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::{DeletionPause, FailedDeletion, state::GuardId};
use crate::sync::Mutex;

/// Holds files back from deletion: see [`DeletionPause`]. Dropping it ends the hold.
#[must_use = "a guard that is dropped holds nothing"]
pub struct PauseGuard {
    pause: Arc<DeletionPause>,
    id: GuardId,
    acquired_at: Duration,
    failed: Mutex<Vec<FailedDeletion>>,
    ended: bool,
}

/// The deletions that a guard has kept waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PauseStats {
    /// For how long it has held anything.
    pub hold_time: Duration,
    /// Deletions that were deferred because of it, carried out since or not.
    pub deferred_files: u64,
    /// Their bytes, of those whose size could be found out.
    pub deferred_bytes: u64,
}

/// The end of a guard.
#[derive(Debug, Default)]
#[non_exhaustive]
#[must_use = "it lists the deletions that failed"]
pub struct PauseReport {
    /// The deletions that it has kept waiting.
    pub stats: PauseStats,
    /// The deletions that it carried out and that failed. [`FailedDeletion::retry`] tries one again.
    pub failed: Vec<FailedDeletion>,
}

impl fmt::Debug for PauseGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PauseGuard").field("id", &self.id).finish_non_exhaustive()
    }
}

impl PauseGuard {
    pub(super) fn new(pause: Arc<DeletionPause>, id: GuardId, acquired_at: Duration) -> Self {
        Self { pause, id, acquired_at, failed: Mutex::default(), ended: false }
    }

    /// Holds only these files from now on; all others that wait, and that no other guard holds, are deleted at once,
    /// by this call.
    ///
    /// A file that the guard does not hold by now, because it was released or narrowed away, is not held again.
    pub fn narrow<P: Into<PathBuf>>(&self, files: impl IntoIterator<Item = P>) {
        let files: Vec<PathBuf> = files.into_iter().map(Into::into).collect();
        self.keep(self.pause.freeing(|state| state.narrow(self.id, files)));
    }

    /// Stops to hold one file, which is deleted by this call if its deletion waits and no other guard holds it.
    pub fn release(&self, path: &Path) {
        self.keep(self.pause.freeing(|state| state.release(self.id, path)));
    }

    /// Stops to hold the `nth` of the files that it was narrowed to.
    pub(crate) fn release_nth(&self, nth: usize) {
        self.keep(self.pause.freeing(|state| state.release_nth(self.id, nth)));
    }

    /// The deletions that it has kept waiting so far.
    #[must_use]
    pub fn stats(&self) -> PauseStats {
        let (deferred_files, deferred_bytes) = self.pause.lock().kept_waiting(self.id);
        let hold_time = (self.pause.clock)().saturating_sub(self.acquired_at);
        PauseStats { hold_time, deferred_files, deferred_bytes }
    }

    /// Ends the hold, deletes what waited for it alone, and says how all of that went.
    pub fn resume(mut self) -> PauseReport {
        // The time of the deletions themselves is not time of the pause.
        let stats = self.stats();
        self.end();
        let failed = std::mem::take(&mut *self.failed.lock().unwrap_or_else(PoisonError::into_inner));
        PauseReport { stats, failed }
    }

    fn end(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            self.keep(self.pause.freeing(|state| state.end(self.id)));
        }
    }

    fn keep(&self, failed: Vec<FailedDeletion>) {
        if !failed.is_empty() {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).extend(failed);
        }
    }
}

/// Ends the hold. Nobody hears of a failed deletion here, so it is logged and kept for
/// [`take_failed`](DeletionPause::take_failed).
impl Drop for PauseGuard {
    fn drop(&mut self) {
        self.end();
        let failed = std::mem::take(&mut *self.failed.lock().unwrap_or_else(PoisonError::into_inner));
        if failed.is_empty() {
            return;
        }
        for failure in &failed {
            log::warn!("{failure}");
        }
        self.pause.lock().keep_failed(failed);
    }
}
