//! [`Online`]: an open database as a source of checkpoints.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use fjall::Database;
use lsm_checkpoint::{BoxError, Capture, CheckpointSource, DeletionPause, SourceRoot};
use lsm_fs::StdFs;

use crate::{
    cut::{self, Costs, Cut},
    steps::Steps,
};

/// An open database.
pub(crate) struct Online<'a> {
    pub(crate) db: &'a Database,
    pub(crate) dir: PathBuf,
    pub(crate) identity: String,
    pub(crate) attempts: u32,
    pub(crate) steps: Steps<'a>,
    pub(crate) costs: Mutex<Costs>,
}

impl Online<'_> {
    /// Returns the costs of the capture.
    pub(crate) fn costs(&self) -> Costs {
        *self.costs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CheckpointSource for Online<'_> {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::new(StdFs), &self.dir)]
    }

    /// Returns `None`. No pause is needed, because the captured versions keep their files.
    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    /// Returns the last number that readers see. fjall stores the next one.
    fn visible_seqno(&self) -> Option<u64> {
        self.db.supervisor.snapshot_tracker.get().checked_sub(1)
    }

    /// Does nothing, because the backup includes the journals.
    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let Cut { capture, costs } = cut::capture(self.db, &self.dir, self.attempts, &self.steps)?;
        *self.costs.lock().unwrap_or_else(PoisonError::into_inner) = costs;
        Ok(capture)
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }
}
