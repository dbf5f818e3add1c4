//! [`DeletionPause`]: files that a checkpoint needs stay until it has them.

mod guard;
mod listed;
mod state;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use lsm_fs::Fs;

pub use guard::{PauseGuard, PauseReport, PauseStats};
use state::{Deferred, Enqueued, PauseState};

use crate::sync::{Mutex, MutexGuard};

/// Whose turn it is to unlink a file: the answer of [`DeletionPause::try_enqueue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a file whose deletion was not deferred is still there"]
pub enum Enqueue {
    /// Nothing holds the file: the caller unlinks it, now.
    DeleteNow,
    /// A guard holds the file: it is unlinked by whoever releases it last. The caller forgets it.
    Deferred,
}

/// Lets a checkpoint hold back the deletions of an engine that unlinks its files eagerly.
///
/// An engine whose captured version keeps its files alive by itself (an `Arc` whose last drop unlinks) needs none.
///
/// # Contract
///
/// *The engine* asks [`try_enqueue`](Self::try_enqueue) before **every** unlink of a table or blob file, after the file
/// has left the current version: a capture that begins later does not name it. It spells a path as its snapshots do,
/// and gives no name a second time. When it opens, it removes what its version does not name: deferred deletions are
/// in memory only, and a process that dies takes them along.
///
/// *A guard* holds every file at first; then [`narrow`](PauseGuard::narrow) to the captured ones; then one less with
/// each [`release`](PauseGuard::release). A file is held while any guard holds it. However a guard ends, by
/// [`resume`](PauseGuard::resume), a `return` or a panic, it holds nothing afterwards.
///
/// *A deferred deletion* is carried out once, by the call that took the last hold from the file, on its thread. In one
/// step such a call gives up its hold and takes out of the queue what is then free, so a file that is queued under a
/// new guard is never deleted by the end of an old one.
///
/// *Failures* of deferred deletions are returned by `resume`, or kept for [`take_failed`](Self::take_failed) and logged
/// where a guard is only dropped. A file that is gone already is no failure.
///
/// # Examples
///
/// ```
/// use lsm_checkpoint::{DeletionPause, Enqueue};
/// use lsm_fs::{Fs, FsExt, SyncMode};
/// use lsm_fs_mem::MemFs;
/// use std::{path::Path, sync::Arc};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
/// let (old, new) = (Path::new("/1.sst"), Path::new("/2.sst"));
/// fs.write_new(old, b"rows", SyncMode::Normal)?;
/// fs.write_new(new, b"rows", SyncMode::Normal)?;
///
/// let pause = Arc::new(DeletionPause::new());
/// let guard = pause.acquire();
/// // The engine compacts meanwhile, and wants both files gone.
/// assert_eq!(pause.try_enqueue(&fs, old), Enqueue::Deferred);
/// assert_eq!(pause.try_enqueue(&fs, new), Enqueue::Deferred);
///
/// guard.narrow([new]); // only this one was captured
/// assert!(!fs.exists(old)? && fs.exists(new)?);
///
/// let report = guard.resume();
/// assert!(!fs.exists(new)? && report.failed.is_empty());
/// assert_eq!((report.stats.deferred_files, report.stats.deferred_bytes), (2, 8));
/// assert_eq!(pause.try_enqueue(&fs, new), Enqueue::DeleteNow);
/// # Ok(())
/// # }
/// ```
pub struct DeletionPause {
    state: Mutex<PauseState>,
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
}

/// A deferred deletion that did not succeed.
#[derive(Debug)]
#[non_exhaustive]
pub struct FailedDeletion {
    /// Where the file lies.
    pub fs: Arc<dyn Fs>,
    /// The file, which is probably still there.
    pub path: PathBuf,
    /// Why.
    pub error: lsm_fs::Error,
}

impl FailedDeletion {
    /// Tries once more. A file that is gone counts as deleted.
    ///
    /// # Errors
    ///
    /// The same, with the new error.
    pub fn retry(self) -> Result<(), Self> {
        let Self { fs, path, .. } = self;
        unlink(&*fs, &path).map_err(|error| Self { fs, path, error })
    }
}

impl fmt::Display for FailedDeletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a deferred deletion failed: {}", self.error)
    }
}

impl Default for DeletionPause {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for DeletionPause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("DeletionPause")
            .field("guards", &state.guards())
            .field("deferred", &state.deferred())
            .finish_non_exhaustive()
    }
}

impl DeletionPause {
    /// Nothing is held.
    #[must_use]
    pub fn new() -> Self {
        let start = Instant::now();
        Self::with_clock(move || start.elapsed())
    }

    /// The same, with hold times taken from this clock: the time since any fixed moment, never going back.
    #[must_use]
    pub fn with_clock(clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { state: Mutex::new(PauseState::default()), clock: Box::new(clock) }
    }

    /// Holds every file from now on, until the guard is narrowed or ends. Never waits for another guard.
    pub fn acquire(self: &Arc<Self>) -> PauseGuard {
        let now = (self.clock)();
        let id = self.lock().acquire();
        PauseGuard::new(Arc::clone(self), id, now)
    }

    /// Asks whether a file may be unlinked. The engine calls it before every unlink.
    pub fn try_enqueue(&self, fs: &Arc<dyn Fs>, path: &Path) -> Enqueue {
        let deletion = Deferred::new(fs, path);
        let holders = match self.lock().enqueue(deletion) {
            Enqueued::Free => return Enqueue::DeleteNow,
            Enqueued::Again => return Enqueue::Deferred,
            Enqueued::New(holders) => holders,
        };
        // Looked up outside the lock: a slow filesystem delays this caller and nobody else. By now the file may have
        // been released and deleted, and its size stays unknown.
        if let Ok(metadata) = fs.metadata(path) {
            self.lock().count_bytes(&holders, metadata.len);
        }
        Enqueue::Deferred
    }

    /// Whether any guard is alive.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.lock().guards() > 0
    }

    /// How many deletions wait.
    #[must_use]
    pub fn deferred(&self) -> usize {
        self.lock().deferred()
    }

    /// The failed deletions that no `resume` has returned, oldest first. Each is returned once.
    #[must_use]
    pub fn take_failed(&self) -> Vec<FailedDeletion> {
        self.lock().take_failed()
    }

    fn lock(&self) -> MutexGuard<'_, PauseState> {
        // Nothing under the lock panics or calls a backend, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives something up and unlinks what nobody holds any more. Returns what failed.
    fn freeing(&self, give_up: impl FnOnce(&mut PauseState) -> Vec<Deferred>) -> Vec<FailedDeletion> {
        let free = give_up(&mut self.lock());
        let mut leaving = FreedDeletions { pause: self, free };
        let mut failed = Vec::new();
        while let Some(Deferred { fs, path, .. }) = leaving.free.pop() {
            if let Err(error) = unlink(&*fs, &path) {
                failed.push(FailedDeletion { fs, path, error });
            }
        }
        failed
    }
}

/// Files on their way out. A filesystem that panics on one of them leaves the rest for the next release.
struct FreedDeletions<'a> {
    pause: &'a DeletionPause,
    free: Vec<Deferred>,
}

impl Drop for FreedDeletions<'_> {
    fn drop(&mut self) {
        if !self.free.is_empty() {
            self.pause.lock().put_back(std::mem::take(&mut self.free));
        }
    }
}

fn unlink(fs: &dyn Fs, path: &Path) -> Result<(), lsm_fs::Error> {
    match fs.remove_file(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
