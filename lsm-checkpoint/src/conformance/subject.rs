//! [`Tree`] and [`Subject`]: the engine under test, and the way to open it.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use lsm_fs::Fs;

use crate::{BoxError, CheckpointSource};

/// The live records of a tree, by key.
pub type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

/// A reader that sees the tree as it was when the reader was created.
pub type Reader<'a> = Box<dyn Fn() -> Result<Contents, BoxError> + 'a>;

/// An open tree of the engine under test. Dropping it closes it.
///
/// The keys and values that the suite writes are text on one line, without `=`.
///
/// # Contract
///
/// A call has completed all its work when it returns, and leaves nothing to background threads. The suite makes one
/// call at a time, and needs every run to be the same. For one exception, see
/// [`unlinks_in_background`](Self::unlinks_in_background).
///
/// The suite calls [`put`](Self::put), [`flush`](Self::flush) and [`compact`](Self::compact) *from inside* calls of the
/// checkpoint, on the same thread: while a file is linked, or while the manifest is written. An engine that holds a
/// lock during [`Snapshot::write_manifest`](crate::Snapshot::write_manifest) and takes it again to compact deadlocks
/// here. Its adapter is wrong, because a checkpoint of large tables would block all compactions until it ends.
pub trait Tree: Send + Sync {
    /// Writes a value. Returns the sequence number of the write, or `None` if the engine does not count writes.
    ///
    /// # Errors
    ///
    /// An error of the engine, as for all methods below. The suite reports it.
    fn put(&self, key: &[u8], value: &[u8]) -> Result<Option<u64>, BoxError>;

    /// Deletes a key. Returns a number like [`put`](Self::put).
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    fn delete(&self, key: &[u8]) -> Result<Option<u64>, BoxError>;

    /// Writes the memtable to a table, as the engine does when the memtable is full.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    fn flush(&self) -> Result<(), BoxError>;

    /// Merges all tables into one. Deletes the old tables, their blob files and the old manifest.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    fn compact(&self) -> Result<(), BoxError>;

    /// Returns every live record.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    fn contents(&self) -> Result<Contents, BoxError>;

    /// Returns the adapter.
    fn source(&self) -> Box<dyn CheckpointSource + '_>;

    /// Returns a reader that keeps seeing the tree as it is now, or `None` if the engine has no such readers.
    fn reader(&self) -> Option<Reader<'_>> {
        None
    }

    /// Returns `true` if the engine unlinks files in a background thread, and has no call that waits for the thread.
    /// Such a thread ends when the tree is dropped, so the suite drops the tree before it checks for deleted files.
    fn unlinks_in_background(&self) -> bool {
        false
    }
}

/// The number of cases that the expensive checks try.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Depth {
    /// A sample of the steps, faults, kills and crash states. The report states the size of each sample.
    #[default]
    Quick,
    /// Every step, fault and kill, and the crash states that the environment variable `CRASH_STATES` selects (`quick`,
    /// `ci` or `full`).
    Full,
}

type OnFs = Box<dyn Fn(&Arc<dyn Fs>, &Path) -> Result<Box<dyn Tree>, BoxError>>;
type OnHost = Box<dyn Fn(&Path) -> Result<Box<dyn Tree>, BoxError>>;

/// The way to open a tree.
pub(super) enum Opener {
    Fs(OnFs),
    Host { scratch: PathBuf, open: OnHost },
}

/// The engine under test, with the way to open a tree.
pub struct Subject {
    pub(super) opener: Opener,
    pub(super) depth: Depth,
    pub(super) long_value: usize,
    sandboxes: AtomicUsize,
}

impl Subject {
    /// Creates a subject for an engine that does all its input and output through an [`Fs`]. Every check runs, on
    /// filesystems in memory.
    ///
    /// `open` opens the tree in a directory, whose parent exists. If the directory does not exist, `open` creates an
    /// empty tree there. The suite calls `open` again after kills and crashes, and for copies of the tree in other
    /// directories.
    pub fn on_fs(open: impl Fn(&Arc<dyn Fs>, &Path) -> Result<Box<dyn Tree>, BoxError> + 'static) -> Self {
        Self::new(Opener::Fs(Box::new(open)))
    }

    /// Creates a subject for an engine that does its own input and output. The engine works in directories that the
    /// suite creates below `scratch`, which must exist, and that the suite removes at the end. Such an engine cannot be
    /// crashed or killed, so the report lists the checks `crashes` as not applicable.
    pub fn on_host(
        scratch: impl Into<PathBuf>,
        open: impl Fn(&Path) -> Result<Box<dyn Tree>, BoxError> + 'static,
    ) -> Self {
        Self::new(Opener::Host { scratch: scratch.into(), open: Box::new(open) })
    }

    fn new(opener: Opener) -> Self {
        Self { opener, depth: Depth::Quick, long_value: 4096, sandboxes: AtomicUsize::new(0) }
    }

    /// Sets the depth. Default: [`Depth::Quick`].
    #[must_use]
    pub const fn depth(mut self, depth: Depth) -> Self {
        self.depth = depth;
        self
    }

    /// Sets the length of values that the engine stores separately, in blob files or logs. Default: 4096.
    #[must_use]
    pub const fn long_value(mut self, len: usize) -> Self {
        self.long_value = len;
        self
    }

    /// Returns a new number for the name of a directory.
    pub(super) fn next_sandbox(&self) -> usize {
        self.sandboxes.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the positions in `1..=of` to try: all, or `quick` of them, including the first and the last. On the
    /// host, a quarter of `quick` is tried, because each run waits for real syncs.
    pub(super) fn sample(&self, of: u64, quick: u64) -> Vec<u64> {
        let quick = if matches!(self.opener, Opener::Host { .. }) { quick.div_ceil(4) } else { quick };
        if self.depth == Depth::Full || of <= quick {
            return (1..=of).collect();
        }
        let last = quick.saturating_sub(1).max(1);
        (0..=last).map(|at| 1 + at * (of - 1) / last).collect()
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scratch = match &self.opener {
            Opener::Fs(_) => None,
            Opener::Host { scratch, .. } => Some(scratch),
        };
        f.debug_struct("Subject")
            .field("scratch", &scratch)
            .field("depth", &self.depth)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_includes_both_ends_and_no_duplicates() {
        let subject = Subject::on_fs(|_, _| Err("not opened".into()));
        assert_eq!(subject.sample(3, 4), [1, 2, 3]);
        assert_eq!(subject.sample(0, 4), [0; 0]);
        for of in 5..200 {
            let sample = subject.sample(of, 4);
            assert_eq!((sample.len(), sample[0], sample[3]), (4, 1, of));
            assert!(sample.is_sorted_by(|a, b| a < b), "{sample:?}");
        }
        assert_eq!(subject.depth(Depth::Full).sample(200, 4).len(), 200);
        assert_eq!(Subject::on_host("", |_| Err("not opened".into())).sample(200, 16).len(), 4);
    }
}
