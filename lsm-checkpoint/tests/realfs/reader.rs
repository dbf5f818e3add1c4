//! [`Reader`]: a tree that its process only reads.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{BoxError, Capture, CheckpointSource, DeletionPause, SourceRoot};
use lsm_fs::{Fs, StdFs};

use crate::bed::{View, snapshot};

/// A tree of the reference engine, for several processes that make checkpoints of it at the same time. The engine
/// itself is open in a single process. No process may write to the tree meanwhile.
pub(crate) struct Reader {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    view: View,
}

impl Reader {
    pub(crate) fn open(dir: &Path) -> Self {
        let view = View::open(&StdFs, dir).unwrap().unwrap();
        assert_eq!(view.memtable.len(), 0, "a process that only reads cannot flush");
        Self { fs: Arc::new(StdFs), dir: dir.to_path_buf(), view }
    }
}

impl CheckpointSource for Reader {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::clone(&self.fs), &self.dir)]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn identity(&self) -> String {
        self.view.version.identity.clone()
    }

    fn visible_seqno(&self) -> Option<u64> {
        Some(self.view.seqno)
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        Ok(Capture::one(snapshot(&self.view, &self.fs, &self.dir, ())))
    }
}
