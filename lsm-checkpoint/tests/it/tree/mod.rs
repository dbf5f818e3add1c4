//! A small LSM tree: memtable, tables, blobs, compaction, deletions, recovery. It is correct in all aspects that matter
//! to a checkpoint: every file is synced before a version names it, a version is published by its manifest, and files
//! that no version names are deleted.
//!
//! There is no write-ahead log, so unflushed writes are lost with the process.

mod codec;
mod manifest;
mod oracle;
mod run;
mod source;
pub(crate) mod stress;
mod tests;

use std::{
    collections::BTreeMap,
    error::Error,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lsm_checkpoint::{DeletionPause, Enqueue};
use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_manifest::{
    BLOBS_FOLDER, ReadOptions, TABLES_FOLDER, recover, remove_stale, republish_current, version_file_name,
};

pub(crate) use codec::Entry;
pub(crate) use oracle::{Oracle, Workload};
use run::Run;
pub(crate) use run::{FileMeta, RunMeta};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;
pub(crate) type Result<T, E = BoxError> = std::result::Result<T, E>;

/// The party that unlinks a file after it has left the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deletion {
    /// The compaction unlinks it at once, unless the pause holds it back.
    Eager,
    /// The last drop of the file's run unlinks it. A held version is therefore a pin.
    Pinned,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) deletion: Deletion,
    /// Values of at least this length go to a blob file.
    pub(crate) blob_len: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { deletion: Deletion::Eager, blob_len: 64 }
    }
}

/// The contents of a manifest: the runs, oldest first, and the sequence number up to which they hold everything.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) id: u64,
    pub(crate) seqno: u64,
    pub(crate) runs: Vec<Arc<Run>>,
}

/// The newest record of each key.
type Memtable = BTreeMap<Vec<u8>, (u64, Option<Vec<u8>>)>;

#[derive(Debug)]
struct Inner {
    memtable: Memtable,
    /// A memtable that is being written to a table, and is still read from.
    sealed: Option<Arc<Memtable>>,
    seqno: u64,
    version: Arc<Version>,
}

pub(crate) struct Tree {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) dir: PathBuf,
    pub(crate) pause: Arc<DeletionPause>,
    options: Options,
    inner: Mutex<Inner>,
    /// Serialises flushes and compactions. Holds the next file id.
    maintenance: Mutex<Maintenance>,
    leaked: run::Leaked,
}

#[derive(Debug)]
struct Maintenance {
    next_id: u64,
    /// `true` if it is unknown which version a crash would bring back. No file may be deleted then.
    in_doubt: bool,
}

impl Tree {
    /// Opens the tree in a directory, or creates one. Removes the remains of a crash.
    pub(crate) fn open(fs: &Arc<dyn Fs>, dir: &Path, options: Options) -> Result<Arc<Self>> {
        let leaked = run::Leaked::default();
        let recovered = match fs.exists(dir)? {
            true => recover(&**fs, dir, &ReadOptions::new())?,
            false => None,
        };
        let version = match &recovered {
            Some(recovered) => {
                let version = manifest::read(&recovered.archive, recovered.current.version_id)?;
                Version {
                    id: version.id,
                    seqno: version.seqno,
                    runs: version
                        .runs
                        .into_iter()
                        .map(|meta| Run::open(fs, dir, meta, &leaked).map(Arc::new))
                        .collect::<Result<_>>()?,
                }
            }
            None => Self::create(&**fs, dir)?,
        };
        let (next_id, orphans) = orphans(&**fs, dir, &version)?;
        if let Some(recovered) = recovered.filter(|found| !found.stale.is_empty() || !orphans.is_empty()) {
            // The version that the last process published may not be durable yet, and a crash may still bring back the
            // version that it replaced.
            let _ = republish_current(&**fs, dir, SyncMode::Normal)?;
            orphans.iter().try_for_each(|orphan| fs.remove_file(orphan))?;
            let _ = remove_stale(&**fs, dir, recovered.current.version_id)?;
        }
        let seqno = version.seqno;
        let version = Arc::new(version);
        Ok(Arc::new(Self {
            fs: Arc::clone(fs),
            dir: dir.to_path_buf(),
            pause: Arc::new(DeletionPause::new()),
            options,
            inner: Mutex::new(Inner { memtable: Memtable::new(), sealed: None, seqno, version }),
            maintenance: Mutex::new(Maintenance { next_id, in_doubt: false }),
            leaked,
        }))
    }

