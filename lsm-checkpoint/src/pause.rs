//! [`DeletionPause`]: holds back deletions while a checkpoint needs the files.

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

/// The result of [`DeletionPause::try_enqueue`]. It decides if the engine or a guard unlinks the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a file whose deletion was not deferred is still there"]
pub enum Enqueue {
    /// No guard holds the file. The caller unlinks it now.
    DeleteNow,
    /// A guard holds the file. The call that ends the last hold on the file unlinks it. The engine must not touch the
    /// file again.
    Deferred,
}

/// Holds back deletions during a checkpoint, for an engine that unlinks files eagerly.
///
/// An engine needs no pause if a captured version keeps its files alive, for example because dropping the last `Arc` of
/// a file unlinks it.
///
/// # Contract
///
/// *The engine* calls [`try_enqueue`](Self::try_enqueue) before **every** unlink of a table or blob file, and only
/// after the file has left the current version. A later capture therefore never names the file. The engine spells each
/// path as its snapshots do, and never reuses a name. When it opens, it removes every file that its version does not
/// name: deferred deletions exist only in memory, so a process that dies loses them.
///
/// *A guard* holds every file at first. [`narrow`](PauseGuard::narrow) reduces the hold to the captured files, and each
/// [`release`](PauseGuard::release) gives up one of them. A file is held as long as any guard holds it.
/// [`resume`](PauseGuard::resume) ends a guard, and so does dropping it, for example in a panic.
///
/// *A deferred deletion* is carried out once, by the call that ends the last hold on the file, on the thread of that
/// call. The call gives up its hold and takes the deletions that became free out of the queue in a single atomic step.
/// If a new guard holds a file, the end of an old guard therefore never deletes it.
///
/// *A failed deletion* is returned by `resume`. If a guard is dropped instead, the failure is logged and kept for
/// [`take_failed`](Self::take_failed). A file that does not exist counts as deleted.
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

/// A deferred deletion that failed.
#[derive(Debug)]
#[non_exhaustive]
pub struct FailedDeletion {
    /// The filesystem of the file.
    pub fs: Arc<dyn Fs>,
    /// The path of the file, which probably still exists.
    pub path: PathBuf,
    /// The error of the deletion.
    pub error: lsm_fs::Error,
}

impl FailedDeletion {
    /// Tries the deletion again. A file that does not exist counts as deleted.
    ///
    /// # Errors
    ///
    /// Returns the failed deletion with the new error.
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
    /// Creates a pause without guards.
    #[must_use]
    pub fn new() -> Self {
        let start = Instant::now();
        Self::with_clock(move || start.elapsed())
    }

    /// Creates a pause that takes its hold times from this clock. The clock returns the time since a fixed moment and
    /// never goes back.
    #[must_use]
    pub fn with_clock(clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { state: Mutex::new(PauseState::default()), clock: Box::new(clock) }
    }

    /// Creates a guard that holds every file until it is narrowed or ends. The call never waits for another guard.
    pub fn acquire(self: &Arc<Self>) -> PauseGuard {
        let now = (self.clock)();
        let id = self.lock().acquire();
        PauseGuard::new(Arc::clone(self), id, now)
    }

    /// Queues the deletion of a file if a guard holds the file. The engine calls this before every unlink.
    pub fn try_enqueue(&self, fs: &Arc<dyn Fs>, path: &Path) -> Enqueue {
        let deletion = Deferred::new(fs, path);
        let holders = match self.lock().enqueue(deletion) {
            Enqueued::Free => return Enqueue::DeleteNow,
            Enqueued::Again => return Enqueue::Deferred,
            Enqueued::New(holders) => holders,
        };
        // The lookup runs outside the lock, so that a slow filesystem delays only this caller. The file may have been
        // released and deleted by now. In that case its size stays unknown.
        if let Ok(metadata) = fs.metadata(path) {
            self.lock().count_bytes(&holders, metadata.len);
        }
        Enqueue::Deferred
    }

    /// Returns `true` while a guard exists.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.lock().guards() > 0
    }

    /// Returns the number of deferred deletions.
    #[must_use]
    pub fn deferred(&self) -> usize {
        self.lock().deferred()
    }

    /// Takes the failed deletions that no `resume` has returned, oldest first. Each is returned once.
    #[must_use]
    pub fn take_failed(&self) -> Vec<FailedDeletion> {
        self.lock().take_failed()
    }

    fn lock(&self) -> MutexGuard<'_, PauseState> {
        // No code under the lock panics or calls a backend, so the state is consistent even if the lock is poisoned.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives up a hold and unlinks the files that became free. Returns the deletions that failed.
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

/// Deletions that are being carried out. If the filesystem panics on one of them, the rest goes back to the queue, and
/// a later release carries it out.
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
