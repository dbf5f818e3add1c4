//! The lengths that a pending change of a length may leave.

use std::{collections::BTreeSet, ops::Range};

use crate::pages::PAGE_BYTES;

/// The lengths that one change may leave, in order. They are counted and not listed, because a write far beyond the end
/// of a file passes any number of blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    /// The blocks whose starts are on the way.
    blocks: Range<u64>,
    /// The ends of holes on the way that lie within a block, each after its position among all steps.
    holes: Vec<(u64, u64)>,
    /// The new length, which is the last step.
    to: u64,
}

impl Steps {
    /// The steps of a write that grows a file, if the later holes end at `holes`.
    pub(crate) fn of_write(from: u64, to: u64, holes: impl Iterator<Item = u64>) -> Self {
        let blocks = from / PAGE_BYTES + 1..to.div_ceil(PAGE_BYTES);
        let ends = holes.filter(|end| from < *end && *end < to && !end.is_multiple_of(PAGE_BYTES));
        let ends: BTreeSet<u64> = ends.collect();
        let position = |(nth, end): (u64, u64)| (nth + end / PAGE_BYTES + 1 - blocks.start, end);
        let holes = (0..).zip(ends).map(position).collect();
        Self { blocks, holes, to }
    }

    /// The only step of a call that sets a length.
    pub(crate) const fn of_call(to: u64) -> Self {
        Self { blocks: 0..0, holes: Vec::new(), to }
    }

    pub(crate) fn count(&self) -> u64 {
        let blocks = self.blocks.end.saturating_sub(self.blocks.start);
        blocks + self.holes.len() as u64 + 1
    }

    pub(crate) fn contains(&self, len: u64) -> bool {
        let is_block = len.is_multiple_of(PAGE_BYTES) && self.blocks.contains(&(len / PAGE_BYTES));
        len == self.to || is_block || self.holes.iter().any(|(_, end)| *end == len)
    }

    /// Returns a step by its position.
    pub(crate) fn get(&self, position: u64) -> Option<u64> {
        let last = self.count() - 1;
        if position >= last {
            return (position == last).then_some(self.to);
        }
        let holes = self.holes.partition_point(|(before, _)| *before < position);
        match self.holes.get(holes) {
            Some((at, end)) if *at == position => Some(*end),
            _ => Some((self.blocks.start + position - holes as u64) * PAGE_BYTES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same steps as a list.
    fn listed(from: u64, to: u64, holes: &[u64]) -> Vec<u64> {
        let is_step = |len: &u64| len.is_multiple_of(PAGE_BYTES) || holes.contains(len);
        (from + 1..to).filter(is_step).chain([to]).collect()
    }

    #[test]
    fn counted_steps_are_the_listed_ones() {
        let places = [0, 1, 4095, 4096, 4097, 5000, 8191, 8192, 8193, 12_288, 20_000];
        let holes = [1, 2, 4095, 4096, 4097, 6000, 6001, 8192, 12_287, 19_999, 20_000, 6000];
        for (from, to) in places.iter().flat_map(|from| places.map(|to| (*from, to))) {
            for holes in [&holes[..], &holes[5..6], &[]].into_iter().filter(|_| from < to) {
                let (steps, listed) =
                    (Steps::of_write(from, to, holes.iter().copied()), listed(from, to, holes));
                let found: Vec<u64> = (0..steps.count()).filter_map(|at| steps.get(at)).collect();
                assert_eq!(found, listed, "{from} to {to}, with {holes:?}");
                assert_eq!(steps.get(steps.count()), None);
                let contained: Vec<u64> = (0..to + 2).filter(|len| steps.contains(*len)).collect();
                assert_eq!(contained, listed, "{from} to {to}, with {holes:?}");
            }
        }
    }

    #[test]
    fn a_call_that_sets_a_length_leaves_no_other() {
        let steps = Steps::of_call(1 << 40);
        assert_eq!((steps.count(), steps.get(0), steps.get(1)), (1, Some(1 << 40), None));
        assert!(steps.contains(1 << 40) && !steps.contains(4096));
    }
}
