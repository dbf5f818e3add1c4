//! The namespace and the log of its changes. Every change is made in both, so each change that callers see may also
//! reach the disk.

use std::{ffi::OsStr, io, path::Path, sync::Arc};

use lsm_fs::Permissions;

use super::{
    log::{EventLog, Log},
    namespace::{Namespace, Special},
    strict::PoisonedNames,
    sync_faults::DirtyPages,
};
use crate::{
    crash::Disk,
    micro::{Access, Change, Ino, Kind, Name, Seq},
    profile::{CrashModel, SyncCall},
    tree::FileNode,
    volume::{MemFsOptions, VolumeOptions},
};

/// The storage that all handles and paths of a machine lead to.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    namespace: Namespace,
    log: Log,
    poisoned: PoisonedNames,
}

impl Storage {
    pub(super) fn new(options: &MemFsOptions) -> Self {
        let namespace = Namespace::new(options.root.clone());
        let disk = Disk::new(namespace.tree().clone(), options.model);
        Self::started(namespace, disk, (options.model, options.strict, 1))
    }

    /// Starts the storage with a crash model, a strictness mode, and the first unused change number.
    pub(super) const fn started(
        namespace: Namespace,
        disk: Disk,
        (model, strict, next_seq): (CrashModel, bool, Seq),
    ) -> Self {
        let log = Log::new(disk, model, next_seq);
        Self { namespace, log, poisoned: PoisonedNames::new(strict) }
    }

    pub(super) const fn model(&self) -> CrashModel {
        self.log.model()
    }

    pub(super) const fn is_strict(&self) -> bool {
        self.poisoned.is_refusing()
    }

    pub(super) const fn next_seq(&self) -> Seq {
        self.log.next_seq()
    }

    /// Returns a copy without open handles, without inodes that only a handle kept alive, and without a recording.
    pub(super) fn forked(&self) -> Self {
        let mut fork = self.clone();
        let _ = fork.log.take_recording();
        fork.namespace.release_all();
        fork
    }

    pub(crate) const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Returns the disk, with all events in its journal.
    pub(crate) fn disk(&mut self) -> &Disk {
        self.log.disk()
    }

    pub(super) fn violations(&self) -> &[String] {
        self.poisoned.violations()
    }

    pub(super) fn mount(&mut self, covered: Ino, path: &Path, options: VolumeOptions) -> io::Result<()> {
        let parent = self.namespace.parent_of(covered);
        let (root, volume) = self.namespace.mount(covered, path, options)?;
        self.log.add_mount_root(root, volume, parent);
        Ok(())
    }

    pub(super) fn reconfigure(&mut self, volume: u32, change: impl FnOnce(VolumeOptions) -> VolumeOptions) {
        self.namespace.volumes_mut().reconfigure(volume, change);
    }

    /// Makes a change. Callers see it at once, and a crash may keep it.
    pub(super) fn change(&mut self, volume: u32, change: Change) {
        self.change_in_group(volume, self.log.next_seq(), change);
    }

    fn change_in_group(&mut self, volume: u32, group: Seq, change: Change) {
        let micro = self.log.number(volume, group, change);
        let unnamed = self.namespace.apply(&micro);
        self.log.append(micro);
        if let Some(ino) = unnamed {
            self.namespace.reap(ino);
        }
    }

    /// Binds a name to a new inode.
    pub(super) fn create(&mut self, dir: Ino, name: &OsStr, kind: Kind, access: Access) -> io::Result<Ino> {
        self.namespace.check_room_for_name(dir)?;
        let ino = self.namespace.take_ino();
        let link = Change::Link { dir, name: Name::from(name), ino, kind, access, creates: true };
        self.change(self.namespace.volume_of(dir), link);
        Ok(ino)
    }

    /// Binds another name to a file.
    pub(super) fn link(&mut self, dir: Ino, name: &OsStr, ino: Ino) {
        let link = self.relink(dir, name, ino);
        self.change(self.namespace.volume_of(ino), link);
    }

    pub(super) fn unlink(&mut self, dir: Ino, name: &OsStr, ino: Ino) {
        self.change(self.namespace.volume_of(ino), Change::Unlink { dir, name: Name::from(name), ino });
    }

