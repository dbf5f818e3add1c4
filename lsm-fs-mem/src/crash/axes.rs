//! The independent choices of a crash. Each axis is one thing that can persist by itself, and its values say how much
//! of that thing persists.

use crate::{
    crash::{Disk, classes::Variants},
    micro::{Ino, Micro, Seq},
    profile::NameOrder,
    tree::Tree,
};

/// The value of each axis.
pub(crate) type Choice = Vec<u32>;

/// Changes of names, or of a directory's permissions, that persist together: a single change, or the two of a rename.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    first: Seq,
    second: Option<Seq>,
}

impl Group {
    pub(crate) fn seqs(&self) -> impl Iterator<Item = Seq> {
        std::iter::once(self.first).chain(self.second)
    }

    fn contains(&self, seq: Seq) -> bool {
        self.first == seq || self.second == Some(seq)
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Axis {
    /// A group that is lost (0) or kept (1).
    Group(Group),
    /// The number of these groups that persist, earliest first.
    Prefix(Vec<Group>),
    /// The variant of a file. Variant 0 keeps none of the pending changes.
    File { ino: Ino, volume: u32, variants: Variants },
}

impl Axis {
    /// Returns the number of values, which is at least two.
    pub(crate) fn values(&self) -> u32 {
        let values = match self {
            Self::Group(_) => 2,
            Self::Prefix(groups) => groups.len() + 1,
            Self::File { variants, .. } => variants.count(),
        };
        u32::try_from(values).unwrap_or(u32::MAX)
    }

    /// Returns the value that keeps everything.
    pub(crate) fn full(&self) -> u32 {
        match self {
            Self::Prefix(_) => self.values() - 1,
            Self::Group(_) => 1,
            Self::File { variants, .. } => variants.all(),
        }
    }

    /// If the axis contains this micro-operation, returns the lowest value whose states did not exist before it.
    fn lowest_with(&self, newest: &Micro) -> Option<u32> {
        match self {
            Self::Group(group) => group.contains(newest.seq).then_some(1),
            Self::Prefix(groups) => groups.last()?.contains(newest.seq).then(|| self.full()),
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
        let names = disk.journal.iter().filter(|micro| micro.is_of_directory());
        match rules.order {
            NameOrder::Free => {
                for group in groups(names, rules.whole_renames) {
                    axes.push((group.first, Axis::Group(group)));
                }
            }
            NameOrder::AsMade => prefixes(names, rules.whole_renames, &mut axes),
        }
        for (ino, first) in disk.journal.dirty_files() {
            let axis = Axis::File { ino, volume: first.volume, variants: Variants::of(disk, ino) };
            axes.push((first.seq, axis));
        }
        axes.retain(|(_, axis)| axis.values() > 1);
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

    /// Returns the number of binary choices that are needed to tell the states apart.
    pub(crate) fn atoms(&self) -> u32 {
        let values = self.axes.iter().zip(&self.lowest).map(|(axis, low)| axis.values() - low);
        values.map(|values| u32::BITS - (values - 1).leading_zeros()).sum()
    }

    pub(crate) fn everything(&self) -> Choice {
        self.axes.iter().map(Axis::full).collect()
    }

    /// Returns the tree on disk after a crash with this choice. A value beyond the last one counts as the last.
    pub(crate) fn replay(&self, disk: &Disk, choice: &[u32]) -> Tree {
        let mut tree = disk.image.clone();
        for (axis, value) in self.axes.iter().zip(choice) {
            let value = *value as usize;
            match axis {
                Axis::Group(group) if value > 0 => apply(&mut tree, disk, *group),
                Axis::Group(_) => {}
                Axis::Prefix(groups) => {
                    for group in groups.iter().take(value) {
                        apply(&mut tree, disk, *group);
                    }
                }
                Axis::File { ino, volume, variants } => {
                    tree.set_file(*ino, *volume, &variants.get(value).file);
                }
            }
        }
        tree
    }
}

fn apply(tree: &mut Tree, disk: &Disk, group: Group) {
    for micro in group.seqs().filter_map(|seq| disk.journal.get(seq)) {
        tree.apply(micro);
    }
}

/// Groups neighbours that persist together. If renames may be split, each change is a group of its own.
fn groups<'d>(micros: impl Iterator<Item = &'d Micro>, whole: bool) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut last = None;
    for micro in micros {
        match groups.last_mut() {
            Some(Group { second: second @ None, .. }) if whole && last == Some(micro.group) => {
                *second = Some(micro.seq);
            }
            _ => groups.push(Group { first: micro.seq, second: None }),
        }
        last = Some(micro.group);
    }
    groups
}

/// Adds one prefix axis per volume.
fn prefixes<'d>(micros: impl Iterator<Item = &'d Micro>, whole: bool, axes: &mut Vec<(Seq, Axis)>) {
    let mut volumes: Vec<(&Micro, Vec<&Micro>)> = Vec::new();
    for micro in micros {
        match volumes.iter_mut().find(|(first, _)| first.volume == micro.volume) {
            Some((_, of_volume)) => of_volume.push(micro),
            None => volumes.push((micro, vec![micro])),
        }
    }
    for (first, of_volume) in volumes {
        axes.push((first.seq, Axis::Prefix(groups(of_volume.into_iter(), whole))));
    }
}
