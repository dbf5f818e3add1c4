//! The contents that a crash may leave of a file that was being written.
//!
//! Any part of the pending sectors and lengths may survive, as far as the rules allow.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{
    sectors::{Sector, sectors},
    steps::Steps,
};
use crate::{
    crash::Disk,
    micro::{Change, Ino, Micro, Payload},
    pages::{PAGE_BYTES, Pages},
    profile::CrashRules,
    tree::FileNode,
};

/// The sectors and lengths that persist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// In order.
    pub(crate) sectors: Vec<Sector>,
    /// The lengths by the index of their change. A length that grows by several blocks may persist in part.
    pub(crate) lengths: BTreeMap<usize, u64>,
    /// The changes of permissions, by their index.
    pub(crate) permissions: BTreeSet<usize>,
    /// A sector of garbage.
    pub(crate) torn: Option<Sector>,
}

impl Kept {
    fn has(&self, sector: &Sector) -> bool {
        self.sectors.binary_search(sector).is_ok()
    }
}

/// The pending changes of one file.
pub(crate) struct Pending<'d> {
    pub(crate) ino: Ino,
    pub(crate) rules: CrashRules,
    pub(crate) durable: FileNode,
    pub(crate) changes: Vec<&'d Micro>,
    pub(crate) sectors: Vec<Sector>,
}

impl<'d> Pending<'d> {
    pub(crate) fn of(disk: &'d Disk, ino: Ino) -> Self {
        let changes: Vec<&Micro> = disk.journal.file(ino).collect();
        let durable = disk.image.content(ino);
        let sectors = sectors(&durable.pages, &changes);
        Self { ino, rules: *disk.rules(), durable, changes, sectors }
    }