    fn create(fs: &dyn Fs, dir: &Path) -> Result<Version> {
        for folder in [TABLES_FOLDER, BLOBS_FOLDER] {
            let below = Path::new(dir.file_name().unwrap()).join(folder);
            let _ = fs.create_dir_all_durable(lsm_fs::parent_of(dir), &below, SyncMode::Normal)?;
        }
        let version = Version { id: 1, seqno: 0, runs: Vec::new() };
        manifest::write(fs, dir, &version)?;
        Ok(version)
    }

    pub(crate) fn put(&self, key: &[u8], value: &[u8]) -> u64 {
        self.write(key, Some(value.to_vec()))
    }

    pub(crate) fn delete(&self, key: &[u8]) -> u64 {
        self.write(key, None)
    }

    fn write(&self, key: &[u8], value: Option<Vec<u8>>) -> u64 {
        let mut inner = self.inner();
        inner.seqno += 1;
        let seqno = inner.seqno;
        inner.memtable.insert(key.to_vec(), (seqno, value));
        seqno
    }

    /// Returns the number up to which every write can be read.
    pub(crate) fn visible_seqno(&self) -> u64 {
        self.inner().seqno
    }

    /// Returns the number of unflushed records.
    pub(crate) fn unflushed(&self) -> u64 {
        let inner = self.inner();
        inner.seqno - inner.version.seqno
    }

    pub(crate) fn version(&self) -> Arc<Version> {
        Arc::clone(&self.inner().version)
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let inner = self.inner();
        let memtables = [Some(&inner.memtable), inner.sealed.as_deref()];
        for memtable in memtables.into_iter().flatten() {
            if let Some((_, value)) = memtable.get(key) {
                return value.clone();
            }
        }
        let found = inner.version.runs.iter().rev().find_map(|run| run.get(key));
        found.and_then(|entry| entry.value.clone())
    }

    /// Returns all live records.
    pub(crate) fn scan(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let inner = self.inner();
        let mut all = merge(&inner.version.runs);
        for memtable in [inner.sealed.as_deref(), Some(&inner.memtable)].into_iter().flatten() {
            all.extend(memtable.iter().map(|(key, record)| (key.clone(), record.clone())));
        }
        all.into_iter().filter_map(|(key, (_, value))| Some((key, value?))).collect()
    }

    /// Writes the memtable to a table. When it returns, every write before the call is in a version.
    pub(crate) fn flush(&self) -> Result<()> {
        let mut maintenance = self.maintenance()?;
        let (sealed, seqno) = {
            let inner = &mut *self.inner();
            // If the last flush failed, its memtable is merged with the newer writes.
            let mut memtable = inner.sealed.take().map(|sealed| (*sealed).clone()).unwrap_or_default();
            memtable.append(&mut inner.memtable);
            let sealed = Arc::new(memtable);
            inner.sealed = Some(Arc::clone(&sealed));
            (sealed, inner.seqno)
        };
        if sealed.is_empty() {
            self.inner().sealed = None;
            return Ok(());
        }
        let run = self.write_run(&mut maintenance, &sealed)?;
        let mut runs = self.version().runs.clone();
        runs.push(Arc::clone(&run));
        self.install(&mut maintenance, runs, seqno, &[run])?;
        self.inner().sealed = None;
        Ok(())
    }

    /// Merges the newest `count` runs into one, and deletes them.
    pub(crate) fn compact(&self, count: usize) -> Result<()> {
        let mut maintenance = self.maintenance()?;
        let version = self.version();
        let keep = version.runs.len().saturating_sub(count);
        let (kept, inputs) = version.runs.split_at(keep);
        if inputs.len() < 2 {
            return Ok(());
        }
        let mut merged = merge(inputs);
        if kept.is_empty() {
            merged.retain(|_, (_, value)| value.is_some());
        }
        let mut runs = kept.to_vec();
        let mut made = Vec::new();
        if !merged.is_empty() {
            let run = self.write_run(&mut maintenance, &merged)?;
            runs.push(Arc::clone(&run));
            made.push(run);
        }
        self.install(&mut maintenance, runs, version.seqno, &made)?;
        self.discard(inputs);
        Ok(())
    }

