//! The machine under a [`MemFs`](crate::MemFs). Storage, handles, locks, and fault switches are separate parts.

mod contents;
mod errors;
mod handles;
mod hardware;
mod locks;
mod log;
mod lookup;
mod mounts;
mod names;
mod namespace;
mod storage;
mod strict;
mod sync_faults;
mod volumes;

use std::{io, path::Path};

use lsm_fs::errno;

use contents::FileCalls;
use errors::os;
use handles::Handles;
pub(crate) use handles::{HandleId, OpenFile};
pub(crate) use hardware::Hardware;
use locks::Locks;
pub(crate) use log::{Event, EventLog};
pub(crate) use lookup::{Lookup, View, ViewRoot, check_no_nul};
pub(crate) use mounts::ROOT;
use names::NameCalls;
pub(crate) use namespace::Special;
pub(crate) use storage::Storage;
pub use sync_faults::DirtyPages;
pub(crate) use sync_faults::SyncFault;
use sync_faults::SyncFaults;

use crate::{
    crash::Disk,
    micro::Ino,
    tree::Tree,
    volume::{MemFsOptions, VolumeOptions},
};

/// A running machine. It stops when it crashes.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    storage: Storage,
    handles: Handles,
    locks: Locks,
    sync_faults: SyncFaults,
    has_crashed: bool,
}

impl Machine {
    pub(crate) fn new(options: &MemFsOptions) -> Self {
        Self::started(Storage::new(options))
    }

    /// Starts a machine whose disk holds exactly this tree.
    pub(crate) fn boot(hardware: &Hardware, tree: Tree) -> Self {
        Self::started(hardware.start(tree))
    }

    /// Continues after all processes were killed. Their writes are still in the page cache, and their handles and locks
    /// are gone.
    pub(crate) fn after_kill(hardware: &Hardware, cached: Tree, disk: Disk) -> Self {
        Self::started(hardware.after_kill(cached, disk))
    }

    fn started(storage: Storage) -> Self {
        Self {
            storage,
            handles: Handles::new(),
            locks: Locks::default(),
            sync_faults: SyncFaults::default(),
            has_crashed: false,
        }
    }

    /// Returns a copy of the machine without handles, locks, or a recording.
    pub(crate) fn forked(&self) -> Self {
        Self {
            storage: self.storage.forked(),
            handles: self.handles.clone(),
            locks: Locks::default(),
            sync_faults: self.sync_faults.clone(),
            has_crashed: self.has_crashed,
        }
    }

    pub(crate) fn hardware(&self) -> Hardware {
        Hardware::of(&self.storage)
    }

    pub(crate) fn check_running(&self) -> io::Result<()> {
        if self.has_crashed { Err(os(errno::EIO)) } else { Ok(()) }
    }

    pub(crate) fn halt(&mut self) {
        self.has_crashed = true;
        self.locks.clear();
    }

    pub(crate) const fn storage(&self) -> &Storage {
        &self.storage
    }

    pub(crate) const fn storage_mut(&mut self) -> &mut Storage {
        &mut self.storage
    }

    pub(crate) const fn lookup<'m>(&'m self, view: View<'m>) -> Lookup<'m> {
        Lookup::new(self.storage.namespace(), view)
    }

    pub(crate) const fn names<'m>(&'m mut self, view: View<'m>) -> NameCalls<'m> {
        NameCalls::new(&mut self.storage, &mut self.sync_faults, view)
    }

    pub(crate) const fn files<'m>(&'m mut self, view: View<'m>) -> FileCalls<'m> {
        FileCalls::new(&mut self.storage, &mut self.handles, &mut self.sync_faults, view)
    }

    /// Tries to take the owner lock of an inode for a handle. Taking a lock that the handle already holds succeeds.
    pub(crate) fn try_lock(&mut self, ino: Ino, handle: HandleId) -> bool {
        self.locks.try_lock(ino, handle)
    }

    /// Tries to take the owner lock of a directory for a new handle, which then holds the inode.
    pub(crate) fn try_lock_new(&mut self, ino: Ino) -> Option<HandleId> {
        let handle = self.handles.take();
        if !self.locks.try_lock(ino, handle) {
            return None;
        }
        self.storage.hold(ino);
        Some(handle)
    }

    /// Closes a handle: releases its lock and its hold on the inode.
    pub(crate) fn close(&mut self, ino: Ino, handle: HandleId) {
        self.locks.release(ino, handle);
        self.storage.release(ino);
    }

    pub(crate) fn set_sync_fault(&mut self, path: &Path, fault: SyncFault) {
        self.sync_faults.set(path, fault);
    }

    pub(crate) fn clear_sync_fault(&mut self, path: &Path) {
        self.sync_faults.clear(path);
    }

    /// Returns the calls that were refused because they would have named a poisoned inode.
    pub(crate) fn violations(&self) -> &[String] {
        self.storage.violations()
    }

    /// Returns the path's volume, even if it is shut down.
    pub(crate) fn volume_at(&self, view: View<'_>, path: &Path) -> io::Result<u32> {
        let names = self.storage.namespace();
        // Lookups on a volume that is shut down fail, but the volume must be found to be started again.
        match names.volumes().mounted_at(path) {
            Some(volume) => Ok(volume),
            None => Ok(names.volume_of(self.lookup(view).resolve(path)?)),
        }
    }

    pub(crate) fn reconfigure(
        &mut self,
        view: View<'_>,
        path: &Path,
        change: impl FnOnce(VolumeOptions) -> VolumeOptions,
    ) -> io::Result<()> {
        let volume = self.volume_at(view, path)?;
        self.storage.reconfigure(volume, change);
        Ok(())
    }

    /// Covers a directory with a new volume.
    pub(crate) fn mount(&mut self, path: &Path, options: VolumeOptions) -> io::Result<()> {
        let covered = self.lookup(None).resolve_dir(path)?;
        if self.storage.namespace().mounts().is_mount_point(covered) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.storage.mount(covered, path, options)
    }
}
