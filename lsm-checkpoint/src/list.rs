//! [`list`]: the checkpoints of a directory.

use std::{
    ffi::OsString,
    io,
    num::NonZero,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::SystemTime,
};

use lsm_fs::{Fs, FsFileType};

use crate::{Catalog, Error, Result, target_life};

/// A checkpoint in a directory, or what is to become one.
#[derive(Debug)]
#[non_exhaustive]
pub struct ListedCheckpoint {
    /// Its name in the directory.
    pub name: OsString,
    /// What it is worth.
    pub state: CheckpointState,
    /// What its catalog says, and what its files take. `None` if the catalog cannot be read.
    pub contents: Option<ListedContents>,
}

/// What a directory of checkpoints holds under a name.
#[derive(Debug)]
#[non_exhaustive]
pub enum CheckpointState {
    /// Every file of the catalog is there with its length. [`verify`](crate::verify()) looks closer.
    Complete,
    /// Files of the catalog are missing or have other lengths. Do not restore from it; `verify` says which.
    Incomplete,
    /// The catalog cannot be read.
    Unreadable(Error),
    /// Being made or removed by somebody, or what a dead process left: [`sweep`](crate::sweep()) tells these apart.
    Staged,
}

/// What is in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedContents {
    /// The source's name for itself; empty only in a checkpoint of format 1.
    pub identity: String,
    /// Every write up to this number is in it, if that is known.
    pub seqno: Option<u64>,
    /// The version that was captured; of several trees, that of the first.
    pub version_id: u64,
    /// When it was made, by the clock of its maker.
    pub created: SystemTime,
    /// How many files it has, without the catalog.
    pub files: u64,
    /// Bytes in files that have other names too, in the source or in other checkpoints.
    pub shared_bytes: u64,
    /// Bytes in files that have no other name: what removing it gives back at most. A clone counts as one, though it
    /// shares extents; so does every file where the platform counts no links.
    pub exclusive_bytes: u64,
}

/// Lists the checkpoints of a directory, by name.
///
/// # Contract
///
/// Changes nothing and takes no lock. It looks at several checkpoints at a time, up to the limit of
/// [`Fs::concurrency`]. Files and other directories are left out, and so is an entry that vanishes
/// meanwhile.
///
/// # Errors
///
/// [`Fs`](Error::Fs) if the directory cannot be read. What is wrong with one checkpoint is its state.
///
/// # Examples
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// for checkpoint in lsm_checkpoint::list(&lsm_fs::StdFs, dir.path())? {
///     let Some(contents) = &checkpoint.contents else { continue };
///     let (name, exclusive) = (checkpoint.name.to_string_lossy(), contents.exclusive_bytes);
///     println!("{name}: up to {:?}, {exclusive} bytes of its own", contents.seqno);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn list(fs: &dyn Fs, dir: &Path) -> Result<Vec<ListedCheckpoint>> {
    let fs = &*fs.beneath(dir)?;
    let entries = fs.read_dir(dir)?.into_iter().filter(|entry| entry.file_type == FsFileType::Directory);
    let names: Vec<_> = entries.map(|entry| entry.name).collect();
    Ok(Search { fs, dir, names: &names, next: AtomicUsize::new(0), found: Mutex::default() }.run())
}

/// The directories that the threads look at, one each at a time: a catalog is in memory for each thread.
struct Search<'a> {
    fs: &'a dyn Fs,
    dir: &'a Path,
    names: &'a [OsString],
    next: AtomicUsize,
    /// The checkpoints with their positions among the names.
    found: Mutex<Vec<(usize, ListedCheckpoint)>>,
}

impl Search<'_> {
    /// Looks at all directories. The calls overlap up to the limit of the backend, as its batches do.
    fn run(self) -> Vec<ListedCheckpoint> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = self.fs.concurrency().get().min(cores).min(self.names.len());
        thread::scope(|scope| {
            for _ in 1..threads {
                if thread::Builder::new().spawn_scoped(scope, || self.look_at_each()).is_err() {
                    break; // The other threads look at the rest.
                }
            }
            self.look_at_each();
        });
        let mut found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_unstable_by_key(|(at, _)| *at);
        found.into_iter().map(|(_, checkpoint)| checkpoint).collect()
    }

    fn look_at_each(&self) {
        while let at = self.next.fetch_add(1, Ordering::Relaxed)
            && let Some(name) = self.names.get(at)
        {
            if let Some(checkpoint) = self.look_at(name) {
                self.found.lock().unwrap_or_else(PoisonError::into_inner).push((at, checkpoint));
            }
        }
    }

    /// Looks at a directory. Returns `None` if it is no checkpoint.
    fn look_at(&self, name: &OsString) -> Option<ListedCheckpoint> {
        let path = self.dir.join(name);
        let (state, contents) = if target_life::is_staged_name(name) {
            (CheckpointState::Staged, None)
        } else {
            match Catalog::read(self.fs, &path) {
                Err(Error::NotACheckpoint { .. }) => return None,
                Err(error) => (CheckpointState::Unreadable(error), None),
                Ok(catalog) => look(self.fs, &path, catalog),
            }
        };
        Some(ListedCheckpoint { name: name.clone(), state, contents })
    }
}

fn look(fs: &dyn Fs, dir: &Path, catalog: Catalog) -> (CheckpointState, Option<ListedContents>) {
    let (mut shared_bytes, mut exclusive_bytes) = (0_u64, 0_u64);
    let mut state = CheckpointState::Complete;
    for file in &catalog.files {
        match fs.symlink_metadata(&dir.join(catalog.path_of(file))) {
            Ok(metadata) if metadata.is_file() && metadata.len == file.len => {
                let is_shared = metadata.link_count.is_some_and(|links| links > 1);
                let sum = if is_shared { &mut shared_bytes } else { &mut exclusive_bytes };
                *sum = sum.saturating_add(metadata.len);
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                state = CheckpointState::Unreadable(error.into());
                break;
            }
            _ => state = CheckpointState::Incomplete,
        }
    }
    let contents = ListedContents {
        seqno: catalog.seqno,
        version_id: catalog.trees.first().map_or(0, |tree| tree.version_id),
        created: SystemTime::UNIX_EPOCH.checked_add(catalog.created).unwrap_or(SystemTime::UNIX_EPOCH),
        files: catalog.files.len() as u64,
        shared_bytes,
        exclusive_bytes,
        identity: catalog.identity,
    };
    (state, Some(contents))
}
