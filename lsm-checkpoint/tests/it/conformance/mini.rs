//! A minimal engine with every feature that an adapter can get wrong: a log, tables, blobs, compaction, readers of a
//! moment, and three layouts of its directory. It can be told to make one mistake of a list.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lsm_checkpoint::{BoxError, DeletionPause, Enqueue, PauseGuard, conformance::Contents, is_checkpoint};
use lsm_fs::{Fs, FsExt, FsOpenOptions, SyncMode};

use super::{
    files::{Entry, Table, Version, hash},
    layout::Layout,
    mistake::Mistake,
};

pub(super) const NORMAL: SyncMode = SyncMode::Normal;

/// Values of at least this length go to a blob file.
const BLOB_LEN: usize = 1000;

pub(super) struct Mini {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) dir: PathBuf,
    pub(super) layout: Layout,
    pub(super) mistake: Mistake,
    pub(super) pause: Arc<DeletionPause>,
    /// Guards that a faulty adapter keeps.
    pub(super) kept: Mutex<Vec<PauseGuard>>,
    /// Files that are unlinked when the tree is dropped. If this is `None`, nothing is unlinked.
    pub(super) later: Mutex<Option<Vec<PathBuf>>>,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) seqno: u64,
    memtable: Vec<Entry>,
    pub(super) version: Arc<Version>,
    /// The length of the log.
    pub(super) logged: u64,
    /// The sequence numbers of the open readers.
    readers: Vec<u64>,
    next_id: u64,
}

impl Mini {
    pub(super) fn open(
        fs: &Arc<dyn Fs>,
        dir: &Path,
        layout: Layout,
        mistake: Mistake,
    ) -> Result<Self, BoxError> {
        if mistake != Mistake::OpensACheckpoint && is_checkpoint(&**fs, dir)? {
            return Err(format!("{}: a checkpoint; restore it and open the copy", dir.display()).into());
        }
        let found = if fs.exists(dir)? { layout.read(fs, dir)? } else { None };
        let is_new = found.is_none();
        if is_new {
            layout.make_dirs(&**fs, dir)?;
        }
        let version = found.unwrap_or_else(|| Version::first(dir));
        let (memtable, logged) = match is_new {
            true => (Vec::new(), 0),
            false => layout.read_log(&**fs, dir, version.log, version.seqno)?,
        };
        let seqno = memtable.last().map_or(version.seqno, |entry| entry.seqno);
        let pause = Arc::new(DeletionPause::new());
        let next_id = version.next_id;
        let mut version = version;
        version.opened += 1;
        let mini = Self {
            fs: Arc::clone(fs),
            dir: dir.to_path_buf(),
            layout,
            mistake,
            pause,
            kept: Mutex::default(),
            later: Mutex::new(Some(Vec::new())),
            state: Mutex::new(State {
                seqno,
                memtable,
                version: Arc::new(version),
                logged,
                readers: Vec::new(),
                next_id,
            }),
        };
        // Publish a new version with a new log. This makes the page cache of a killed process durable.
        if is_new || mistake != Mistake::TrustsThePageCache {
            mini.flush_at(&mut mini.state(), None)?;
        }
        mini.layout.remove_orphans(&**fs, dir, &mini.state().version)?;
        Ok(mini)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self, key: &[u8], value: Option<&[u8]>) -> Result<u64, BoxError> {
        let mut state = self.state();
        let entry = Entry { seqno: state.seqno + 1, key: key.to_vec(), value: value.map(<[u8]>::to_vec) };
        let line = entry.line();
        let path = self.layout.log(&self.dir, state.version.log);
        let log = self.fs.open(&path, &FsOpenOptions::new().write(true).create(true))?;
        log.write_at(line.as_bytes(), state.logged)?;
        state.logged += line.len() as u64;
        state.seqno = entry.seqno;
        state.memtable.push(entry);
        Ok(state.seqno)
    }

    /// Returns the records at a sequence number.
    fn contents_at(state: &State, seqno: u64) -> Contents {
        let mut newest: BTreeMap<&[u8], &Entry> = BTreeMap::new();
        let tables = state.version.tables.iter().flat_map(|table| &table.entries);
        for entry in tables.chain(&state.memtable).filter(|entry| entry.seqno <= seqno) {
            let best = newest.entry(&entry.key).or_insert(entry);
            if best.seqno < entry.seqno {
                *best = entry;
            }
        }
        newest.into_values().filter_map(|e| Some((e.key.clone(), e.value.clone()?))).collect()
    }

    pub(super) fn contents(&self, at: Option<u64>) -> Contents {
        let state = self.state();
        Self::contents_at(&state, at.unwrap_or(state.seqno))
    }

    pub(super) fn add_reader(&self) -> u64 {
        let mut state = self.state();
        let seqno = state.seqno;
        state.readers.push(seqno);
        seqno
    }

    pub(super) fn remove_reader(&self, seqno: u64) {
        let mut state = self.state();
        let at = state.readers.iter().position(|&reader| reader == seqno);
        at.map(|at| state.readers.swap_remove(at));
    }

    pub(super) fn flush(&self) -> Result<(), BoxError> {
        self.flush_at(&mut self.state(), None)
    }

