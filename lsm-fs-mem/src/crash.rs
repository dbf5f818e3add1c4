//! What a crash may leave: the legal images at each moment, each with an id that rebuilds it.

mod axes;
mod choices;
mod classes;
mod disk;
mod id;
mod image;

pub(crate) use axes::{Axes, Axis, Choice, Group};
pub use choices::Budget;
pub(crate) use choices::Choices;
pub(crate) use disk::Disk;
pub(crate) use id::{Crash, Foreign};
pub use id::{ParseStateIdError, StateId};
pub(crate) use image::{assemble, fingerprint};

use crate::{hash::Seeded, tree::Tree};

/// What of the changes that no sync has forced survives [`MemFs::crash`](crate::MemFs::crash).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Survives {
    /// Nothing: only what was forced.
    Forced,
    /// All of it.
    Everything,
    /// A legal part of it, chosen by this seed.
    Seeded(u64),
}

impl Survives {
    pub(crate) fn choose(self, disk: &Disk) -> Tree {
        let axes = Axes::of(disk, None);
        let choice = match self {
            Self::Forced => Choice::new(),
            Self::Everything => axes.everything(),
            Self::Seeded(seed) => {
                let mut seeded = Seeded::new(seed);
                axes.axes.iter().map(|axis| seeded.below_u32(axis.values())).collect()
            }
        };
        axes.replay(disk, &choice)
    }
}
