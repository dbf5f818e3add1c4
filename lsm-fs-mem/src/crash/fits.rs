//! Decides if a crash may leave a given content of a file. The answer is exact for any number of pending changes.
//!
//! The decision goes backwards through the pending changes. For each change, it compares the bytes that no later change
//! has decided yet. If all of them match, the change is kept. Keeping it never excludes an earlier change, so one pass
//! suffices for each possible length.

use std::ops::Range;

use super::{
    contents::{Pending, part},
    sectors::Sector,
};
use crate::{
    micro::{Change, Micro},
    pages::{PAGE_BYTES, small},
    tree::FileNode,
};

/// The reason why no crash leaves a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// The file never had this length, or a sync has forced another one.
    Length(u64),
    /// The length is possible, but not this byte.
    Byte(u64),
}

impl Misfit {
    /// Returns the more specific of two reasons. A wrong byte far into the file is the most specific one.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Byte(one), Self::Byte(two)) => Self::Byte(one.max(two)),
            (Self::Byte(_), Self::Length(_)) => self,
            (Self::Length(_), _) => other,
        }
    }
}

/// The length changes of one attempt. Those before `last` are kept. If the rules order no lengths, they may be kept or
/// lost.
#[derive(Clone, Copy)]
struct Lengths {
    last: Option<usize>,
}

impl Pending<'_> {
    /// Returns `Ok` if a crash may leave these bytes.
    pub(crate) fn fits(&self, found: &[u8]) -> Result<(), Misfit> {
        let len = found.len() as u64;
        let mut lasts: Vec<Option<usize>> = self
            .lengths()
            .map(|(index, ..)| index)
            .filter(|i| self.steps(*i).is_some_and(|steps| steps.contains(len)))
            .map(Some)
            .collect();
        if self.durable.len == len {
            lasts.insert(0, None);
        }
        if !self.rules.lengths_in_order {
            // With a later length, more truncations may be kept.
            lasts = lasts.pop().into_iter().collect();
        }
        let mut misfit = Misfit::Length(len);
        for last in lasts {
            match self.fits_with(Lengths { last }, found) {
                Ok(()) => return Ok(()),
                Err(other) => misfit = misfit.or(other),
            }
        }
        Err(misfit)
    }

    fn fits_with(&self, lengths: Lengths, found: &[u8]) -> Result<(), Misfit> {
        let sectors: Vec<Sector> =
            self.sectors.iter().copied().filter(|s| self.may_keep(lengths, s)).collect();
        if self.rules.whole_blocks {
            return self.fits_by_block(lengths, &sectors, found);
        }
        let mut attempt = Attempt { found, open: vec![true; found.len()] };
        if let Some(torn) = self.sectors.last().filter(|_| self.rules.torn_sector) {
            attempt.decide(torn.start..torn.end);
        }
        let needed = lengths.last.and_then(|last| self.last_sector(last, found.len() as u64));
        let needed = needed.filter(|_| self.rules.size_needs_last_sector);
        for (index, micro) in self.changes.iter().enumerate().rev() {
            if let Change::Size { from, to, .. } = micro.change {
                let is_kept = to < from && lengths.last.is_some_and(|last| index <= last);
                if is_kept
                    && let Err(misfit) = attempt.zeros(to..u64::MAX)
                    && self.rules.lengths_in_order
                {
                    return Err(misfit);
                }
                continue;
            }
            for sector in sectors.iter().filter(|sector| sector.change == index) {
                let bytes = bytes_of(&micro.change, sector.start..sector.end);
                let is_torn = self.rules.torn_sector && self.sectors.last() == Some(sector);
                if let Err(misfit) = attempt.bytes(sector.start, &bytes)
                    && needed == Some(sector)
                    && !is_torn
                {
                    return Err(misfit);
                }
            }
        }
        attempt.bytes(0, &read(&self.durable, 0..found.len() as u64))
    }

    /// Returns whether the sector may survive with these lengths. Data beyond a lost truncation lies in new blocks, so
    /// it is lost too.
    fn may_keep(&self, lengths: Lengths, sector: &Sector) -> bool {
        let is_lost = |cut: usize| lengths.last.is_none_or(|last| cut > last);
        let mut cuts = self.lengths().filter(|(cut, from, to)| to < from && is_lost(*cut));
        !self.rules.lengths_in_order
            || !cuts.any(|(cut, _, to)| sector.change > cut && sector.block() * PAGE_BYTES >= to)
    }

    /// Decides block by block: each keeps the first few of the writes to it.
    fn fits_by_block(&self, lengths: Lengths, sectors: &[Sector], found: &[u8]) -> Result<(), Misfit> {
        let is_kept_cut = |(index, micro): &(usize, &&Micro)| match micro.change {
            Change::Size { from, to, .. } => to < from && lengths.last.is_some_and(|last| *index <= last),
            _ => false,
        };
        let cuts: Vec<(usize, &&Micro)> = self.changes.iter().enumerate().filter(is_kept_cut).collect();
        for (block, wanted) in found.chunks(small(PAGE_BYTES)).enumerate() {
            let start = block as u64 * PAGE_BYTES;
            let of_block: Vec<&Sector> = sectors.iter().filter(|s| s.block() == block as u64).collect();
            let mut writes: Vec<usize> = of_block.iter().map(|sector| sector.change).collect();
            writes.dedup();
            let changes = writes.iter().filter_map(|index| Some((*index, self.changes.get(*index)?)));
            let mut changes: Vec<(usize, &&Micro)> = changes.chain(cuts.iter().copied()).collect();
            changes.sort_unstable_by_key(|(index, _)| *index);
            // The log of btrfs may have a length without the extents of that time, so a truncation after the last kept
            // write is optional. A kept write has the zeros of the truncations before it.
            let leaves = |count: usize| {
                let kept = writes.get(..count).unwrap_or(&writes);
                let mut attempt = Attempt { found: wanted, open: vec![true; wanted.len()] };
                for (index, micro) in changes.iter().rev() {
                    let matches = match micro.change {
                        Change::Size { to, .. } => {
                            let is_in_block = kept.last().is_some_and(|last| index < last);
                            attempt.zeros(to.saturating_sub(start)..u64::MAX).is_ok() || !is_in_block
                        }
                        Change::Data { .. } if kept.contains(index) => {
                            let mut sectors = of_block.iter().filter(|sector| sector.change == *index);
                            sectors.all(|sector| {
                                let bytes = bytes_of(&micro.change, sector.start..sector.end);
                                attempt.bytes(sector.start - start, &bytes).is_ok()
                            })
                        }
                        Change::Data { .. } => true,
                        Change::Link { .. } | Change::Unlink { .. } | Change::Permissions { .. } => {
                            debug_assert!(false, "only writes and truncations decide a block");
                            true
                        }
                    };
                    if !matches {
                        return false;
                    }
                }
                attempt.bytes(0, &read(&self.durable, start..start + wanted.len() as u64)).is_ok()
            };
            if !(0..=writes.len()).any(leaves) {
                return Err(Misfit::Byte(start));
            }
        }
        Ok(())
    }
}

