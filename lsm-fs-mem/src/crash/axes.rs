//! The independent choices of a crash. Each axis is one thing that can persist by itself, and its values say how much
//! of that thing persists.

use std::collections::BTreeSet;

use super::names::{Group, NameSets, groups, pending};
use crate::{
    crash::{Disk, variants::Variants},
    micro::{Ino, Micro, Seq},
    profile::NameOrder,
    tree::Tree,
};

/// The value of each axis.
pub(crate) type Choice = Vec<u32>;

#[derive(Clone, Debug)]
pub(crate) enum Axis {
    /// A group that is lost (0) or kept (the last value). With a value in between, a moved file has both names.
    Group(Group),
    /// The number of these groups that persist, earliest first.
    Prefix(Vec<Group>),
    /// The set of name changes that persist.
    Names(NameSets),
    /// The variant of a file. Variant 0 keeps none of the pending changes.
    File { ino: Ino, volume: u32, variants: Variants },
}

impl Axis {
    /// Returns the number of values, which is at least two.
    pub(crate) fn values(&self) -> u32 {
        let values = match self {
            Self::Group(group) => return group.values(),
            Self::Prefix(groups) => groups.len() + 1,
            Self::Names(names) => names.sets.len(),
            Self::File { variants, .. } => variants.count(),
        };
        u32::try_from(values).unwrap_or(u32::MAX)
    }

    /// Returns the number of values that represent all values. For a file, these are the classes, which come first.
    pub(crate) fn classes(&self) -> u32 {
        match self {
            Self::File { variants, .. } => u32::try_from(variants.classes()).unwrap_or(u32::MAX),
            _ => self.values(),
        }
    }

    /// Returns whether there are legal states that belong to no value.
    pub(crate) const fn is_sampled(&self) -> bool {
        match self {
            Self::Group(_) | Self::Prefix(_) => false,
            Self::Names(names) => names.are_sampled,
            Self::File { variants, .. } => variants.are_sampled(),
        }
    }

    /// Returns the value that keeps everything.
    pub(crate) fn full(&self) -> u32 {
        match self {
            Self::Group(_) | Self::Prefix(_) | Self::Names(_) => self.values() - 1,
            Self::File { variants, .. } => variants.all(),
        }
    }

    /// If the axis contains this micro-operation, returns the lowest value whose states did not exist before it.
    fn lowest_with(&self, newest: &Micro) -> Option<u32> {
        match self {
            Self::Group(group) => group.contains(newest.seq).then_some(1),
            Self::Prefix(groups) => groups.last()?.contains(newest.seq).then(|| self.full()),
            Self::Names(names) => {
                let is_ours = newest.volume == names.volume && newest.is_of_directory();
                is_ours.then(|| self.full())
            }
            Self::File { ino, .. } => (newest.file() == Some(*ino)).then_some(1),
        }
    }
}

/// All axes of a disk at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Axes {
    pub(crate) axes: Vec<Axis>,
    /// The lowest value to try, by axis.
    pub(crate) lowest: Vec<u32>,
}

impl Axes {
    /// Builds the axes of a disk.
    ///
    /// `newest` is the change just made, if nothing else has happened since. States without it belong to earlier crash
    /// points and are left out.
    pub(crate) fn of(disk: &Disk, newest: Option<&Micro>) -> Self {
        let rules = disk.rules();
        let mut axes: Vec<(Seq, Axis)> = Vec::new();
        let mut volumes: BTreeSet<u32> = BTreeSet::new();
        for micro in disk.journal.iter().filter(|micro| micro.is_of_directory()) {
            if !volumes.insert(micro.volume) {
                continue;
            }
            let of_volume = || groups(rules, pending(&disk.journal, micro.volume));
            match rules.order {
                NameOrder::Free => {
                    axes.extend(of_volume().into_iter().map(|group| (group.first, Axis::Group(group))));
                }
                NameOrder::AsMade => axes.push((micro.seq, Axis::Prefix(of_volume()))),
                NameOrder::Logged => {
                    axes.push((micro.seq, Axis::Names(NameSets::of(disk, micro.volume))));
                }
            }
        }
        for (ino, first) in disk.journal.dirty_files() {
            let axis = Axis::File { ino, volume: first.volume, variants: Variants::of(disk, ino) };
            axes.push((first.seq, axis));
        }
        axes.retain(|(_, axis)| axis.values() > 1 || matches!(axis, Axis::Names(_)));
        axes.sort_by_key(|(seq, _)| *seq);
        let axes: Vec<Axis> = axes.into_iter().map(|(_, axis)| axis).collect();
        let lowest = axes.iter().map(|axis| newest.and_then(|n| axis.lowest_with(n)).unwrap_or(0)).collect();
        Self { axes, lowest }
    }

    /// Returns the number of legal states. Contents of a file that fall into one class count once.
    pub(crate) fn legal(&self) -> u128 {
        let values = self.axes.iter().zip(&self.lowest).map(|(axis, low)| u128::from(axis.values() - low));
        values.fold(1, u128::saturating_mul)
    }

    /// Returns the number of binary choices that are needed to tell the states apart. `values` returns the number of
    /// values of an axis.
    pub(crate) fn atoms(&self, values: impl Fn(&Axis) -> u32) -> u32 {
        let values = self.axes.iter().zip(&self.lowest).map(|(axis, low)| values(axis).max(low + 1) - low);
        values.map(|values| u32::BITS - (values - 1).leading_zeros()).sum()
    }

    pub(crate) fn everything(&self) -> Choice {
        self.axes.iter().map(Axis::full).collect()
    }

    pub(crate) fn nothing(&self) -> Choice {
        vec![0; self.axes.len()]
    }

    /// Returns the tree on disk after a crash with this choice. A value beyond the last one counts as the last.
    pub(crate) fn replay(&self, disk: &Disk, choice: &[u32]) -> Tree {
        let mut tree = disk.image.clone();
        for (axis, value) in self.axes.iter().zip(choice) {
            match axis {
                Axis::Group(group) => apply(&mut tree, disk, group.kept(*value)),
                Axis::Prefix(groups) => {
                    for group in groups.iter().take(*value as usize) {
                        apply(&mut tree, disk, group.seqs());
                    }
                }
                Axis::Names(names) => {
                    let set = names.sets.get(*value as usize).or(names.sets.last());
                    apply(&mut tree, disk, set.into_iter().flatten().copied());
                }
                Axis::File { ino, volume, variants } => {
                    tree.set_file(*ino, *volume, &variants.get(*value as usize).file);
                }
            }
        }
        tree
    }
}

fn apply(tree: &mut Tree, disk: &Disk, seqs: impl Iterator<Item = Seq>) {
    for seq in seqs {
        let micro = disk.journal.get(seq);
        debug_assert!(micro.is_some(), "change {seq} survives and is not pending");
        if let Some(micro) = micro {
            tree.apply(micro);
        }
    }
}
