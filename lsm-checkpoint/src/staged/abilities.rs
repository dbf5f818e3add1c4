//! The abilities of a [`StagedFs`].

use std::{path::Path, sync::PoisonError};

use lsm_fs::{FsAbilities, FsAttributes, FsBulk, FsPermissions, Op, Result};

use super::StagedFs;

#[deny(clippy::missing_trait_methods)]
impl FsAbilities for StagedFs<'_> {
    /// Returns `None`: a batch makes links, and a link could be to a file that still changes.
    fn bulk(&self) -> Option<&dyn FsBulk> {
        None
    }

    fn attributes(&self) -> Option<&dyn FsAttributes> {
        self.fs().abilities()?.attributes().is_some().then_some(self)
    }

    /// Returns `None`, because the checkpoint sets the permissions of everything that an engine writes.
    fn permissions(&self) -> Option<&dyn FsPermissions> {
        None
    }
}

impl FsAttributes for StagedFs<'_> {
    fn try_disable_cow(&self, path: &Path) -> Result<bool> {
        self.own(Op::TryDisableCow, path)?;
        for (_, file) in self.account().waiting.iter().filter(|(waiting, _)| waiting == path) {
            file.lock().unwrap_or_else(PoisonError::into_inner).wants_sync = true;
        }
        let attributes = self.fs().abilities().and_then(FsAbilities::attributes);
        attributes.map_or(Ok(false), |attributes| attributes.try_disable_cow(path))
    }
}
