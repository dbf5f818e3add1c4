//! [`list`]: lists the checkpoints of a directory.

use std::{
    ffi::OsString,
    io,
    num::NonZero,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::SystemTime,
};

use lsm_fs::{Fs, FsFileType};

use crate::{CATALOG_FILE, Catalog, CatalogFile, Error, Result, target_life};

/// A checkpoint in a directory, or a staged directory.
#[derive(Debug)]
#[non_exhaustive]
pub struct ListedCheckpoint {
    /// Its name in the directory.
    pub name: OsString,
    /// The state of the checkpoint.
    pub state: CheckpointState,
    /// The contents of the catalog, and the space that the files take. `None` for a staged directory or an unreadable
    /// catalog.
    pub contents: Option<ListedContents>,
}

/// The state of an entry in a directory of checkpoints.
#[derive(Debug)]
#[non_exhaustive]
pub enum CheckpointState {
    /// Every file of the catalog exists and has its length. [`verify`](crate::verify()) checks more.
    Complete,
    /// Files of the catalog are missing or have other lengths. Do not restore from it. `verify` lists these files.
    Incomplete,
    /// The catalog or the metadata of one of its files cannot be read.
    Unreadable(Error),
    /// A staged directory. Either a process is making or removing the checkpoint, or a dead process left the directory.
    /// [`sweep`](crate::sweep()) distinguishes the two cases.
    Staged,
}

/// The contents of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedContents {
    /// The identity of the source. It is empty only in a checkpoint of format 1.
    pub identity: String,
    /// The checkpoint holds every write up to this sequence number. `None` if the number is not known.
    pub seqno: Option<u64>,
    /// The captured version. If there are several trees, this is the version of the first.
    pub version_id: u64,
    /// The time at which it was made, by the clock of its maker.
    pub created: SystemTime,
    /// The number of files, without the catalog.
    pub files: u64,
    /// The bytes in files that have other names too, in the source or in other checkpoints.
    pub shared_bytes: u64,
    /// The bytes in files that have no other name. Removing the checkpoint frees at most this space, and less if the
    /// files are clones, which share extents. If the platform does not count links, every file counts as exclusive.
    pub exclusive_bytes: u64,
}

/// Lists the checkpoints of a directory, by name.
///
/// # Contract
///
/// The call changes nothing and takes no lock. It looks at several checkpoints at a time, up to the number of cores and
/// the limit of [`Fs::concurrency`]. Files and other directories are left out. An entry that vanishes meanwhile is left
/// out, too.
///
/// # Errors
///
/// [`Fs`](Error::Fs) if the directory cannot be read. A problem with one checkpoint is reported as its state.
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

/// A search by several threads. Each thread examines one directory at a time, and holds one catalog in memory.
struct Search<'a> {
    fs: &'a dyn Fs,
    dir: &'a Path,
    names: &'a [OsString],
    next: AtomicUsize,
    /// The checkpoints, each with its position among the names.
    found: Mutex<Vec<(usize, ListedCheckpoint)>>,
}

impl Search<'_> {
    /// Examines all directories. The calls overlap up to the limit that the backend has for its batches.
    fn run(self) -> Vec<ListedCheckpoint> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = self.fs.concurrency().get().min(cores).min(self.names.len());
        thread::scope(|scope| {
            for _ in 1..threads {
                if thread::Builder::new().spawn_scoped(scope, || self.examine_each()).is_err() {
                    break; // The other threads examine the rest.
                }
            }
            self.examine_each();
        });
        let mut found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_unstable_by_key(|(at, _)| *at);
        found.into_iter().map(|(_, checkpoint)| checkpoint).collect()
    }

    fn examine_each(&self) {
        while let at = self.next.fetch_add(1, Ordering::Relaxed)
            && let Some(name) = self.names.get(at)
        {
            if let Some(checkpoint) = self.examine(name) {
                self.found.lock().unwrap_or_else(PoisonError::into_inner).push((at, checkpoint));
            }
        }
    }

    /// Examines a directory. Returns `None` if it is not a checkpoint.
    fn examine(&self, name: &OsString) -> Option<ListedCheckpoint> {
        let path = self.dir.join(name);
        let (state, contents) = if target_life::is_staged_name(name) {
            (CheckpointState::Staged, None)
        } else {
            match Catalog::read(self.fs, &path) {
                Err(Error::NotACheckpoint { .. }) => return None,
                Err(error) => (CheckpointState::Unreadable(error), None),
                Ok(catalog) => examine_files(self.fs, &path, catalog),
            }
        };
        let is_damaged = matches!(state, CheckpointState::Incomplete | CheckpointState::Unreadable(_));
        // The checkpoint may be damaged only because it is being removed.
        if is_damaged && is_gone(self.fs, &path) {
            return None;
        }
        Some(ListedCheckpoint { name: name.clone(), state, contents })
    }
}

/// Returns `true` if a checkpoint has lost its catalog.
fn is_gone(fs: &dyn Fs, dir: &Path) -> bool {
    fs.symlink_metadata(&dir.join(CATALOG_FILE)).is_err_and(|e| e.kind() == io::ErrorKind::NotFound)
}

/// Examines the files of a catalog, folder by folder. From a handle of its folder, the lookup of a file is one system
/// call.
fn examine_files(fs: &dyn Fs, dir: &Path, catalog: Catalog) -> (CheckpointState, Option<ListedContents>) {
    let (mut sizes, mut state) = (Sizes::default(), CheckpointState::Complete);
    let same_folder = |a: &CatalogFile, b: &CatalogFile| {
        a.tree_index() == b.tree_index() && a.kind.folder() == b.kind.folder()
    };
    for files in catalog.files.chunk_by(same_folder) {
        let paths = files.iter().map(|file| (dir.join(catalog.path_of(file)), file.len));
        match sizes.add(fs, paths) {
            Ok(true) => {}
            Ok(false) => state = CheckpointState::Incomplete,
            Err(error) => {
                state = CheckpointState::Unreadable(error.into());
                break;
            }
        }
    }
    let contents = ListedContents {
        seqno: catalog.seqno,
        version_id: catalog.trees.first().map_or(0, |tree| tree.version_id),
        created: SystemTime::UNIX_EPOCH.checked_add(catalog.created).unwrap_or(SystemTime::UNIX_EPOCH),
        files: catalog.files.len() as u64,
        shared_bytes: sizes.shared_bytes,
        exclusive_bytes: sizes.exclusive_bytes,
        identity: catalog.identity,
    };
    (state, Some(contents))
}

/// The bytes of the files that exist, by the number of their names.
#[derive(Default)]
struct Sizes {
    shared_bytes: u64,
    exclusive_bytes: u64,
}

impl Sizes {
    /// Adds files of one folder, given by path and length. Returns `false` if one is missing or has another length.
    fn add(
        &mut self,
        fs: &dyn Fs,
        files: impl Iterator<Item = (PathBuf, u64)>,
    ) -> Result<bool, lsm_fs::Error> {
        let mut files = files.peekable();
        let Some(folder) = files.peek().and_then(|(path, _)| path.parent()) else { return Ok(true) };
        let fs = match fs.beneath(folder) {
            Ok(fs) => fs,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut are_whole = true;
        for (path, len) in files {
            match fs.symlink_metadata(&path) {
                Ok(metadata) if metadata.is_file() && metadata.len == len => {
                    let is_shared = metadata.link_count.is_some_and(|links| links > 1);
                    let sum = if is_shared { &mut self.shared_bytes } else { &mut self.exclusive_bytes };
                    *sum = sum.saturating_add(metadata.len);
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => are_whole = false,
            }
        }
        Ok(are_whole)
    }
}
