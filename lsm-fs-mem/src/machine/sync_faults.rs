//! Fault switches: the paths whose syncs are to fail.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The effect of an injected sync failure on the dirty pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DirtyPages {
    /// The pages stay dirty. They may still reach the disk, at any time or never.
    Kept,
    /// The pages are marked clean, as on ext4, XFS and btrfs. Reads show them until they are evicted, and neither a
    /// crash nor a later sync brings them back (Rebello et al., *Can Applications Recover from fsync Failures?*, USENIX
    /// ATC 2020).
    Dropped,
}

/// The way in which syncs of a path fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SyncFault {
    pub(crate) errno: i32,
    pub(crate) pages: DirtyPages,
    pub(crate) once: bool,
}

/// The pending faults, by path. The path need not exist yet.
#[derive(Clone, Debug, Default)]
pub(super) struct SyncFaults(BTreeMap<PathBuf, SyncFault>);

impl SyncFaults {
    pub(super) fn set(&mut self, path: &Path, fault: SyncFault) {
        self.0.insert(path.to_path_buf(), fault);
    }

    pub(super) fn clear(&mut self, path: &Path) {
        self.0.remove(path);
    }

    /// Returns the fault for a sync of the path, and removes it if it strikes only once.
    pub(super) fn take(&mut self, path: &Path) -> Option<SyncFault> {
        let fault = *self.0.get(path)?;
        if fault.once {
            self.0.remove(path);
        }
        Some(fault)
    }
}
