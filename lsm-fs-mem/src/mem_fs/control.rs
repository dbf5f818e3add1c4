//! Control of the machine under the filesystem: settle it, make its syncs fail, and crash it.

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
    /// Returns an independent copy of this filesystem, including changes that are not durable yet. The copies share
    /// bytes until one of them changes them. Handles and locks are not copied.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::from_machine(self.lock().forked())
    }

    /// Makes everything durable, as `sync(2)` does. Call it at the end of a test's set-up.
    pub fn settle(&self) {
        self.lock().storage_mut().force(SyncCall::Everything);
    }

    /// Makes everything on the path's volume durable, as `syncfs(2)` does.
    ///
    /// # Errors
    ///
    /// - `NotFound`: the path does not exist.
    pub fn sync_volume(&self, path: &Path) -> Result<()> {
        self.call(Op::SyncAll, path, |machine| {
            let volume = machine.volume_at(self.view(), path)?;
            machine.storage_mut().force(SyncCall::Volume(volume));
            Ok(())
        })
    }

    /// Records a promise of the workload. The check of a later crash state sees the note, and the check of an earlier
    /// one does not.
    pub fn note(&self, note: impl Into<String>) {
        let note = note.into();
        self.lock().storage_mut().note(note);
    }

    /// Changes the options of the path's volume from the next call on, for example to make it full, read-only, or shut
    /// down, and to repair it.
    ///
    /// # Errors
    ///
    /// - `NotFound`: the path does not exist.
    pub fn reconfigure(
        &self,
        path: &Path,
        change: impl FnOnce(VolumeOptions) -> VolumeOptions,
    ) -> Result<()> {
        self.call(Op::VolumeId, path, |machine| machine.reconfigure(self.view(), path, change))
    }

    /// Makes the next sync of a path fail with `errno`. This applies to a directory sync and to a sync of a file
    /// through a handle that was opened by that path. The path need not exist yet.
    ///
    /// After a failed file sync, every other handle that was open at the time reports `EIO` at its next sync. Each
    /// handle that has reported the failure is poisoned. A handle that is opened later syncs successfully, whatever
    /// happened to the pages. After a failed directory sync, each name change since the last successful one may be
    /// durable or not.
    pub fn fail_next_sync(&self, path: &Path, errno: i32, pages: DirtyPages) {
        self.lock().set_sync_fault(path, SyncFault { errno, pages, once: true });
    }

    /// Makes every sync of the path fail, as [`fail_next_sync`](Self::fail_next_sync) does for one, until
    /// [`heal_syncs`](Self::heal_syncs).
    pub fn fail_syncs(&self, path: &Path, errno: i32, pages: DirtyPages) {
        self.lock().set_sync_fault(path, SyncFault { errno, pages, once: false });
    }

    /// Stops the injected failures of a path's syncs.
    pub fn heal_syncs(&self, path: &Path) {
        self.lock().clear_sync_fault(path);
    }

    /// Drops the file from the cache, so that reads show the content of the device, including writes that are still
    /// pending. After a failed sync that dropped pages, this is the old content, or zeros where the file grew.
    ///
    /// # Errors
    ///
    /// - `NotFound`: the path does not exist.
    /// - `IsADirectory`: the path is a directory.
    pub fn evict(&self, path: &Path) -> Result<()> {
        self.call(Op::Read, path, |machine| {
            let ino = machine.lookup(self.view()).resolve(path)?;
            machine.storage().namespace().file(ino).map(drop)?;
            machine.storage_mut().evict(ino);
            Ok(())
        })
    }

    /// Crashes the machine and restarts it. Returns the filesystem that the next start finds.
    ///
    /// Afterwards, I/O and lookups through this filesystem, its clones, handles and locks fail, most of them with
    /// `EIO`.
    #[must_use]
    pub fn crash(&self, survives: Survives) -> Self {
        let mut machine = self.lock();
        let tree = survives.choose(machine.storage_mut().disk());
        machine.halt();
        let hardware = machine.hardware();
        Self::from_machine(Machine::boot(&hardware, assemble(&tree, &hardware.roots())))
    }

    /// Returns the number of changes that wait for a sync. The bytes of one write count as one change.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.lock().storage_mut().disk().journal.len()
    }
}
