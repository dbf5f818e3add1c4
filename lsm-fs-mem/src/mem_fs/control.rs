//! What a test does to the machine under the filesystem: settle it, break its syncs, record it, crash it.

use std::path::Path;

use lsm_fs::{Op, Result};

use super::MemFs;
use crate::{
    crash::{Survives, assemble},
    machine::{DirtyPages, Machine, SyncFault},
    profile::SyncCall,
    volume::VolumeOptions,
};

impl MemFs {
    /// An independent filesystem that begins as this one is, what is not durable included. Bytes are shared until one
    /// side changes them. Handles and locks stay behind.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::from_machine(self.lock().forked())
    }

    /// Makes everything durable, as `sync(2)` does: the end of a test's set-up.
    pub fn settle(&self) {
        self.lock().storage_mut().force(SyncCall::Everything);
    }

    /// Makes everything on the path's volume durable, as `syncfs(2)` does.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub fn sync_volume(&self, path: &Path) -> Result<()> {
        self.call(Op::SyncAll, path, |machine| {
            let volume = machine.volume_at(self.view(), path)?;
            machine.storage_mut().force(SyncCall::Volume(volume));
            Ok(())
        })
    }

    /// Makes a promise: a check of a later crash state will see it, one of an earlier state will not.
    pub fn note(&self, note: impl Into<String>) {
        let note = note.into();
        self.lock().storage_mut().note(note);
    }

    /// Changes how the path's volume behaves, from the next call on: makes it full, read-only, shut down or well again.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub fn reconfigure(
        &self,
        path: &Path,
        change: impl FnOnce(VolumeOptions) -> VolumeOptions,
    ) -> Result<()> {
        self.call(Op::VolumeId, path, |machine| machine.reconfigure(self.view(), path, change))
    }

    /// Makes the next sync of a path fail with `errno`: of a file through a handle opened by that path, or of a
    /// directory. Nothing needs to have the name yet.
    ///
    /// Every handle of the file that was open then reports the failure once and is poisoned; one opened later syncs
    /// successfully whatever became of the pages. After a failed directory sync each change of a name since the last
    /// one may be durable or not.
    pub fn fail_next_sync(&self, path: &Path, errno: i32, pages: DirtyPages) {
        self.lock().set_sync_fault(path, SyncFault { errno, pages, once: true });
    }

    /// The same for every sync of the path, until [`heal_syncs`](Self::heal_syncs).
    pub fn fail_syncs(&self, path: &Path, errno: i32, pages: DirtyPages) {
        self.lock().set_sync_fault(path, SyncFault { errno, pages, once: false });
    }

    /// Ends the failures of a path's syncs.
    pub fn heal_syncs(&self, path: &Path) {
        self.lock().clear_sync_fault(path);
    }

    /// Drops the file from the cache: reads show what the device holds or is yet to get. After a failed sync that
    /// dropped its pages these are the old bytes, or zeros where the file grew.
    ///
    /// # Errors
    ///
    /// `NotFound`; `IsADirectory`.
    pub fn evict(&self, path: &Path) -> Result<()> {
        self.call(Op::Read, path, |machine| {
            let ino = machine.lookup(self.view()).resolve(path)?;
            machine.storage().namespace().file(ino).map(drop)?;
            machine.storage_mut().evict(ino);
            Ok(())
        })
    }

    /// Crashes the machine and starts it again: returns what the next start finds.
    ///
    /// This filesystem, all its clones, every handle and every lock are dead from now on, and each call on them fails
    /// with `EIO`.
    #[must_use]
    pub fn crash(&self, survives: Survives) -> Self {
        let mut machine = self.lock();
        let tree = survives.choose(machine.storage_mut().disk());
        machine.halt();
        let hardware = machine.hardware();
        Self::from_machine(Machine::boot(&hardware, assemble(&tree, &hardware.roots())))
    }

    /// How many micro-operations wait for a sync.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.lock().storage_mut().disk().journal.len()
    }
}
