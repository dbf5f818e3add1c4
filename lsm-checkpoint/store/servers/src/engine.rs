//! A small engine on the host's disk, whose checkpoints the tests push.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lsm_checkpoint::{
    BoxError, Capture, Checkpoint, CheckpointSource, DeletionPause, FileKind, PinnedSnapshot, SourceFile,
    SourceRoot,
};
use lsm_fs::{Fs, StdFs};

use crate::fault::Seeded;

/// A database: tables in a directory.
#[derive(Debug)]
pub struct Engine {
    dir: PathBuf,
    identity: String,
    tables: Vec<String>,
    seqno: u64,
    pause: Arc<DeletionPause>,
}

impl Engine {
    /// Opens the database in a directory, or creates an empty one.
    ///
    /// # Errors
    ///
    /// The directory cannot be made or read.
    pub fn open(dir: &Path, identity: &str) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let mut tables = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            tables.push(entry?.file_name().to_string_lossy().into_owned());
        }
        tables.sort();
        let (seqno, pause) = (tables.len() as u64, Arc::new(DeletionPause::new()));
        Ok(Self { dir: dir.to_owned(), identity: identity.to_owned(), tables, seqno, pause })
    }

    /// Adds tables of random bytes. A seed gives the same bytes every time.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn add(&mut self, seed: u64, tables: usize, len: usize) -> io::Result<()> {
        let mut random = Seeded::new(seed, 1);
        for _ in 0..tables {
            let name = self.next_name();
            let words = std::iter::repeat_with(|| random.draw().to_le_bytes()).take(len.div_ceil(8));
            let mut bytes: Vec<u8> = words.flatten().collect();
            bytes.truncate(len);
            std::fs::write(self.dir.join(&name), bytes)?;
            self.tables.push(name);
        }
        self.seqno += 1;
        Ok(())
    }

    /// Adds sparse tables, which take no space on disk.
    ///
    /// # Errors
    ///
    /// A file cannot be made.
    pub fn add_holes(&mut self, tables: usize, len: u64) -> io::Result<()> {
        for _ in 0..tables {
            let name = self.next_name();
            std::fs::File::create_new(self.dir.join(&name))?.set_len(len)?;
            self.tables.push(name);
        }
        Ok(())
    }

    /// Drops the oldest tables, as a compaction does.
    ///
    /// # Errors
    ///
    /// A file cannot be removed.
    pub fn drop_oldest(&mut self, tables: usize) -> io::Result<()> {
        for name in self.tables.drain(..tables.min(self.tables.len())) {
            std::fs::remove_file(self.dir.join(name))?;
        }
        self.seqno += 1;
        Ok(())
    }

    /// Returns a name that no table had before.
    fn next_name(&self) -> String {
        let number = |name: &String| name.trim_end_matches(".sst").parse().unwrap_or(0_u64);
        format!("{:08}.sst", self.tables.last().map_or(0, number) + 1)
    }

    /// Takes a checkpoint.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::create`].
    pub fn checkpoint(&self, target: &Path) -> lsm_checkpoint::Result<()> {
        Checkpoint::new().create(self, &StdFs, target).map(drop)
    }
}

impl CheckpointSource for Engine {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::new(StdFs), &self.dir)]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        Some(&self.pause)
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn visible_seqno(&self) -> Option<u64> {
        Some(self.seqno)
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let fs: Arc<dyn Fs> = Arc::new(StdFs);
        let table = |name: &String| {
            SourceFile::immutable(FileKind::Table, Arc::clone(&fs), self.dir.join(name), None)
        };
        let snapshot = PinnedSnapshot::new(self.seqno, ()).files(self.tables.iter().map(table));
        Ok(Capture::one(snapshot.metadata("CURRENT", self.tables.join("\n").into_bytes())))
    }
}
