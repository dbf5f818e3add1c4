//! The adapter: the methods that a checkpoint calls on the engine.
//!
//! This file uses `lsm-checkpoint`, which links the files of one version while the engine keeps running. Without it, a
//! backup would copy a directory that changes during the copy, and a crash would leave a partial copy that looks
//! complete.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{
    BoxError, Capture, CheckpointSource, DeletionPause, FileKind, PinnedSnapshot, SourceFile, SourceRoot,
};
use lsm_fs::Fs;
use lsm_manifest::WriteOptions;

use super::{
    engine::Engine,
    table::{blob_path, table_path},
    version::Version,
};

impl CheckpointSource for Engine {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::clone(&self.fs), &self.dir)]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        Some(&self.pause)
    }

    fn identity(&self) -> String {
        self.state().view.version.identity.clone()
    }

    fn visible_seqno(&self) -> Option<u64> {
        Some(self.state().view.seqno).filter(|&seqno| seqno > 0)
    }

    fn flush(&self) -> Result<(), BoxError> {
        Self::flush(self)
    }

    /// Captures the version. The deletion pause keeps its files, so no pin is needed.
    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        // After the flush, the log holds only later writes.
        let mut version = self.state().view.version.clone();
        version.log = None;
        let snapshot = PinnedSnapshot::new(version.id, ())
            .files(version.source_files(&self.fs, &self.dir))
            .folders([FileKind::Blob])
            .archive(WriteOptions::new(), version.sections());
        Ok(Capture::one(snapshot))
    }
}

impl Version {
    /// Lists the tables and blob files in this directory.
    pub(crate) fn source_files(&self, fs: &Arc<dyn Fs>, dir: &Path) -> Vec<SourceFile> {
        let mut files = Vec::new();
        for meta in self.tables.iter().map(|table| table.meta) {
            let table = (FileKind::Table, table_path(dir, meta.id), meta.table);
            let blob = meta.blob.map(|blob| (FileKind::Blob, blob_path(dir, meta.id), blob));
            for (kind, path, contents) in [Some(table), blob].into_iter().flatten() {
                let file = SourceFile::immutable(kind, Arc::clone(fs), path, contents.len);
                files.push(file.checksum(contents.checksum));
            }
        }
        files
    }
}
