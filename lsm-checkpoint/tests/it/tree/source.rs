//! The adapter of the tree.

use std::sync::Arc;

use lsm_checkpoint::{
    BoxError, Capture, CheckpointSource, DeletionPause, FileKind, ManifestTarget, Snapshot, SourceFile,
    SourceRoot,
};

use super::{Deletion, FileMeta, Tree, Version, manifest};

impl CheckpointSource for Tree {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::clone(&self.fs), &self.dir)]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        (self.options.deletion == Deletion::Eager).then_some(&self.pause)
    }

    fn identity(&self) -> String {
        "a test".to_owned()
    }

    /// The first record has number 1.
    fn visible_seqno(&self) -> Option<u64> {
        Some(Self::visible_seqno(self)).filter(|&seqno| seqno > 0)
    }

    fn flush(&self) -> Result<(), BoxError> {
        Self::flush(self)
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        Ok(Capture::one(TreeSnapshot { tree: self, version: self.version() }))
    }
}

/// A held version. With pinned deletion its files stay.
pub(crate) struct TreeSnapshot<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) version: Arc<Version>,
}

impl Snapshot for TreeSnapshot<'_> {
    fn version_id(&self) -> u64 {
        self.version.id
    }

    fn files(&self) -> Result<Vec<SourceFile>, BoxError> {
        let files = self.version.runs.iter().flat_map(|run| {
            let metas = [Some((FileKind::Table, run.meta.table)), run.meta.blob.map(|b| (FileKind::Blob, b))];
            metas.into_iter().flatten().zip(run.paths())
        });
        let file = |((kind, FileMeta { len, checksum, .. }), path)| {
            SourceFile::immutable(kind, Arc::clone(&self.tree.fs), path, len).checksum(checksum)
        };
        Ok(files.map(file).collect())
    }

    fn folders(&self) -> Vec<FileKind> {
        vec![FileKind::Table, FileKind::Blob]
    }

    fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
        manifest::write(target.fs(), target.dir(), &self.version)
    }
}
