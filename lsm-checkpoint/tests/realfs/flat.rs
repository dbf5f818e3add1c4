//! A source that is a directory of equal files, with a configurable number and size.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{
    BoxError, Capture, CheckpointSource, DeletionPause, FileKind, ManifestTarget, Snapshot, SourceFile,
    SourceRoot,
};
use lsm_fs::{DirPair, Fs, FsExt, NamePair, StdFs, SyncMode, batch::hard_link_batch};

pub(crate) struct Flat {
    dir: PathBuf,
    fs: Arc<dyn Fs>,
    files: usize,
    len: usize,
}

impl Flat {
    /// Creates files of this size with distinct contents.
    pub(crate) fn prepare(dir: &Path, files: usize, len: usize) -> Self {
        StdFs.create_dir(dir).unwrap();
        for n in 0..files {
            StdFs.write_new(&dir.join(n.to_string()), &vec![7; len], SyncMode::Normal).unwrap();
        }
        Self::open(dir, files, len)
    }

    /// Creates names of a single file of one byte.
    pub(crate) fn prepare_names(dir: &Path, names: usize) {
        Self::prepare(dir, 1, 1);
        let names: Vec<_> = (1..names).map(|n| n.to_string()).collect();
        let pairs: Vec<_> = names.iter().map(|name| NamePair::new("0", name)).collect();
        hard_link_batch(&StdFs, DirPair { from: dir, to: dir }, &pairs, &mut |_, linked| {
            linked.unwrap();
            ControlFlow::Continue(())
        });
    }

    pub(crate) fn open(dir: &Path, files: usize, len: usize) -> Self {
        Self { dir: dir.to_path_buf(), fs: Arc::new(StdFs), files, len }
    }
}

impl CheckpointSource for Flat {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::clone(&self.fs), &self.dir)]
    }
    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }
    fn identity(&self) -> String {
        "a test".to_owned()
    }
    fn visible_seqno(&self) -> Option<u64> {
        Some(1)
    }
    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }
    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        Ok(Capture::one(Version(self)))
    }
}

pub(crate) struct Version<'a>(pub(crate) &'a Flat);

impl Snapshot for Version<'_> {
    fn version_id(&self) -> u64 {
        1
    }
    fn files(&self) -> Result<Vec<SourceFile>, BoxError> {
        let Flat { dir, fs, files, len } = self.0;
        let path = |n: usize| dir.join(n.to_string());
        let file = |n| SourceFile::immutable(FileKind::Table, Arc::clone(fs), path(n), *len as u64);
        Ok((0..*files).map(file).collect())
    }
    fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
        Ok(target.write("CURRENT", b"all of them")?)
    }
}
