//! What a crash may leave: the legal images at each moment, each with an id that rebuilds it.

mod disk;
mod image;
pub(crate) mod recording;

pub(crate) use disk::Disk;
pub(crate) use image::{assemble, fingerprint};

use crate::node::Tree;

/// What of the changes that no sync has forced survives [`MemFs::crash`](crate::MemFs::crash).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Survives {
    /// Nothing: only what was forced.
    Forced,
    /// All of it.
    Everything,
}

impl Survives {
    pub(crate) fn choose(self, disk: &Disk) -> Tree {
        let mut tree = disk.image.clone();
        if self == Self::Everything {
            for micro in disk.journal.iter() {
                tree.apply(micro);
            }
        }
        tree
    }
}
