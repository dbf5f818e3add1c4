//! Fault switches: paths whose syncs are to fail.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What an injected failure of a sync does to the dirty pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DirtyPages {
    /// They may still reach the disk, at any time or never.
    Kept,
    /// They are marked clean, as Linux does: reads show them until they are evicted, no crash and no later sync brings
    /// them back.
    Dropped,
}

/// How syncs of a path fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SyncFault {
    pub(crate) errno: i32,
    pub(crate) pages: DirtyPages,
    pub(crate) once: bool,
}

/// The faults that wait for a sync, by path. Nothing needs to have the name yet.
#[derive(Clone, Debug, Default)]
pub(super) struct SyncFaults(BTreeMap<PathBuf, SyncFault>);

impl SyncFaults {
    pub(super) fn set(&mut self, path: &Path, fault: SyncFault) {
        self.0.insert(path.to_path_buf(), fault);
    }

    pub(super) fn clear(&mut self, path: &Path) {
        self.0.remove(path);
    }

    /// The fault that a sync of the path is to meet.
    pub(super) fn take(&mut self, path: &Path) -> Option<SyncFault> {
        let fault = *self.0.get(path)?;
        if fault.once {
            self.0.remove(path);
        }
        Some(fault)
    }
}
