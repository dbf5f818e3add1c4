//! The sectors of the pending changes of a file, each of which may survive by itself.

use std::{collections::BTreeSet, ops::Range};

use crate::{
    micro::{Change, Micro, Payload},
    pages::{PAGE_BYTES, Pages, SECTOR_BYTES},
};

/// The number of blocks up to which a change lists all of its sectors.
const ALL_LISTED: u64 = 4096;

/// One sector of one pending write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sector {
    /// The index of the pending change.
    pub(crate) change: usize,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Sector {
    pub(crate) const fn block(&self) -> u64 {
        self.start / PAGE_BYTES
    }
}

/// Returns the sectors of the changes of a file with these durable pages, in order.
///
/// A hole, or the clone of a sparse file, may be longer than any memory. So a long change lists only its first block,
/// its last one, and those in which the file or any of the changes has bytes. In every state, all other blocks are
/// zeros.
pub(crate) fn sectors(durable: &Pages, changes: &[&Micro]) -> Vec<Sector> {
    let is_long = |range: &Range<u64>| range.end - range.start > ALL_LISTED * PAGE_BYTES;
    let has_long = ranges(changes).any(|(_, range)| is_long(range));
    let stored = if has_long { stored(durable, changes) } else { BTreeSet::new() };
    let mut sectors = Vec::new();
    for (change, range) in ranges(changes) {
        let (first, last) = (range.start / PAGE_BYTES, range.end.div_ceil(PAGE_BYTES).saturating_sub(1));
        if is_long(range) {
            let between = stored.range(first + 1..last).copied();
            for block in std::iter::once(first).chain(between).chain([last]) {
                let (start, end) = (block * PAGE_BYTES, (block + 1) * PAGE_BYTES);
                sectors.extend(cut(change, &(range.start.max(start)..range.end.min(end))));
            }
        } else {
            sectors.extend(cut(change, range));
        }
    }
    sectors
}

/// Iterates over the ranges of the changes to bytes, each with the index of the change.
fn ranges<'c>(changes: &'c [&Micro]) -> impl Iterator<Item = (usize, &'c Range<u64>)> {
    changes.iter().enumerate().filter_map(|(index, micro)| match &micro.change {
        Change::Data { range, .. } => Some((index, range)),
        Change::Size { .. } | Change::Link { .. } | Change::Unlink { .. } | Change::Permissions { .. } => {
            None
        }
    })
}

/// Cuts a range at the borders of the sectors.
fn cut(change: usize, range: &Range<u64>) -> impl Iterator<Item = Sector> {
    let Range { start, end } = *range;
    (start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES)).map(move |sector| Sector {
        change,
        start: start.max(sector * SECTOR_BYTES),
        end: end.min((sector + 1) * SECTOR_BYTES),
    })
}

/// Returns the blocks in which the file or one of the changes has bytes.
fn stored(durable: &Pages, changes: &[&Micro]) -> BTreeSet<u64> {
    let mut stored: BTreeSet<u64> = blocks_of(durable, 0..u64::MAX).collect();
    for micro in changes {
        match &micro.change {
            Change::Data { range, payload: Payload::Bytes(_), .. } => {
                stored.extend(range.start / PAGE_BYTES..range.end.div_ceil(PAGE_BYTES));
            }
            Change::Data { range, payload: Payload::Pages(pages), .. } => {
                stored.extend(blocks_of(pages, range.clone()));
            }
            Change::Data { payload: Payload::Zeros, .. }
            | Change::Size { .. }
            | Change::Link { .. }
            | Change::Unlink { .. }
            | Change::Permissions { .. } => {}
        }
    }
    stored
}

/// Iterates over the pages in a range.
fn blocks_of(pages: &Pages, range: Range<u64>) -> impl Iterator<Item = u64> {
    let mut at = range.start;
    let runs = std::iter::from_fn(move || {
        let run = pages.next_data(at, range.end)?;
        at = run.end;
        Some(run)
    });
    runs.flat_map(|run| run.start / PAGE_BYTES..run.end.div_ceil(PAGE_BYTES))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::pages::small;

    fn data(range: Range<u64>, payload: Payload) -> Micro {
        Micro { seq: 1, group: 1, volume: 0, change: Change::Data { ino: 2, range, payload } }
    }

    fn starts(durable: &Pages, changes: &[&Micro]) -> Vec<(usize, u64)> {
        sectors(durable, changes).iter().map(|sector| (sector.change, sector.start)).collect()
    }

    /// Returns the starts of the sectors of a block.
    fn of_block(change: usize, block: u64) -> impl Iterator<Item = (usize, u64)> {
        (0..8).map(move |nth| (change, block * PAGE_BYTES + nth * SECTOR_BYTES))
    }

    #[test]
    fn sectors_end_at_borders_and_at_the_ends_of_the_write() {
        let micro = data(500..1030, Payload::Bytes(Arc::from([1; 530])));
        let found = sectors(&Pages::default(), &[&micro]);
        let wanted = [(500, 512), (512, 1024), (1024, 1030)];
        assert_eq!(found, wanted.map(|(start, end)| Sector { change: 0, start, end }));
    }

    #[test]
    fn a_change_of_moderate_length_lists_all_of_its_sectors() {
        let len = ALL_LISTED * PAGE_BYTES;
        let hole = data(0..len, Payload::Zeros);
        assert_eq!(starts(&Pages::default(), &[&hole]).len(), small(len / SECTOR_BYTES));
    }

    #[test]
    fn a_long_change_lists_its_ends_and_the_blocks_with_bytes() {
        let end = 1_u64 << 40;
        let at = |block: u64| Pages::from_bytes(block * PAGE_BYTES, &[1; 10]);
        let (hole, write) = (
            data(0..end, Payload::Zeros),
            data(PAGE_BYTES * 900..PAGE_BYTES * 901, Payload::Bytes(Arc::from([1; 4096]))),
        );
        let clone = data(PAGE_BYTES * 5..end, Payload::Pages(at(70_000)));
        let last = end / PAGE_BYTES - 1;
        let of_hole = [0, 900, 3_000, 70_000, last].into_iter().flat_map(|block| of_block(0, block));
        let of_clone = [5, 900, 3_000, 70_000, last].into_iter().flat_map(|block| of_block(2, block));
        let wanted: Vec<_> = of_hole.chain(of_block(1, 900)).chain(of_clone).collect();
        assert_eq!(starts(&at(3_000), &[&hole, &write, &clone]), wanted);
    }
}
