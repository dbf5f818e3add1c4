//! Mounts: directories that the root of a volume covers.

use std::collections::BTreeMap;

use crate::micro::Ino;

/// The directory that every path starts at.
pub(super) const ROOT: Ino = 1;

/// From each covered directory to the root that covers it.
#[derive(Clone, Debug, Default)]
pub(super) struct Mounts(BTreeMap<Ino, Ino>);

impl Mounts {
    pub(super) fn cover(&mut self, covered: Ino, root: Ino) {
        self.0.insert(covered, root);
    }

    /// The root that covers the directory, or the inode itself.
    pub(super) fn top(&self, ino: Ino) -> Ino {
        self.0.get(&ino).copied().unwrap_or(ino)
    }

    pub(super) fn is_covered(&self, ino: Ino) -> bool {
        self.0.contains_key(&ino)
    }

    /// Tells if a volume covers the directory or is rooted in it: it can be neither moved nor removed.
    pub(super) fn is_mount_point(&self, ino: Ino) -> bool {
        ino == ROOT || self.0.iter().any(|(covered, root)| *covered == ino || *root == ino)
    }

    /// The roots of all volumes.
    pub(super) fn roots(&self) -> Vec<Ino> {
        std::iter::once(ROOT).chain(self.0.values().copied()).collect()
    }

    /// Covered directories, each with the root that covers it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Ino, Ino)> {
        self.0.iter().map(|(covered, root)| (*covered, *root))
    }
}
