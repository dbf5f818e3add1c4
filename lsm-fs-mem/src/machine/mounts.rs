//! Mounts: directories that the root of a volume covers.

use std::collections::BTreeMap;

use crate::micro::Ino;

/// The directory at which every path starts.
pub(crate) const ROOT: Ino = 1;

/// Maps each covered directory to the root that covers it.
#[derive(Clone, Debug, Default)]
pub(super) struct Mounts(BTreeMap<Ino, Ino>);

impl Mounts {
    pub(super) fn cover(&mut self, covered: Ino, root: Ino) {
        self.0.insert(covered, root);
    }

    /// Returns the root that covers the directory, or the inode itself.
    pub(super) fn top(&self, ino: Ino) -> Ino {
        self.0.get(&ino).copied().unwrap_or(ino)
    }

    pub(super) fn is_covered(&self, ino: Ino) -> bool {
        self.0.contains_key(&ino)
    }

    /// Returns whether the directory is covered or is the root of a volume. Such a directory can be neither moved nor
    /// removed.
    pub(super) fn is_mount_point(&self, ino: Ino) -> bool {
        ino == ROOT || self.0.iter().any(|(covered, root)| *covered == ino || *root == ino)
    }

    /// Returns the roots of all volumes.
    pub(super) fn roots(&self) -> Vec<Ino> {
        std::iter::once(ROOT).chain(self.0.values().copied()).collect()
    }

    /// Iterates over the covered directories, each with the root that covers it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Ino, Ino)> {
        self.0.iter().map(|(covered, root)| (*covered, *root))
    }
}