    fn write_run(&self, maintenance: &mut Maintenance, records: &Memtable) -> Result<Arc<Run>> {
        let id = maintenance.next_id;
        maintenance.next_id += 1;
        let entries = records.iter().map(|(key, (seqno, value))| Entry {
            key: key.clone(),
            seqno: *seqno,
            value: value.clone(),
        });
        let run =
            Run::write(&self.fs, &self.dir, id, entries.collect(), self.options.blob_len, &self.leaked)?;
        Ok(Arc::new(run))
    }

    /// Publishes a version with these runs. If that fails, deletes the runs that were made for it.
    fn install(
        &self,
        maintenance: &mut Maintenance,
        runs: Vec<Arc<Run>>,
        seqno: u64,
        made: &[Arc<Run>],
    ) -> Result<()> {
        let old = self.version();
        let version = Version { id: old.id + 1, seqno, runs };
        if let Err(error) = manifest::write(&*self.fs, &self.dir, &version) {
            let doubt = error.downcast_ref::<lsm_manifest::Error>();
            if matches!(doubt, Some(lsm_manifest::Error::PublishedNotDurable { .. })) {
                maintenance.in_doubt = true;
            } else {
                self.discard(made);
            }
            return Err(error);
        }
        self.inner().version = Arc::new(version);
        self.unlink(&self.dir.join(version_file_name(old.id)));
        Ok(())
    }

    /// Deletes runs that no version contains.
    fn discard(&self, runs: &[Arc<Run>]) {
        for run in runs {
            match self.options.deletion {
                Deletion::Pinned => run.unlink_when_dropped(),
                Deletion::Eager => run.paths().for_each(|path| self.unlink(&path)),
            }
        }
    }

    fn unlink(&self, path: &Path) {
        if self.options.deletion == Deletion::Eager
            && self.pause.try_enqueue(&self.fs, path) == Enqueue::Deferred
        {
            return;
        }
        if self.fs.remove_file(path).is_err() {
            self.leaked.push(path.to_path_buf());
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn maintenance(&self) -> Result<MutexGuard<'_, Maintenance>> {
        let maintenance = self.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        if maintenance.in_doubt {
            return Err("it is unknown which version is durable: open the tree again".into());
        }
        Ok(maintenance)
    }

    /// Checks that every file of the version is intact and that there are no other files. The tree must be idle.
    pub(crate) fn check(&self) -> Result<()> {
        let version = self.version();
        for run in &version.runs {
            Run::open(&self.fs, &self.dir, run.meta, &run::Leaked::default())?;
        }
        let mut expected: Vec<_> = version.runs.iter().flat_map(|run| run.paths()).collect();
        expected.sort();
        let mut found = Vec::new();
        for folder in [BLOBS_FOLDER, TABLES_FOLDER] {
            let folder = self.dir.join(folder);
            found.extend(self.fs.read_dir(&folder)?.into_iter().map(|entry| folder.join(entry.name)));
        }
        found.sort();
        if expected != found {
            return Err(format!("the version has {expected:?}, the directory {found:?}").into());
        }
        let versions = lsm_manifest::versions(&*self.fs, &self.dir)?;
        if versions != [version.id] {
            return Err(format!("version {} is live, there are {versions:?}", version.id).into());
        }
        Ok(())
    }
}

/// Merges runs, oldest first, and keeps the newest record of each key.
fn merge(runs: &[Arc<Run>]) -> Memtable {
    let mut all = Memtable::new();
    for run in runs {
        for entry in run.entries() {
            all.insert(entry.key.clone(), (entry.seqno, entry.value.clone()));
        }
    }
    all
}

/// Returns an unused file id, and the tables and blobs that the version does not name.
fn orphans(fs: &dyn Fs, dir: &Path, version: &Version) -> Result<(u64, Vec<PathBuf>)> {
    let mut orphans = Vec::new();
    let named: Vec<_> = version.runs.iter().flat_map(|run| run.paths()).collect();
    let mut next_id = version.runs.iter().map(|run| run.meta.table.id + 1).max().unwrap_or(0);
    for folder in [TABLES_FOLDER, BLOBS_FOLDER] {
        let folder = dir.join(folder);
        for entry in fs.read_dir(&folder)? {
            let path = folder.join(&entry.name);
            let id = entry.name.to_str().and_then(|name| name.parse::<u64>().ok());
            next_id = next_id.max(id.map_or(0, |id| id + 1));
            if !named.contains(&path) {
                orphans.push(path);
            }
        }
    }
    Ok((next_id, orphans))
}
