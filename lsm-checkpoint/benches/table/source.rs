//! [`Tables`]: a minimal engine for checkpoints.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{
    BoxError, Capture, Checkpoint, CheckpointInfo, CheckpointSource, DeletionPause, FileKind, ManifestTarget,
    Policy, Snapshot, SourceFile, SourceRoot,
};
use lsm_fs::{Fs, StdFs};
use lsm_manifest::{ManifestArchiveWriter, WriteOptions, publish_current, version_file_name};
use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_128;

/// An idle engine: a directory of tables with known lengths and optional checksums.
pub(crate) struct Tables {
    dir: PathBuf,
    pub(crate) names: Vec<String>,
    bytes: u64,
    /// The checksums by position, if they were computed.
    checksums: Vec<u128>,
    fs: Arc<dyn Fs>,
    pause: Arc<DeletionPause>,
}

impl Tables {
    /// Creates durable tables of one size with distinct contents, so that a row measures only its own writes.
    pub(crate) fn make(root: &Path, count: usize, bytes: usize) -> (TempDir, Self) {
        let home = tempfile::tempdir_in(root).unwrap();
        let tables = home.path().join("tables");
        fs::create_dir(&tables).unwrap();
        let mut piece = vec![0; bytes.min(1 << 20)];
        for table in 0..count {
            let mut file = File::create_new(tables.join(format!("{table:06}"))).unwrap();
            for at in 0..bytes / piece.len() {
                fill(&mut piece, (table << 20 | at) as u64);
                file.write_all(&piece).unwrap();
            }
        }
        rustix::fs::syncfs(File::open(root).unwrap()).unwrap();
        let source = Self::at(home.path());
        (home, source)
    }

    /// Opens the engine in an existing directory.
    pub(crate) fn at(dir: &Path) -> Self {
        let entries = fs::read_dir(dir.join("tables")).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        let bytes = fs::metadata(dir.join("tables").join(&names[0])).unwrap().len();
        Self {
            dir: dir.to_path_buf(),
            names,
            bytes,
            checksums: Vec::new(),
            fs: Arc::new(StdFs),
            pause: Arc::new(DeletionPause::new()),
        }
    }

    /// Computes the checksums, so that a verification can compare the tables with them.
    pub(crate) fn sum_up(&mut self) {
        let sum = |name: &String| xxh3_128(&fs::read(self.tables().join(name)).unwrap());
        self.checksums = self.names.iter().map(sum).collect();
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn tables(&self) -> PathBuf {
        self.dir.join("tables")
    }

    pub(crate) fn total_bytes(&self) -> u64 {
        self.names.len() as u64 * self.bytes
    }

    /// Takes a checkpoint in `dir`, and returns its description.
    pub(crate) fn checkpoint(&self, policy: Policy, dir: &Path) -> CheckpointInfo {
        Checkpoint::new().policy(policy).create(self, &StdFs, &dir.join("checkpoint")).unwrap()
    }

    /// Reads all tables into the page cache, so that each side of a row starts from there.
    pub(crate) fn warm(&self) {
        let mut sink = std::io::sink();
        for name in &self.names {
            std::io::copy(&mut File::open(self.tables().join(name)).unwrap(), &mut sink).unwrap();
        }
    }
}

/// Generates the bytes of a table. No two blocks are equal, and none is zero.
fn fill(piece: &mut [u8], seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for chunk in piece.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let word = state.to_le_bytes();
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
}

impl CheckpointSource for Tables {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::clone(&self.fs), &self.dir)]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        Some(&self.pause)
    }

    fn identity(&self) -> String {
        "a bench".to_owned()
    }

    fn visible_seqno(&self) -> Option<u64> {
        Some(7)
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        Ok(Capture::one(Version(self)))
    }
}

struct Version<'a>(&'a Tables);

impl Snapshot for Version<'_> {
    fn version_id(&self) -> u64 {
        1
    }

    fn files(&self) -> Result<Vec<SourceFile>, BoxError> {
        let dir = self.0.tables();
        let file = |(at, name): (usize, &String)| {
            SourceFile::immutable(FileKind::Table, Arc::clone(&self.0.fs), dir.join(name), self.0.bytes)
                .checksum(self.0.checksums.get(at).copied())
        };
        Ok(self.0.names.iter().enumerate().map(file).collect())
    }

    fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
        let path = target.dir().join(version_file_name(1));
        let mut writer = ManifestArchiveWriter::create(target.fs(), &path, WriteOptions::new())?;
        let ids: Vec<u8> = (0..self.0.names.len() as u64).flat_map(u64::to_le_bytes).collect();
        writer.add_section("tables", &ids)?;
        let _ = publish_current(&writer.finish()?)?;
        Ok(())
    }
}
