//! [`Watched`]: a tree that notices the removal of its directory.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use lsm_checkpoint::{
    BoxError, CheckpointSource,
    conformance::{Contents, Reader, Tree},
};

/// An open tree. Its drop sets `lost` if the directory is gone by then.
pub(super) struct Watched {
    pub(super) tree: Box<dyn Tree>,
    pub(super) dir: PathBuf,
    pub(super) lost: Arc<AtomicBool>,
}

impl Tree for Watched {
    fn put(&self, key: &[u8], value: &[u8]) -> Result<Option<u64>, BoxError> {
        self.tree.put(key, value)
    }

    fn delete(&self, key: &[u8]) -> Result<Option<u64>, BoxError> {
        self.tree.delete(key)
    }

    fn flush(&self) -> Result<(), BoxError> {
        self.tree.flush()
    }

    fn compact(&self) -> Result<(), BoxError> {
        self.tree.compact()
    }

    fn contents(&self) -> Result<Contents, BoxError> {
        self.tree.contents()
    }

    fn source(&self) -> Box<dyn CheckpointSource + '_> {
        self.tree.source()
    }

    fn reader(&self) -> Option<Reader<'_>> {
        self.tree.reader()
    }

    fn unlinks_in_background(&self) -> bool {
        self.tree.unlinks_in_background()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.dir.is_dir() {
            self.lost.store(true, Ordering::Relaxed);
        }
    }
}
