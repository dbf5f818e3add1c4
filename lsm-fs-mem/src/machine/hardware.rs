//! A machine that is switched off: all that its next start needs beside the tree that it finds on the disk.

use super::{namespace::Namespace, storage::Storage};
use crate::{
    crash::Disk,
    micro::{Ino, Seq},
    profile::CrashModel,
    tree::Tree,
    volume::VolumeOptions,
};

/// Volumes and where they are mounted, the crash model, and numbers that are used once.
#[derive(Clone, Debug)]
pub(crate) struct Hardware {
    /// Holds no tree.
    namespace: Namespace,
    model: CrashModel,
    strict: bool,
    next_seq: Seq,
}

impl Hardware {
    pub(super) fn of(storage: &Storage) -> Self {
        Self {
            namespace: storage.namespace().without_tree(),
            model: storage.model(),
            strict: storage.is_strict(),
            next_seq: storage.next_seq(),
        }
    }

    /// The same with volumes that behave as these say.
    pub(crate) fn with_options(mut self, options: Vec<VolumeOptions>) -> Self {
        self.namespace.volumes_mut().set_options(options);
        self
    }

    pub(crate) const fn model(&self) -> CrashModel {
        self.model
    }

    /// The roots of all volumes.
    pub(crate) fn roots(&self) -> Vec<Ino> {
        self.namespace.mounts().roots()
    }

    /// Covered directories, each with the root that covers it.
    pub(crate) fn mounts(&self) -> impl Iterator<Item = (Ino, Ino)> {
        self.namespace.mounts().iter()
    }

    /// The storage as the next process finds it on a machine that went on: the tree is in the page cache, and the disk
    /// has what it has of it.
    pub(super) fn go_on(&self, cached: Tree, disk: Disk) -> Storage {
        let namespace = self.namespace.restarted(cached);
        Storage::started(namespace, disk, (self.model, self.strict, self.next_seq))
    }

    /// The storage as the next start finds it: the whole tree is on the disk.
    pub(super) fn start(&self, tree: Tree) -> Storage {
        let disk = Disk::new(tree.clone(), self.model);
        let namespace = self.namespace.restarted(tree);
        Storage::started(namespace, disk, (self.model, self.strict, self.next_seq))
    }
}
