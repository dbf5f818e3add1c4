//! A database to push, and repositories to push it into.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use lsm_checkpoint::{
    BoxError, Capture, CheckpointDir, CheckpointSource, DeletionPause, FileKind, PinnedSnapshot, SourceFile,
    SourceRoot, VerifyOptions, restore, run_checkpoint, verify,
};
use lsm_checkpoint_store::{BackupId, Location, Options, PushOptions, Pushed, ReadOptions, Repository};
use lsm_fs::{Fs, FsExt, StdFs};
use tempfile::TempDir;

/// Runs a future to its end.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Returns the options of the tests: no pauses.
pub(crate) fn options() -> Options {
    Options::new().attempts(3, Duration::ZERO)
}

/// A database: a set of files. Each checkpoint holds all of them.
pub(crate) struct Db {
    pub(crate) identity: String,
    pub(crate) files: Mutex<Vec<(String, Arc<[u8]>)>>,
}

impl Db {
    pub(crate) fn new(identity: &str, files: &[(&str, &[u8])]) -> Self {
        let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), Arc::from(*bytes))).collect();
        Self { identity: identity.to_owned(), files: Mutex::new(files) }
    }

    pub(crate) fn add(&self, name: &str, bytes: &[u8]) {
        self.files.lock().unwrap().push((name.to_owned(), Arc::from(bytes)));
    }
}

impl CheckpointSource for Db {
    fn roots(&self) -> Vec<SourceRoot> {
        Vec::new()
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn visible_seqno(&self) -> Option<u64> {
        Some(7)
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let files = self.files.lock().unwrap().clone();
        let current = files.len().to_string().into_bytes();
        let files = files.into_iter().map(|(name, bytes)| SourceFile::bytes(FileKind::Table, name, bytes));
        Ok(Capture::one(PinnedSnapshot::new(1, ()).files(files).metadata("CURRENT", current)))
    }
}

/// A temporary directory with checkpoints.
pub(crate) struct Ground {
    dir: TempDir,
}

impl Ground {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Takes a checkpoint.
    pub(crate) fn checkpoint(&self, source: &dyn CheckpointSource, name: &str) -> PathBuf {
        let path = self.path(name);
        run_checkpoint(source, &StdFs, &path).unwrap();
        path
    }

    /// Returns a repository in memory and one on disk.
    pub(crate) fn places(&self) -> [Location; 2] {
        [Location::memory(), Location::local(self.path("repository")).unwrap()]
    }

    /// Verifies a backup in place, restores it, and compares every file with the checkpoint.
    pub(crate) fn check_restore(&self, repository: &Repository, backup: BackupId, checkpoint: &Path) {
        let files = run(repository.files(backup, &ReadOptions::new())).unwrap();
        let report = verify(&files, files.dir(), &VerifyOptions::full()).unwrap();
        assert!(report.is_sound(), "{report}");
        let target = self.path("restored");
        let opened = CheckpointDir::open(Arc::new(files.clone()), files.dir()).unwrap();
        restore(&opened, &StdFs, &target).unwrap();
        for file in &opened.catalog().files {
            let path = opened.catalog().path_of(file);
            let [expected, found] = [checkpoint, &target].map(|dir| std::fs::read(dir.join(&path)).unwrap());
            assert!(expected == found, "{} differs", path.display());
        }
        StdFs.remove_dir_all(&target).unwrap();
    }
}

pub(crate) async fn push(repository: &Repository, checkpoint: &Path) -> Pushed {
    push_with(repository, checkpoint, &PushOptions::new()).await.unwrap()
}

pub(crate) async fn push_with(
    repository: &Repository,
    checkpoint: &Path,
    options: &PushOptions,
) -> lsm_checkpoint_store::Result<Pushed> {
    repository.push(Arc::new(StdFs), checkpoint, options).await
}

/// Returns bytes that differ from piece to piece.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Lists the names of the objects below a folder of a local repository.
pub(crate) fn objects(repository: &Path, folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![repository.join(folder)];
    while let Some(folder) = folders.pop() {
        if !StdFs.exists(&folder).unwrap() {
            continue;
        }
        for entry in StdFs.read_dir(&folder).unwrap() {
            let path = folder.join(&entry.name);
            if entry.file_type.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}