/// The bytes of a write in a range.
fn bytes_of(change: &Change, range: Range<u64>) -> Vec<u8> {
    let mut file = FileNode::default();
    file.apply(&part(change, range.clone()));
    read(&file, range)
}

/// The bytes of a file in a range, also beyond its length.
fn read(file: &FileNode, range: Range<u64>) -> Vec<u8> {
    let mut bytes = vec![0; small(range.end - range.start)];
    file.pages.read(range.start, &mut bytes);
    bytes
}

/// The bytes of a content that no change has decided yet.
struct Attempt<'f> {
    found: &'f [u8],
    open: Vec<bool>,
}

impl Attempt<'_> {
    fn clip(&self, range: &Range<u64>) -> Range<usize> {
        let end = small(range.end).min(self.found.len());
        small(range.start).min(end)..end
    }

    /// Returns the found bytes of a range up to the end of the file, each with `true` if it is undecided.
    fn part(&self, range: &Range<u64>) -> impl Iterator<Item = (&u8, &bool)> {
        let Range { start, end } = self.clip(range);
        self.found.iter().zip(&self.open).skip(start).take(end - start)
    }

    fn decide(&mut self, range: Range<u64>) {
        let range = self.clip(&range);
        if let Some(open) = self.open.get_mut(range) {
            open.fill(false);
        }
    }

    /// Keeps a write if it matches every undecided byte. Otherwise, returns the first byte that it does not match.
    fn bytes(&mut self, start: u64, bytes: &[u8]) -> Result<(), Misfit> {
        let range = start..start + bytes.len() as u64;
        let differs = self.part(&range).zip(bytes).position(|((found, open), byte)| *open && found != byte);
        if let Some(at) = differs {
            return Err(Misfit::Byte(start + at as u64));
        }
        self.decide(range);
        Ok(())
    }

    /// Keeps a truncation if every undecided byte beyond it is zero.
    fn zeros(&mut self, range: Range<u64>) -> Result<(), Misfit> {
        if let Some(at) = self.part(&range).position(|(found, open)| *open && *found != 0) {
            return Err(Misfit::Byte(range.start + at as u64));
        }
        self.decide(range);
        Ok(())
    }
}
