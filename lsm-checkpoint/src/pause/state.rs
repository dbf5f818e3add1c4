//! The holds of all guards and the queue of deferred deletions: pure bookkeeping under one lock.

use std::{
    collections::{BTreeMap, HashSet},
    fmt, mem,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::Fs;

use super::{FailedDeletion, listed::ListedFiles};

/// A deferred deletion. A hold is on a path, without a backend. If two backends have a file with this path, both
/// deletions wait.
#[derive(Clone)]
pub(super) struct Deferred {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) path: PathBuf,
    /// The id of the backend. It is determined before the lock is taken, because no foreign code runs under the lock.
    backend: Option<u64>,
}

impl fmt::Debug for Deferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

impl Deferred {
    pub(super) fn new(fs: &Arc<dyn Fs>, path: &Path) -> Self {
        Self { fs: Arc::clone(fs), path: path.to_path_buf(), backend: fs.backend_id() }
    }

    /// Returns `true` if both are the same file of the same backend. Without a backend id, only the same `Arc` is the
    /// same backend.
    fn is_same(&self, other: &Self) -> bool {
        let same_id = self.backend.is_some() && self.backend == other.backend;
        self.path == other.path && (same_id || Arc::ptr_eq(&self.fs, &other.fs))
    }
}

/// The outcome of queueing a deletion.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Enqueued {
    /// No guard holds the file.
    Free,
    /// The deletion is already queued.
    Again,
    /// The deletion was queued and waits for these guards.
    New(Vec<GuardId>),
}

/// The id of a guard. It is never reused.
pub(super) type GuardId = u64;

/// The files that a guard holds, and the deletions that it has deferred.
#[derive(Debug, Default)]
struct Hold {
    files: Held,
    deferred_files: u64,
    deferred_bytes: u64,
}

#[derive(Debug)]
enum Held {
    AllBut(HashSet<PathBuf>),
    Only(ListedFiles),
}

impl Default for Held {
    fn default() -> Self {
        Self::AllBut(HashSet::new())
    }
}

impl Hold {
    fn holds(&self, path: &Path) -> bool {
        match &self.files {
            Held::AllBut(released) => !released.contains(path),
            Held::Only(listed) => listed.holds(path),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct PauseState {
    last_id: GuardId,
    holds: BTreeMap<GuardId, Hold>,
    queue: BTreeMap<PathBuf, Vec<Deferred>>,
    failed: Vec<FailedDeletion>,
}

impl PauseState {
    pub(super) fn guards(&self) -> usize {
        self.holds.len()
    }

    pub(super) fn deferred(&self) -> usize {
        self.queue.values().map(Vec::len).sum()
    }

    pub(super) fn acquire(&mut self) -> GuardId {
        self.last_id += 1;
        self.holds.insert(self.last_id, Hold::default());
        self.last_id
    }

    /// Queues a deletion if any guard holds the file, and returns these guards. A repeated request is queued once.
    pub(super) fn enqueue(&mut self, deletion: Deferred) -> Enqueued {
        let mut holders = Vec::new();
        for (&id, hold) in &self.holds {
            if hold.holds(&deletion.path) {
                holders.push(id);
            }
        }
        if holders.is_empty() {
            return Enqueued::Free;
        }
        let waiting = self.queue.entry(deletion.path.clone()).or_default();
        if waiting.iter().any(|other| other.is_same(&deletion)) {
            return Enqueued::Again;
        }
        waiting.push(deletion);
        for id in &holders {
            if let Some(hold) = self.holds.get_mut(id) {
                hold.deferred_files += 1;
            }
        }
        Enqueued::New(holders)
    }

    pub(super) fn count_bytes(&mut self, holders: &[GuardId], bytes: u64) {
        for id in holders {
            if let Some(hold) = self.holds.get_mut(id) {
                hold.deferred_bytes += bytes;
            }
        }
    }

    /// Returns the number of files and bytes that a guard has deferred so far.
    pub(super) fn kept_waiting(&self, id: GuardId) -> (u64, u64) {
        self.holds.get(&id).map_or((0, 0), |hold| (hold.deferred_files, hold.deferred_bytes))
    }

    /// Reduces the hold of a guard to these files. A file that it has released is not held again, because it may be
    /// deleted.
    pub(super) fn narrow(&mut self, id: GuardId, files: Vec<PathBuf>) -> Vec<Deferred> {
        if let Some(hold) = self.holds.get_mut(&id) {
            let unchanged = matches!(&hold.files, Held::AllBut(released) if released.is_empty());
            hold.files = Held::Only(ListedFiles::new(files, |path| unchanged || hold.holds(path)));
        }
        self.take_free()
    }

    /// Gives up the `nth` of the files that a guard was narrowed to. A file that is listed twice is held until both
    /// entries are given up.
    pub(super) fn release_nth(&mut self, id: GuardId, nth: usize) -> Vec<Deferred> {
        let Some(Hold { files: Held::Only(listed), .. }) = self.holds.get_mut(&id) else { return Vec::new() };
        match listed.give_up(nth).filter(|_| !self.queue.is_empty()).map(Path::to_path_buf) {
            Some(path) => self.free(&path),
            None => Vec::new(),
        }
    }

    pub(super) fn release(&mut self, id: GuardId, path: &Path) -> Vec<Deferred> {
        if let Some(hold) = self.holds.get_mut(&id) {
            match &mut hold.files {
                Held::AllBut(released) => {
                    released.insert(path.to_path_buf());
                }
                Held::Only(listed) => listed.give_up_path(path),
            }
        }
        self.free(path)
    }

    /// Takes the deletions of a file out of the queue if no guard holds it.
    fn free(&mut self, path: &Path) -> Vec<Deferred> {
        if self.is_held(path) { Vec::new() } else { self.queue.remove(path).unwrap_or_default() }
    }

    pub(super) fn end(&mut self, id: GuardId) -> Vec<Deferred> {
        self.holds.remove(&id);
        self.take_free()
    }

    pub(super) fn put_back(&mut self, deletions: Vec<Deferred>) {
        for deletion in deletions {
            self.queue.entry(deletion.path.clone()).or_default().push(deletion);
        }
    }

    pub(super) fn keep_failed(&mut self, failed: Vec<FailedDeletion>) {
        self.failed.extend(failed);
    }

    pub(super) fn take_failed(&mut self) -> Vec<FailedDeletion> {
        mem::take(&mut self.failed)
    }

    fn is_held(&self, path: &Path) -> bool {
        self.holds.values().any(|hold| hold.holds(path))
    }

    /// Takes every deletion out of the queue whose file no guard holds.
    fn take_free(&mut self) -> Vec<Deferred> {
        let mut free = Vec::new();
        let queue = mem::take(&mut self.queue);
        for (path, waiting) in queue {
            if self.is_held(&path) {
                self.queue.insert(path, waiting);
            } else {
                free.extend(waiting);
            }
        }
        free
    }
}
