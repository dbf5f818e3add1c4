//! [`Pinned`]: the engine as a source whose snapshots keep their files alive by themselves.

use std::sync::Arc;

use lsm_checkpoint::{BoxError, Capture, CheckpointSource, DeletionPause, SourceRoot};

use super::{Engine, snapshot};

/// The reference engine in the role of an engine without a deletion pause. Many engines unlink a file when the last
/// version with it is dropped. The reference engine has a pause, so each snapshot holds a guard of the pause as its
/// pin.
pub(super) struct Pinned<'a>(pub(super) &'a Engine);

impl CheckpointSource for Pinned<'_> {
    fn roots(&self) -> Vec<SourceRoot> {
        self.0.roots()
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn identity(&self) -> String {
        self.0.identity()
    }

    fn visible_seqno(&self) -> Option<u64> {
        self.0.visible_seqno()
    }

    fn flush(&self) -> Result<(), BoxError> {
        CheckpointSource::flush(self.0)
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        // No file of a version that is read from now on goes away.
        let pin = self.0.pause.acquire();
        Ok(Capture::one(snapshot(&self.0.state().view, &self.0.fs, &self.0.dir, pin)))
    }
}