    /// Iterates over the length changes: the index of the change, the old length, and the new one.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = (usize, u64, u64)> {
        self.changes.iter().enumerate().filter_map(|(index, micro)| match micro.change {
            Change::Size { from, to, .. } => Some((index, from, to)),
            _ => None,
        })
    }

    pub(crate) fn all_lengths(&self) -> BTreeMap<usize, u64> {
        self.lengths().map(|(index, _, to)| (index, to)).collect()
    }

    pub(crate) fn all_permissions(&self) -> BTreeSet<usize> {
        let indexed = self.changes.iter().enumerate();
        indexed
            .filter(|(_, m)| matches!(m.change, Change::Permissions { .. }))
            .map(|(index, _)| index)
            .collect()
    }

    /// Returns the lengths that a change may leave: the new one, each end of a block on the way to it, and each end of
    /// a hole that was punched later (`ext4_update_disksize_before_punch` in `fs/ext4/inode.c`).
    pub(crate) fn steps(&self, index: usize) -> Option<Steps> {
        let change = &self.changes.get(index)?.change;
        debug_assert!(matches!(change, Change::Size { .. }), "change {index} has no length");
        let Change::Size { from, to, written, .. } = *change else { return None };
        if !written {
            return Some(Steps::of_call(to));
        }
        let later = self.changes.iter().skip(index);
        let holes = later.filter_map(|micro| match &micro.change {
            Change::Data { range, payload: Payload::Zeros, .. } => Some(range.end),
            _ => None,
        });
        Some(Steps::of_write(from, to, holes))
    }

    /// Returns the sector that a written length needs on XFS: the one of its write that holds the last byte below the
    /// length. Returns `None` if that byte lies before the write, or in a block of zeros that a long change does not
    /// list.
    pub(crate) fn last_sector(&self, index: usize, len: u64) -> Option<&Sector> {
        let Some(Change::Size { written: true, .. }) = self.changes.get(index).map(|micro| &micro.change)
        else {
            return None;
        };
        let mut of_write = self.sectors.iter().filter(|sector| Some(sector.change) == index.checked_sub(1));
        of_write.rfind(|sector| sector.start < len && len <= sector.end)
    }

    /// Removes changes from a selection until the rules allow the remaining ones.
    pub(crate) fn legal(&self, mut kept: Kept) -> Kept {
        loop {
            let before = (kept.sectors.len(), kept.lengths.len());
            if self.rules.lengths_in_order {
                self.drop_out_of_order(&mut kept);
            }
            if self.rules.whole_blocks {
                kept.torn = None;
                self.drop_torn_blocks(&mut kept);
            }
            if self.rules.size_needs_last_sector {
                let needed = kept.lengths.last_key_value().and_then(|(i, len)| self.last_sector(*i, *len));
                if needed.is_some_and(|needed| !kept.has(needed) && kept.torn != Some(*needed)) {
                    kept.lengths.pop_last();
                }
            }
            if before == (kept.sectors.len(), kept.lengths.len()) {
                return kept;
            }
        }
    }

    /// Drops the lengths after the first one that is not kept completely, and the data beyond a lost truncation.
    fn drop_out_of_order(&self, kept: &mut Kept) {
        let is_whole = |index: &usize, to: u64| kept.lengths.get(index) == Some(&to);
        if let Some((lost, ..)) = self.lengths().find(|(index, _, to)| !is_whole(index, *to)) {
            kept.lengths.retain(|index, _| *index <= lost);
        }
        for (cut, _, to) in self.lengths().filter(|(_, from, to)| to < from) {
            if !kept.lengths.contains_key(&cut) {
                let is_new = |sector: &Sector| sector.change > cut && sector.block() * PAGE_BYTES >= to;
                kept.sectors.retain(|sector| !is_new(sector));
                kept.torn = kept.torn.filter(|sector| !is_new(sector));
            }
        }
    }

    /// If a write to a block is not kept completely, drops the sectors of this write and of all later writes to the
    /// block.
    fn drop_torn_blocks(&self, kept: &mut Kept) {
        let mut torn: BTreeMap<u64, usize> = BTreeMap::new();
        for sector in self.sectors.iter().filter(|sector| !kept.has(sector)) {
            torn.entry(sector.block()).or_insert(sector.change);
        }
        kept.sectors.retain(|sector| torn.get(&sector.block()).is_none_or(|first| sector.change < *first));
    }

    /// Returns the units of data that persist by themselves: the sectors, or the writes to one block.
    fn units(&self) -> Vec<Vec<Sector>> {
        if !self.rules.whole_blocks {
            return self.sectors.iter().map(|sector| vec![*sector]).collect();
        }
        let mut units: BTreeMap<(u64, usize), Vec<Sector>> = BTreeMap::new();
        for sector in &self.sectors {
            units.entry((sector.block(), sector.change)).or_default().push(*sector);
        }
        units.into_values().collect()
    }

    /// Returns the number of combinations of pending changes, of which some may be illegal.
    pub(crate) fn combinations(&self) -> Option<u64> {
        let lengths =
            self.lengths().map(|(index, ..)| self.steps(index).map_or(0, |steps| steps.count()) + 1);
        let units = std::iter::repeat_n(2_u64, self.units().len() + self.all_permissions().len());
        let all = lengths.chain(units).try_fold(1_u64, u64::checked_mul);
        // Garbage is one more state of a sector, and a class covers it.
        all.filter(|_| !self.rules.torn_sector || self.rules.whole_blocks)
    }

    /// Returns a combination by its number, if it is legal.
    pub(crate) fn combination(&self, number: u64) -> Option<Kept> {
        let (mut rest, mut kept) = (number, Kept::default());
        for (index, steps) in self.lengths().filter_map(|(index, ..)| Some((index, self.steps(index)?))) {
            let of = steps.count() + 1;
            if let Some(len) = (rest % of).checked_sub(1).and_then(|position| steps.get(position)) {
                kept.lengths.insert(index, len);
            }
            rest /= of;
        }
        for unit in self.units() {
            if rest % 2 == 1 {
                kept.sectors.extend(unit);
            }
            rest /= 2;
        }
        for index in self.all_permissions() {
            if rest % 2 == 1 {
                kept.permissions.insert(index);
            }
            rest /= 2;
        }
        kept.sectors.sort_unstable();
        let legal = self.legal(kept.clone());
        (legal == kept).then_some(kept)
    }

    /// Returns the content that a selection leaves.
    pub(crate) fn replay(&self, kept: &Kept) -> FileNode {
        let mut file = self.durable.clone();
        let mut sectors = kept.sectors.iter().peekable();
        for (index, micro) in self.changes.iter().enumerate() {
            if let Change::Size { ino, from, written, .. } = micro.change {
                if let Some(to) = kept.lengths.get(&index) {
                    file.apply(&Change::Size { ino, from, to: *to, written });
                }
                continue;
            }
            if kept.permissions.contains(&index) {
                file.apply(&micro.change);
                continue;
            }
            let mut runs: Vec<Range<u64>> = Vec::new();
            while let Some(sector) = sectors.next_if(|sector| sector.change == index) {
                match runs.last_mut().filter(|run| run.end == sector.start) {
                    Some(run) => run.end = sector.end,
                    None => runs.push(sector.start..sector.end),
                }
            }
            for run in runs {
                file.apply(&part(&micro.change, run));
            }
            if let Some(torn) = kept.torn.filter(|torn| torn.change == index) {
                file.apply(&garbage(self.ino, torn));
            }
        }
        file.cut();
        file
    }
}

/// Returns the part of a write that falls into `run`.
pub(crate) fn part(change: &Change, run: Range<u64>) -> Change {
    match change {
        Change::Data { range, .. } if *range == run => change.clone(),
        Change::Data { ino, range, payload: Payload::Bytes(bytes) } => {
            let pages = Pages::from_bytes(range.start, bytes);
            Change::Data { ino: *ino, range: run, payload: Payload::Pages(pages) }
        }
        Change::Data { ino, payload, .. } => Change::Data { ino: *ino, range: run, payload: payload.clone() },
        other => other.clone(),
    }
}

/// Returns a write of bytes that are neither the old content nor the new one.
fn garbage(ino: Ino, sector: Sector) -> Change {
    let bytes = (sector.start..sector.end).map(|at| 0xa5 ^ at.to_le_bytes()[0]).collect();
    Change::Data { ino, range: sector.start..sector.end, payload: Payload::Bytes(bytes) }
}

#[cfg(test)]
mod tests;