    /// Flushes, and ignores the readers that are older than a mark.
    pub(super) fn flush_at(&self, state: &mut State, mark: Option<u64>) -> Result<(), BoxError> {
        state.readers.retain(|&reader| mark.is_none_or(|mark| reader >= mark));
        let entries = std::mem::take(&mut state.memtable);
        let entries = visible(entries, &state.readers, false);
        let mut tables = state.version.tables.clone();
        if mark.is_some() {
            let merged = tables.iter().flat_map(|table| table.entries.clone()).chain(entries).collect();
            let table = self.write_table(state, visible(merged, &state.readers, false))?;
            return self.install(state, table.into_iter().collect());
        }
        tables.extend(self.write_table(state, entries)?);
        self.install(state, tables)
    }

    pub(super) fn compact(&self) -> Result<(), BoxError> {
        let state = &mut *self.state();
        let merged = state.version.tables.iter().flat_map(|table| table.entries.clone()).collect();
        let table = self.write_table(state, visible(merged, &state.readers, true))?;
        self.install(state, table.into_iter().collect())
    }

    fn new_id(&self, state: &mut State) -> u64 {
        if self.mistake == Mistake::UsesNamesAgain {
            let taken: Vec<_> = state.version.ids().collect();
            return (1..).find(|id| !taken.contains(id)).unwrap();
        }
        state.next_id += 1;
        state.next_id
    }

    fn write_table(&self, state: &mut State, entries: Vec<Entry>) -> Result<Option<Arc<Table>>, BoxError> {
        if entries.is_empty() {
            return Ok(None);
        }
        let id = self.new_id(state);
        let (rows, blob) = Entry::encode(&entries, BLOB_LEN);
        let table = self.layout.table(&self.dir, id);
        self.write_file(&table, &rows)?;
        let blob = match blob.is_empty() {
            true => None,
            false => {
                let path = self.layout.blob(&self.dir, id);
                self.write_file(&path, &blob)?;
                Some((blob.len() as u64, hash(&blob)))
            }
        };
        let data = (rows.len() as u64, hash(&rows));
        Ok(Some(Arc::new(Table { id, entries, data, blob })))
    }

    fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<(), BoxError> {
        if self.mistake == Mistake::InstallsBeforeTheSync {
            let file = self.fs.open(path, &FsOpenOptions::new().write(true).create(true))?;
            return Ok(file.write_at(bytes, 0)?);
        }
        let file = self.fs.open(path, &FsOpenOptions::new().write(true).create(true).truncate(true))?;
        file.write_at(bytes, 0)?;
        file.sync_all(NORMAL)?;
        let _ = self.fs.sync_directory(lsm_fs::parent_of(path), NORMAL)?;
        Ok(())
    }

    /// Publishes a version of these tables with a new log, and deletes the replaced files.
    fn install(&self, state: &mut State, tables: Vec<Arc<Table>>) -> Result<(), BoxError> {
        let old = Arc::clone(&state.version);
        let version = Version {
            id: old.id + 1,
            seqno: state.seqno,
            log: self.new_id(state),
            next_id: state.next_id,
            tables,
            ..(*old).clone()
        };
        self.layout.publish(&*self.fs, &self.dir, &version, self.mistake)?;
        let log = self.layout.log(&self.dir, version.log);
        self.fs.open(&log, &FsOpenOptions::new().write(true).create(true))?;
        state.logged = 0;
        state.version = Arc::new(version);
        let kept: Vec<_> = state.version.ids().collect();
        for table in old.tables.iter().filter(|table| !kept.contains(&table.id)) {
            self.unlink(&self.layout.table(&self.dir, table.id))?;
            if table.blob.is_some() {
                self.unlink(&self.layout.blob(&self.dir, table.id))?;
            }
        }
        if !kept.contains(&old.log) || self.mistake == Mistake::UsesNamesAgain {
            let log = self.layout.log(&self.dir, old.log);
            if old.log != state.version.log && self.fs.exists(&log)? {
                self.unlink(&log)?;
            }
        }
        self.layout.remove_manifest(&*self.fs, &self.dir, old.id)
    }

    fn unlink(&self, path: &Path) -> Result<(), BoxError> {
        if self.mistake == Mistake::CutsBeforeItUnlinks {
            self.fs.open(path, &FsOpenOptions::new().write(true))?.set_len(0)?;
        }
        if self.mistake != Mistake::UnlinksBehindThePause
            && self.pause.try_enqueue(&self.fs, path) == Enqueue::Deferred
        {
            return Ok(());
        }
        if matches!(self.mistake, Mistake::UnlinksLater | Mistake::UnlinksLaterUntilACapture) {
            if let Some(later) = &mut *self.later.lock().unwrap() {
                later.push(path.to_path_buf());
            }
            return Ok(());
        }
        Ok(self.fs.remove_file(path)?)
    }
}

impl Drop for Mini {
    fn drop(&mut self) {
        for path in self.later.get_mut().unwrap_or_else(PoisonError::into_inner).iter().flatten() {
            let _ = self.fs.remove_file(path);
        }
    }
}

/// Returns the visible entries: the newest of each key, and the newest for each reader.
fn visible(mut entries: Vec<Entry>, readers: &[u64], is_last: bool) -> Vec<Entry> {
    entries.sort_by(|a, b| (&a.key, a.seqno).cmp(&(&b.key, b.seqno)));
    let mut kept = Vec::new();
    for at in 0..entries.len() {
        let entry = &entries[at];
        let next = entries.get(at + 1).filter(|next| next.key == entry.key).map(|next| next.seqno);
        let is_seen = |reader: &u64| *reader >= entry.seqno && next.is_none_or(|next| next > *reader);
        let is_deletion = is_last && entry.value.is_none() && readers.is_empty();
        if (next.is_none() && !is_deletion) || readers.iter().any(is_seen) {
            kept.push(entry.clone());
        }
    }
    kept
}
