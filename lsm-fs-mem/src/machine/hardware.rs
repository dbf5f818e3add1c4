//! A machine that is switched off: everything that its next start needs apart from the tree on disk.

use super::{namespace::Namespace, storage::Storage};
use crate::{
    crash::Disk,
    micro::{Ino, Seq},
    profile::CrashModel,
    tree::Tree,
    volume::VolumeOptions,
};

/// The volumes and their mount points, the crash model, and the next unused numbers.
#[derive(Clone, Debug)]
pub(crate) struct Hardware {
    /// The namespace without its tree.
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

    /// Returns the same hardware with other volume options.
    pub(crate) fn with_options(mut self, options: Vec<VolumeOptions>) -> Self {
        self.namespace.volumes_mut().set_options(options);
        self
    }

    pub(crate) const fn model(&self) -> CrashModel {
        self.model
    }

    /// Returns the roots of all volumes.
    pub(crate) fn roots(&self) -> Vec<Ino> {
        self.namespace.mounts().roots()
    }

    /// Iterates over the covered directories, each with the root that covers it.
    pub(crate) fn mounts(&self) -> impl Iterator<Item = (Ino, Ino)> {
        self.namespace.mounts().iter()
    }

    /// Returns the storage that the next process finds if the machine keeps running. The tree is in the page cache, and
    /// only part of it may be on disk.
    pub(super) fn after_kill(&self, cached: Tree, disk: Disk) -> Storage {
        let namespace = self.namespace.restarted(cached);
        Storage::started(namespace, disk, (self.model, self.strict, self.next_seq))
    }

    /// Returns the storage after a restart, when the whole tree is on disk.
    pub(super) fn start(&self, tree: Tree) -> Storage {
        let disk = Disk::new(tree.clone(), self.model);
        let namespace = self.namespace.restarted(tree);
        Storage::started(namespace, disk, (self.model, self.strict, self.next_seq))
    }
}
