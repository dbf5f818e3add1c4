//! Deletions continue as soon as the last file is in the checkpoint, before its manifest is written.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{
    BoxError, Capture, CheckpointSource, DeletionPause, ManifestTarget, Snapshot, SourceFile, SourceRoot,
    run_checkpoint,
};
use lsm_fs_mem::MemFs;

use crate::create::TARGET;

#[derive(Default)]
struct Engine(Arc<DeletionPause>);

impl CheckpointSource for Engine {
    fn roots(&self) -> Vec<SourceRoot> {
        Vec::new()
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        Some(&self.0)
    }

    fn visible_seqno(&self) -> Option<u64> {
        Some(1)
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        assert!(self.0.is_paused());
        Ok(Capture::one(Version(&self.0)))
    }

    fn identity(&self) -> String {
        "a test".to_owned()
    }
}

struct Version<'a>(&'a DeletionPause);

impl Snapshot for Version<'_> {
    fn version_id(&self) -> u64 {
        1
    }

    fn files(&self) -> Result<Vec<SourceFile>, BoxError> {
        Ok(Vec::new())
    }

    fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
        assert!(!self.0.is_paused());
        Ok(target.write("CURRENT", b"1")?)
    }
}

#[test]
fn the_pause_has_ended_when_the_manifest_is_written() {
    let fs = MemFs::new();
    run_checkpoint(&Engine::default(), &fs, Path::new(TARGET)).unwrap();
}
