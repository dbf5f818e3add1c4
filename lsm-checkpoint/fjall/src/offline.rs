//! [`Offline`]: a closed database as a source of checkpoints.

use std::{
    collections::{BTreeMap, HashMap},
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use lsm_checkpoint::{BoxError, Capture, CheckpointSource, DeletionPause, SourceRoot};
use lsm_fs::{Fs, FsExt, FsFile, FsOpenOptions, StdFs};

use crate::{
    Backup, BackupInfo, Changing, Error, Result,
    cut::Costs,
    journal::{Bounds, Excerpt, Persisted, Shelf, Tail},
    root::{FORMAT, KEYSPACES, LOCK, Root, VERSION, folder_of},
    stored::StoredTree,
};

/// Takes a backup of a database that no process has open, with the defaults of [`Backup`].
///
/// # Errors
///
/// As [`Backup::create_closed`].
pub fn backup_closed(database: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<BackupInfo> {
    Backup::new().create_closed(database, target)
}

/// The lock of a closed database. While it exists, no process can open the database.
#[derive(Debug)]
pub(crate) struct Lock {
    dir: PathBuf,
    /// The locked file. Closing it releases the lock.
    _file: Box<dyn FsFile>,
}

impl Lock {
    /// Checks that a directory is a database, and takes fjall's lock.
    pub(crate) fn take(dir: &Path) -> Result<Self> {
        let not = |reason: &str| Error::NotADatabase { dir: dir.to_path_buf(), reason: reason.to_owned() };
        if lsm_checkpoint::is_checkpoint(&StdFs, dir)? {
            return Err(not("it is a checkpoint"));
        }
        match StdFs.read_to_vec(&dir.join(VERSION), FORMAT.len() as u64) {
            Ok(found) if found == FORMAT => {}
            Ok(_) => return Err(not("`version` names another format")),
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(not("`version` is missing")),
            Err(error) => return Err(error.into()),
        }
        let path = dir.join(LOCK);
        let file = match StdFs.open(&path, &FsOpenOptions::new().read(true).write(true)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(not("`lock` is missing")),
            Err(error) => return Err(error.into()),
        };
        if file.try_lock_exclusive()? {
            Ok(Self { dir: dir.to_path_buf(), _file: file })
        } else {
            Err(Error::Locked { dir: dir.to_path_buf() })
        }
    }
}

/// A closed database.
#[derive(Debug)]
pub(crate) struct Offline<'a> {
    lock: &'a Lock,
    identity: String,
    costs: Mutex<Costs>,
}

impl<'a> Offline<'a> {
    pub(crate) fn new(lock: &'a Lock, identity: String) -> Result<Self> {
        Ok(Self { lock, identity, costs: Mutex::default() })
    }

    pub(crate) fn costs(&self) -> Costs {
        *self.costs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the manifests of all keyspaces. A folder without a manifest is unfinished, and fjall would remove it.
    fn trees(&self) -> Result<BTreeMap<u64, StoredTree>> {
        let folder = self.lock.dir.join(KEYSPACES);
        let mut trees = BTreeMap::new();
        for entry in StdFs.read_dir(&folder)? {
            let path = folder.join(&entry.name);
            // fjall passes over files, and follows symbolic links.
            if entry.file_type.is_file() {
                continue;
            }
            let id = entry.name.to_str().and_then(|name| name.parse().ok());
            let id = id.ok_or_else(|| Error::damaged(&path, "its name is not the id of a keyspace"))?;
            if let Some(tree) = StoredTree::read(&path)? {
                let _ = trees.insert(id, tree);
            }
        }
        if trees.contains_key(&0) { Ok(trees) } else { Err(Error::damaged(&folder, "keyspace 0 is missing")) }
    }

    fn cut(&self) -> Result<Capture<'static>> {
        let trees = self.trees()?;
        // The manifest has no sequence numbers of flushed or compacted tables, so clears cannot be compared with the
        // tables. Only clears of deleted keyspaces are left out.
        let persisted: HashMap<_, _> = trees.keys().map(|&id| (id, Persisted::Unknown)).collect();
        let bounds = Bounds { below: u64::MAX, persisted, cuts: true, leaves_out_clears: true };
        let changed = |changing| Error::KeptChanging { changing, attempts: 1 };
        let shelf = Shelf::open(&self.lock.dir)?;
        let mut shelf = shelf.map_err(|number| changed(Changing::Journal(number)))?;
        let journals = shelf.cut(&bounds, &Tail::Closed)?;
        let journals = journals.map_err(|id| changed(Changing::Keyspace(id.to_string())))?;
        let costs = Costs {
            attempts: 1,
            journals: journals.len() as u64,
            journal_bytes: journals.iter().map(Excerpt::len).sum(),
            ..Costs::default()
        };
        *self.costs.lock().unwrap_or_else(PoisonError::into_inner) = costs;
        let mut capture = Capture::new();
        for (id, tree) in trees {
            let snapshot = if id == 0 { tree.open()?.snapshot()? } else { tree.snapshot() };
            capture = capture.tree(folder_of(id), snapshot);
        }
        Ok(Root::new(journals, 0).complete(capture))
    }
}

impl CheckpointSource for Offline<'_> {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::new(StdFs), &self.lock.dir)]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    /// Returns `None`, because a closed database keeps its counter in no file.
    fn visible_seqno(&self) -> Option<u64> {
        None
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        Ok(self.cut()?)
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }
}
