//! A lock of a broken backend.

use std::path::Path;

use lsm_fs::{FsDirLock, Result};

/// A lock that does not notice another directory.
#[derive(Debug)]
pub(super) struct AlwaysThere(
    #[expect(dead_code, reason = "held, not read")] pub(super) Option<Box<dyn FsDirLock>>,
);

impl FsDirLock for AlwaysThere {
    fn is_at(&self, _: &Path) -> Result<bool> {
        Ok(true)
    }
}
