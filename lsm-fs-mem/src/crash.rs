//! Crash states: the legal images at each moment, each with an id that rebuilds it.

mod admits;
mod axes;
mod choices;
mod classes;
mod contents;
mod disk;
mod fits;
mod history;
mod id;
mod image;
mod names;
#[cfg(test)]
mod random;
mod sectors;
mod steps;
mod variants;

pub(crate) use admits::{Covered, Fact, MatchedDir, Question};
pub(crate) use axes::{Axes, Axis, Choice};
pub use choices::Budget;
pub(crate) use choices::Choices;
pub(crate) use disk::Disk;
pub(crate) use fits::Misfit;
pub(crate) use id::{Crash, Foreign};
pub use id::{ParseStateIdError, StateId};
pub(crate) use image::{assemble, fingerprint};
pub(crate) use names::Group;

use crate::{hash::Seeded, tree::Tree};

/// The pending changes that survive [`MemFs::crash`](crate::MemFs::crash). Changes that a sync forced always survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Survives {
    /// None: only forced changes survive.
    Forced,
    /// All of them.
    Everything,
    /// A legal part of them, chosen by this seed.
    Seeded(u64),
}

impl Survives {
    pub(crate) fn choose(self, disk: &Disk) -> Tree {
        let axes = Axes::of(disk, None);
        let choice = match self {
            Self::Forced => axes.nothing(),
            Self::Everything => axes.everything(),
            Self::Seeded(seed) => {
                let mut seeded = Seeded::new(seed);
                axes.axes.iter().map(|axis| seeded.below_u32(axis.values())).collect()
            }
        };
        axes.replay(disk, &choice)
    }
}
