//! An engine with a log of one byte per row, which is never 0. Each version starts a new log.

use std::{path::Path, path::PathBuf, sync::Arc};

use lsm_fs::{Fs, FsExt, FsFile, FsOpenOptions, SyncMode};
use lsm_fs_mem::MemFs;
use lsm_manifest::{ManifestDirectory, Result, WriteOptions};

use super::{options, shared};

/// The first bytes of a log.
const HEADER: &[u8] = b"log:";

pub(crate) struct LogEngine {
    fs: Arc<dyn Fs>,
    wal: PathBuf,
    directory: ManifestDirectory,
    log_id: u64,
    log: Box<dyn FsFile>,
    rows: Vec<u8>,
    /// Rows that are in the version and not in the log.
    flushed: usize,
}

impl LogEngine {
    pub(crate) fn open(fs: &MemFs, dir: &str) -> Result<Self> {
        let fs = shared(fs.clone());
        let wal = Path::new(dir).join("wal");
        let (directory, live) = ManifestDirectory::open(&fs, Path::new(dir), &options())?;
        let (log_id, mut rows) = match &live {
            Some(live) => {
                let id = live.archive.read_section("log")?.payload;
                (u64::from(id[0]), live.archive.read_section("rows")?.payload)
            }
            None => {
                fs.create_dir_all(&wal)?;
                new_log(&*fs, &wal, 1)?;
                store(&directory, &[], 1)?;
                (1, Vec::new())
            }
        };
        let flushed = rows.len();
        let path = wal.join(log_id.to_string());
        let log = fs.open(&path, &FsOpenOptions::new().read(true).write(true))?;
        // The previous process may have been killed between a write and its sync.
        log.sync_all(SyncMode::Normal)?;
        let bytes = fs.read_to_vec(&path, 1 << 20)?;
        let logged = bytes.strip_prefix(HEADER).expect("a log begins with its header");
        // A crash may leave a length without the bytes.
        rows.extend(logged.iter().take_while(|row| **row != 0));
        let engine = Self { fs, wal, directory, log_id, log, rows, flushed };
        engine.clean()?;
        Ok(engine)
    }

    pub(crate) fn rows(&self) -> &[u8] {
        &self.rows
    }

    /// When this returns, the row is stored.
    pub(crate) fn put(&mut self, row: u8) -> Result<()> {
        let at = HEADER.len() + self.rows.len() - self.flushed;
        self.log.write_at(&[row], at as u64)?;
        self.log.sync_all(SyncMode::Normal)?;
        self.rows.push(row);
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        let next = self.log_id + 1;
        self.log = new_log(&*self.fs, &self.wal, next)?;
        store(&self.directory, &self.rows, next)?;
        self.log_id = next;
        self.flushed = self.rows.len();
        self.clean()
    }

    fn clean(&self) -> Result<()> {
        self.directory.remove_stale()?;
        if self.directory.is_durable() {
            for entry in self.fs.read_dir(&self.wal)? {
                if entry.name != *self.log_id.to_string() {
                    self.fs.remove_file(&self.wal.join(&entry.name))?;
                }
            }
        }
        Ok(())
    }
}

fn new_log(fs: &dyn Fs, wal: &Path, id: u64) -> Result<Box<dyn FsFile>> {
    let path = wal.join(id.to_string());
    fs.write_new(&path, HEADER, SyncMode::Normal)?;
    let _ = fs.sync_directory(wal, SyncMode::Normal)?;
    Ok(fs.open(&path, &FsOpenOptions::new().write(true))?)
}

fn store(directory: &ManifestDirectory, rows: &[u8], log_id: u64) -> Result<()> {
    let mut writer = directory.next_version(WriteOptions::new())?;
    writer.add_section("rows", rows)?;
    writer.add_section("log", &[u8::try_from(log_id).expect("few logs")])?;
    let _ = directory.publish(&writer.finish()?)?;
    Ok(())
}
