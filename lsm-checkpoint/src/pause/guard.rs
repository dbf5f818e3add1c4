//! [`PauseGuard`]: keeps files from being deleted while a checkpoint needs them.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::{DeletionPause, FailedDeletion, state::GuardId};
use crate::sync::Mutex;

/// A hold on files that must not be deleted yet, see [`DeletionPause`]. Dropping the guard ends the hold.
#[must_use = "a guard that is dropped holds nothing"]
pub struct PauseGuard {
    pause: Arc<DeletionPause>,
    id: GuardId,
    acquired_at: Duration,
    failed: Mutex<Vec<FailedDeletion>>,
    ended: bool,
}

/// Statistics of a guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PauseStats {
    /// The time since the guard was acquired.
    pub hold_time: Duration,
    /// The number of deletions that the guard deferred, including those that were carried out since.
    pub deferred_files: u64,
    /// The total size of the deferred files, as far as their sizes could be determined.
    pub deferred_bytes: u64,
}

/// The result of [`PauseGuard::resume`].
#[derive(Debug, Default)]
#[non_exhaustive]
#[must_use = "it lists the deletions that failed"]
pub struct PauseReport {
    /// The statistics of the guard.
    pub stats: PauseStats,
    /// The failures among the deletions that the guard carried out. [`FailedDeletion::retry`] tries one again.
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

    /// Reduces the hold to these files. The call also carries out every deferred deletion whose file is not held any
    /// more by this or another guard.
    ///
    /// A file that the guard has already given up, by a release or an earlier narrowing, is not held again.
    pub fn narrow<P: Into<PathBuf>>(&self, files: impl IntoIterator<Item = P>) {
        let files: Vec<PathBuf> = files.into_iter().map(Into::into).collect();
        self.keep(self.pause.freeing(|state| state.narrow(self.id, files)));
    }

    /// Gives up one file. If its deletion is deferred and no other guard holds it, the call deletes it.
    pub fn release(&self, path: &Path) {
        self.keep(self.pause.freeing(|state| state.release(self.id, path)));
    }

    /// Gives up the `nth` of the files that the guard was narrowed to.
    pub(crate) fn release_nth(&self, nth: usize) {
        self.keep(self.pause.freeing(|state| state.release_nth(self.id, nth)));
    }

    /// Returns the statistics so far.
    #[must_use]
    pub fn stats(&self) -> PauseStats {
        let (deferred_files, deferred_bytes) = self.pause.lock().kept_waiting(self.id);
        let hold_time = (self.pause.clock)().saturating_sub(self.acquired_at);
        PauseStats { hold_time, deferred_files, deferred_bytes }
    }

    /// Ends the hold, carries out every deferred deletion that no other guard holds, and returns the statistics and the
    /// failures.
    pub fn resume(mut self) -> PauseReport {
        // The deletions below do not count as hold time.
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

/// Ends the hold. A drop cannot return failures, so they are logged and kept for
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