    /// Moves an inode from one name to another, as one group of changes.
    pub(super) fn rename(&mut self, ino: Ino, from: (Ino, &OsStr), to: (Ino, &OsStr)) {
        let (volume, group) = (self.namespace.volume_of(ino), self.log.next_seq());
        let gone = Change::Unlink { dir: from.0, name: Name::from(from.1), ino };
        let made = self.relink(to.0, to.1, ino);
        // Keeps the inode alive between the two changes, when it may have no name.
        self.namespace.hold(ino);
        self.change_in_group(volume, group, gone);
        self.change_in_group(volume, group, made);
        self.namespace.release(ino);
    }

    /// Returns the change that binds a further name to an inode.
    fn relink(&self, dir: Ino, name: &OsStr, ino: Ino) -> Change {
        let access = self.namespace.tree().get(ino).map_or_else(Access::default, |inode| inode.access);
        let kind = self.namespace.kind(ino);
        Change::Link { dir, name: Name::from(name), ino, kind, access, creates: false }
    }

    /// In strict mode, refuses a further name for an inode that failed a sync.
    pub(super) fn check_clean(&mut self, ino: Ino) -> io::Result<()> {
        let failed_syncs = self.failed_syncs(ino);
        self.poisoned.check(ino, failed_syncs)
    }

    pub(super) fn failed_syncs(&self, ino: Ino) -> u32 {
        self.namespace.tree().get(ino).map_or(0, |inode| inode.failed_syncs)
    }

    /// Sets the permissions of a file or a directory.
    pub(super) fn set_permissions(&mut self, ino: Ino, to: Permissions) {
        let kind = self.namespace.kind(ino);
        let is_there = self.namespace.tree().get(ino).is_some_and(|inode| inode.permissions() == to);
        if !is_there {
            self.change(self.namespace.volume_of(ino), Change::Permissions { ino, kind, to });
        }
    }

    pub(super) fn set_in_place(&mut self, ino: Ino, in_place: bool) {
        self.namespace.change(ino, |inode| inode.in_place = in_place);
    }

    pub(super) fn set_special(&mut self, ino: Ino, special: Special) {
        self.namespace.set_special(ino, special);
    }

    /// Adds a handle to the inode, which then outlives its names.
    pub(crate) fn hold(&mut self, ino: Ino) {
        self.namespace.hold(ino);
    }

    pub(crate) fn release(&mut self, ino: Ino) {
        self.namespace.release(ino);
    }

    pub(crate) fn force(&mut self, call: SyncCall) {
        self.log.force(call);
    }

    /// Returns whether changes to the names in the directory, or to its permissions, wait for a sync.
    pub(super) fn has_pending_names(&mut self, dir: Ino) -> bool {
        self.log.journal().dir(dir).next().is_some()
    }

    /// Returns whether changes to the file's bytes, length or permissions wait for a sync.
    pub(super) fn has_pending_content(&mut self, file: Ino) -> bool {
        self.log.journal().file(file).next().is_some()
    }

    /// Records a failed sync of the inode.
    pub(super) fn fail_sync(&mut self, ino: Ino, pages: DirtyPages) {
        self.namespace.change(ino, |inode| inode.failed_syncs += 1);
        if pages == DirtyPages::Dropped {
            self.log.drop_data(ino);
        }
    }

    /// Returns the content that a read from the device yields.
    pub(super) fn reread(&mut self, ino: Ino) -> FileNode {
        self.log.reread(ino)
    }

    /// Replaces the cached content with the content that a read from the device yields.
    pub(crate) fn evict(&mut self, ino: Ino) {
        let reread = Arc::new(self.reread(ino));
        self.namespace.replace_content(ino, &reread);
    }

    pub(crate) fn note(&mut self, note: String) {
        self.log.note(note);
    }

    pub(crate) fn start_recording(&mut self) {
        self.log.start_recording(self.namespace.volumes().options());
    }

    pub(crate) const fn take_recording(&mut self) -> Option<EventLog> {
        self.log.take_recording()
    }
}
