//! The engine: one writer, one lock, one function that publishes a version, and one that deletes a file.
//!
//! This file uses the `ManifestDirectory` of `lsm-manifest` for the life cycle of the directory, and the
//! `DeletionPause` of `lsm-checkpoint` for every deletion. Without the first, an interrupted first start could not be
//! repeated, or would delete foreign data. Without the second, a compaction would remove tables that a checkpoint is
//! about to link.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lsm_checkpoint::{DeletionPause, Enqueue, is_checkpoint};
use lsm_fs::{Fs, FsExt};
use lsm_manifest::{BLOBS_FOLDER, DirectoryOptions, ManifestDirectory, TABLES_FOLDER, WriteOptions};

use super::{
    Result,
    log::{LOG_FOLDER, Log, Write},
    table::{Table, merge},
    version::Version,
    view::View,
};

/// A tree that is open for writing, by a single process and any number of its threads.
pub(crate) struct Engine {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) dir: PathBuf,
    pub(crate) pause: Arc<DeletionPause>,
    directory: ManifestDirectory,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) view: View,
    /// `None` after an error. It is unknown which part of the failed change is on disk, and the next open finds out.
    log: Option<Log>,
}

impl Engine {
    /// Opens the tree in a directory, or creates a tree with this identity.
    ///
    /// The parent of the directory must exist, and its name must be durable.
    pub(crate) fn open(fs: &Arc<dyn Fs>, dir: &Path, identity: &str) -> Result<Self> {
        if is_checkpoint(&**fs, dir)? {
            return Err(format!("{}: a checkpoint; restore it and open the copy", dir.display()).into());
        }
        let options = DirectoryOptions::new().folder(LOG_FOLDER);
        let (directory, live) = ManifestDirectory::open(fs, dir, &options)?;
        for folder in [TABLES_FOLDER, BLOBS_FOLDER, LOG_FOLDER] {
            // The sync of the first archive's name in this directory also covers these names.
            fs.create_dir_all(&dir.join(folder))?;
        }
        let view = match live {
            Some(live) => View::load(&**fs, dir, &live)?,
            None => View::new(identity),
        };
        let engine = Self {
            fs: Arc::clone(fs),
            dir: dir.to_path_buf(),
            pause: Arc::new(DeletionPause::new()),
            directory,
            state: Mutex::new(State { view, log: None }),
        };
        engine.start()?;
        Ok(engine)
    }

    /// Stores a value. When this returns, the write survives a crash.
    pub(crate) fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        self.write((key.to_vec(), Some(value.to_vec())))
    }

    /// Stores a deletion. When this returns, the write survives a crash.
    pub(crate) fn delete(&self, key: &[u8]) -> Result<()> {
        self.write((key.to_vec(), None))
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.state().view.get(key).cloned()
    }

    fn write(&self, write: Write) -> Result<()> {
        self.change(|view, mut log| {
            log.append(&write)?;
            view.apply(write);
            Ok(log)
        })
    }

    /// Writes the memtable to a table, and starts a new log.
    pub(crate) fn flush(&self) -> Result<()> {
        self.change(|view, _| self.flush_view(view))
    }

    /// Merges all tables into one. No older table remains, so deletions need not be kept.
    pub(crate) fn compact(&self) -> Result<()> {
        self.change(|view, log| {
            let mut next = view.version.clone();
            let mut rows = merge(&next.tables);
            rows.retain(|_, value| value.is_some());
            next.tables.clear();
            if !rows.is_empty() {
                let id = next.take_file_id();
                next.tables.push(Table::write(&*self.fs, &self.dir, id, rows)?);
            }
            self.publish(view, next)?;
            Ok(log)
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one change. If it fails, the engine becomes read-only.
    fn change(&self, change: impl FnOnce(&mut View, Log) -> Result<Log>) -> Result<()> {
        let State { view, log } = &mut *self.state();
        let running = log.take().ok_or("the engine has stopped after an error; open it again")?;
        *log = Some(change(view, running)?);
        Ok(())
    }

    /// Starts the engine for writing. Moves the writes in the log of the last process into a table: that process may
    /// have been killed between a write and its sync, so its writes may be visible but not durable.
    fn start(&self) -> Result<()> {
        let State { view, log } = &mut *self.state();
        self.remove_orphans(&mut view.version)?;
        *log = Some(self.flush_view(view)?);
        Ok(())
    }

    fn flush_view(&self, view: &mut View) -> Result<Log> {
        let mut next = view.version.clone();
        if !view.memtable.is_empty() {
            let id = next.take_file_id();
            next.tables.push(Table::write(&*self.fs, &self.dir, id, view.memtable.clone())?);
        }
        let log = Log::create(&*self.fs, &self.dir, next.take_file_id())?;
        next.log = Some(log.id);
        next.seqno = view.seqno;
        self.publish(view, next)?;
        view.memtable.clear();
        Ok(log)
    }

    /// Makes the next version the live one. Its files are already durable. The files that it replaces are deleted once
    /// the version itself is durable.
    fn publish(&self, view: &mut View, mut next: Version) -> Result<()> {
        let mut writer = self.directory.next_version(WriteOptions::new())?;
        for (name, payload) in next.sections() {
            writer.add_section(name, &payload)?;
        }
        let archive = writer.finish()?;
        next.id = archive.version_id().ok_or("the archive has no number")?;
        let _ = self.directory.publish(&archive)?;
        let mut replaced = view.version.files(&self.dir);
        view.version = next;
        let live = view.version.files(&self.dir);
        replaced.retain(|path| !live.contains(path));
        self.delete_files(&replaced)
    }

    /// Deletes files that a crash left and the live version does not name, and skips their numbers.
    fn remove_orphans(&self, version: &mut Version) -> Result<()> {
        let (live, mut orphans) = (version.files(&self.dir), Vec::new());
        for folder in [TABLES_FOLDER, BLOBS_FOLDER, LOG_FOLDER].map(|folder| self.dir.join(folder)) {
            for entry in self.fs.read_dir(&folder)? {
                // A file whose name is not a number does not belong to the engine.
                let Some(id) = entry.name.to_str().and_then(|name| name.parse().ok()) else { continue };
                version.skip_file_id(id);
                orphans.push(folder.join(&entry.name));
            }
        }
        orphans.retain(|path| !live.contains(path));
        self.delete_files(&orphans)
    }

    /// Deletes files that the live version does not name. While a crash could bring back a version that names them, the
    /// files stay, and the next open removes them.
    fn delete_files(&self, paths: &[PathBuf]) -> Result<()> {
        self.directory.remove_stale()?;
        if !self.directory.is_durable() {
            return Ok(());
        }
        for path in paths {
            // If the deletion is deferred, a checkpoint holds the file and deletes it after linking it.
            if self.pause.try_enqueue(&self.fs, path) == Enqueue::DeleteNow {
                self.fs.remove_file(path)?;
            }
        }
        Ok(())
    }
}
