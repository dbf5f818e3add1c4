//! A run: a table and the blob file of its long values.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_manifest::{BLOBS_FOLDER, TABLES_FOLDER};

use super::{Entry, Result, codec};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileMeta {
    pub(crate) id: u64,
    pub(crate) len: u64,
    pub(crate) checksum: u128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunMeta {
    pub(crate) table: FileMeta,
    pub(crate) blob: Option<FileMeta>,
}

/// Files that could not be unlinked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leaked(Arc<Mutex<Vec<PathBuf>>>);

impl Leaked {
    pub(crate) fn push(&self, path: PathBuf) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(path);
    }
}

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) meta: RunMeta,
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    entries: Vec<Entry>,
    unlink: AtomicBool,
    leaked: Leaked,
}

impl Run {
    /// Writes the files of a run, and makes them and their names durable. After an error, none is left.
    pub(super) fn write(
        fs: &Arc<dyn Fs>,
        dir: &Path,
        id: u64,
        entries: Vec<Entry>,
        blob_len: usize,
        leaked: &Leaked,
    ) -> Result<Self> {
        let (table, blob) = codec::encode(&entries, blob_len);
        let meta = |bytes: &[u8]| FileMeta { id, len: bytes.len() as u64, checksum: codec::checksum(bytes) };
        let run = Self {
            meta: RunMeta { table: meta(&table), blob: (!blob.is_empty()).then(|| meta(&blob)) },
            fs: Arc::clone(fs),
            dir: dir.to_path_buf(),
            entries,
            // Until the run is complete, a drop removes its files.
            unlink: AtomicBool::new(true),
            leaked: leaked.clone(),
        };
        for (path, bytes) in run.paths().zip([&table, &blob]) {
            fs.write_new(&path, bytes, SyncMode::Normal)?;
            let _ = fs.sync_directory(lsm_fs::parent_of(&path), SyncMode::Normal)?;
        }
        run.unlink.store(false, Ordering::Relaxed);
        Ok(run)
    }

    /// Reads the files of a run, which must match the manifest.
    pub(super) fn open(fs: &Arc<dyn Fs>, dir: &Path, meta: RunMeta, leaked: &Leaked) -> Result<Self> {
        let read = |folder: &str, file: FileMeta| -> Result<Vec<u8>> {
            let path = dir.join(folder).join(file.id.to_string());
            let bytes = fs.read_to_vec(&path, file.len)?;
            if bytes.len() as u64 != file.len || codec::checksum(&bytes) != file.checksum {
                return Err(format!("{}: not the file that the manifest names", path.display()).into());
            }
            Ok(bytes)
        };
        let table = read(TABLES_FOLDER, meta.table)?;
        let blob = meta.blob.map(|file| read(BLOBS_FOLDER, file)).transpose()?.unwrap_or_default();
        Ok(Self {
            meta,
            fs: Arc::clone(fs),
            dir: dir.to_path_buf(),
            entries: codec::decode(&table, &blob)?,
            unlink: AtomicBool::new(false),
            leaked: leaked.clone(),
        })
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.key.as_slice().cmp(key)).ok()?;
        self.entries.get(at)
    }

    /// Returns the table, then the blob file if there is one.
    pub(crate) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        let blob = self.meta.blob.map(|blob| self.dir.join(BLOBS_FOLDER).join(blob.id.to_string()));
        [self.dir.join(TABLES_FOLDER).join(self.meta.table.id.to_string())].into_iter().chain(blob)
    }

    pub(super) fn unlink_when_dropped(&self) {
        self.unlink.store(true, Ordering::Relaxed);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.unlink.load(Ordering::Relaxed) {
            for path in self.paths() {
                match self.fs.remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => self.leaked.push(path),
                    _ => {}
                }
            }
        }
    }
}
