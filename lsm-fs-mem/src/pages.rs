//! The bytes of a file: a sparse table of copy-on-write pages.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use crate::hash::Fingerprint;

/// The unit of allocation and of sharing.
pub(crate) const PAGE_BYTES: u64 = 4096;

/// The unit that a device writes atomically.
pub(crate) const SECTOR_BYTES: u64 = 512;

const LEAF_PAGES: u64 = 64;

/// Up to a page of bytes. Missing bytes at the end read as zeros.
type Page = Arc<Vec<u8>>;

/// Up to 64 neighbouring pages. With two levels, changing a shared table copies only one leaf and the pointers to the
/// others.
#[derive(Clone, Debug, Default)]
struct Leaf(Vec<Option<Page>>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Pages {
    /// Page 0, stored by itself because most files have no other. Its slot in the first leaf stays empty.
    first: Option<Page>,
    leaves: BTreeMap<u64, Arc<Leaf>>,
    present: u64,
}

/// Converts a position or count within a page or leaf, which always fits into a `usize`.
pub(crate) fn small(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The part of one page that a range covers.
struct Piece {
    page: u64,
    within: Range<usize>,
    /// The offset of the part from the start of the range.
    at: usize,
}

impl Piece {
    fn is_whole(&self) -> bool {
        self.within == (0..small(PAGE_BYTES))
    }
}

fn pieces(range: Range<u64>) -> impl Iterator<Item = Piece> {
    let mut offset = range.start;
    std::iter::from_fn(move || {
        if offset >= range.end {
            return None;
        }
        let page = offset / PAGE_BYTES;
        let end = range.end.min((page + 1) * PAGE_BYTES);
        let within = small(offset % PAGE_BYTES)..small(end - page * PAGE_BYTES);
        let piece = Piece { page, within, at: small(offset - range.start) };
        offset = end;
        Some(piece)
    })
}

impl Pages {
    /// Creates pages that hold `bytes` at `offset` and nothing else.
    pub(crate) fn from_bytes(offset: u64, bytes: &[u8]) -> Self {
        if offset == 0 && bytes.len() as u64 <= PAGE_BYTES {
            return Self { first: Some(Arc::new(bytes.to_vec())), present: 1, ..Self::default() };
        }
        let mut pages = Self::default();
        pages.write(offset, bytes);
        pages
    }

    pub(crate) const fn allocated_bytes(&self) -> u64 {
        self.present * PAGE_BYTES
    }

    pub(crate) fn read(&self, offset: u64, buf: &mut [u8]) {
        for piece in pieces(offset..offset.saturating_add(buf.len() as u64)) {
            let Some(to) = buf.get_mut(piece.at..piece.at + piece.within.len()) else { return };
            let have = self.page(piece.page).map_or(&[][..], |page| part(page, &piece.within));
            let (filled, rest) = to.split_at_mut(have.len());
            filled.copy_from_slice(have);
            rest.fill(0);
        }
    }

    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) {
        for piece in pieces(offset..offset.saturating_add(bytes.len() as u64)) {
            let Some(from) = bytes.get(piece.at..piece.at + piece.within.len()) else { return };
            self.update(piece.page, |slot| {
                if piece.is_whole() {
                    *slot = Some(Arc::new(from.to_vec()));
                    return;
                }
                if slot.is_none() && piece.within.start == 0 {
                    *slot = Some(Arc::new(from.to_vec()));
                    return;
                }
                let page = Arc::make_mut(slot.get_or_insert_default());
                if page.len() < piece.within.end {
                    page.resize(piece.within.end, 0);
                }
                if let Some(to) = page.get_mut(piece.within.clone()) {
                    to.copy_from_slice(from);
                }
            });
        }
    }

    /// Makes the range equal to the same range of `from`, holes included. Whole pages are shared, not copied.
    pub(crate) fn splice(&mut self, from: &Self, range: Range<u64>) {
        if let Some(page) = from.only_page().filter(|page| page.len() as u64 <= range.end)
            && range.start == 0
            && self.present == 0
        {
            (self.first, self.present) = (Some(Arc::clone(page)), 1);
            return;
        }
        self.clear(range.clone());
        for (index, page) in from.pages_from(range.start / PAGE_BYTES) {
            let start = index * PAGE_BYTES;
            if start >= range.end {
                return;
            }
            let end = start + PAGE_BYTES;
            let stored = start + page.len() as u64;
            if range.start <= start && (end <= range.end || stored <= range.end && self.page(index).is_none())
            {
                self.update(index, |slot| *slot = Some(Arc::clone(page)));
            } else {
                let (from, to) = (range.start.max(start), range.end.min(end));
                self.write(from, part(page, &(small(from - start)..small(to - start))));
            }
        }
    }

    /// Zeroes the range and frees the pages that it covers completely.
    pub(crate) fn clear(&mut self, range: Range<u64>) {
        if range.start >= range.end {
            return;
        }
        if range.start < PAGE_BYTES {
            self.present -= u64::from(clear_page(&mut self.first, 0, &range));
        }
        let leaf_bytes = LEAF_PAGES * PAGE_BYTES;
        let mut emptied = Vec::new();
        let touched = range.start / leaf_bytes..=(range.end - 1) / leaf_bytes;
        for (key, leaf) in self.leaves.range_mut(touched) {
            let leaf = Arc::make_mut(leaf);
            for (index, slot) in (key * LEAF_PAGES..).zip(&mut leaf.0) {
                self.present -= u64::from(clear_page(slot, index * PAGE_BYTES, &range));
            }
            if leaf.0.iter().all(Option::is_none) {
                emptied.push(*key);
            }
        }
        for key in emptied {
            self.leaves.remove(&key);
        }
    }

    /// Returns whether a write at `offset` starts a page that does not exist yet. The file and the log can then share
    /// that page.
    pub(crate) fn begins_page(&self, offset: u64) -> bool {
        offset.is_multiple_of(PAGE_BYTES) && self.page(offset / PAGE_BYTES).is_none()
    }

    /// Returns the number of pages that a write to the range would allocate.
    pub(crate) fn missing(&self, range: Range<u64>) -> u64 {
        if range.start >= range.end {
            return 0;
        }
        let (first, end) = (range.start / PAGE_BYTES, range.end.div_ceil(PAGE_BYTES));
        let have = self.pages_from(first).take_while(|(index, _)| *index < end).count() as u64;
        end - first - have
    }

    /// Returns the first run of pages at or after `offset`, clipped to `offset..len`.
    pub(crate) fn next_data(&self, offset: u64, len: u64) -> Option<Range<u64>> {
        let mut run: Option<Range<u64>> = None;
        for (index, _) in self.pages_from(offset / PAGE_BYTES) {
            let page = index * PAGE_BYTES..(index + 1) * PAGE_BYTES;
            match &mut run {
                None => run = Some(page),
                Some(run) if run.end == page.start => run.end = page.end,
                Some(_) => break,
            }
        }
        let run = run?;
        let cut = run.start.max(offset)..run.end.min(len);
        (cut.start < cut.end).then_some(cut)
    }

    /// Returns whether a byte at or beyond `len` is stored.
    pub(crate) fn reach_beyond(&self, len: u64) -> bool {
        self.pages_from(len / PAGE_BYTES).any(|(index, page)| index * PAGE_BYTES + page.len() as u64 > len)
    }

    /// Hashes the readable content. A page of zeros counts as a hole.
    pub(crate) fn fingerprint(&self, hash: &mut Fingerprint) {
        for (index, page) in self.pages_from(0) {
            let end = page.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if end > 0 {
                hash.word(index);
                hash.bytes(part(page, &(0..end)));
            }
        }
    }

    /// Returns page 0 if there is no other page.
    fn only_page(&self) -> Option<&Page> {
        self.first.as_ref().filter(|_| self.present == 1)
    }

    fn page(&self, index: u64) -> Option<&Page> {
        if index == 0 {
            return self.first.as_ref();
        }
        self.leaves.get(&(index / LEAF_PAGES))?.0.get(small(index % LEAF_PAGES))?.as_ref()
    }

    fn pages_from(&self, first: u64) -> impl Iterator<Item = (u64, &Page)> {
        let leaves = self.leaves.range(first / LEAF_PAGES..);
        let pages = leaves.flat_map(|(key, leaf)| (key * LEAF_PAGES..).zip(&leaf.0));
        let pages = pages.filter_map(|(index, page)| Some((index, page.as_ref()?)));
        let zeroth = self.first.iter().filter(move |_| first == 0).map(|page| (0, page));
        zeroth.chain(pages.filter(move |(index, _)| *index >= first))
    }

    fn update(&mut self, index: u64, change: impl FnOnce(&mut Option<Page>)) {
        let slot = if index == 0 {
            Some(&mut self.first)
        } else {
            let leaf = Arc::make_mut(self.leaves.entry(index / LEAF_PAGES).or_default());
            let at = small(index % LEAF_PAGES);
            if leaf.0.len() <= at {
                leaf.0.resize(at + 1, None);
            }
            leaf.0.get_mut(at)
        };
        if let Some(slot) = slot {
            let before = u64::from(slot.is_some());
            change(slot);
            self.present = self.present + u64::from(slot.is_some()) - before;
        }
    }
}

/// Returns the stored bytes of a part of a page. If there are fewer than requested, the rest are zeros.
fn part<'a>(page: &'a Page, within: &Range<usize>) -> &'a [u8] {
    let (stored, _) = page.split_at(within.end.min(page.len()));
    let (_, part) = stored.split_at(within.start.min(stored.len()));
    part
}

/// Clears the part of a page that `range` covers. Returns whether the whole page was freed.
fn clear_page(slot: &mut Option<Page>, start: u64, range: &Range<u64>) -> bool {
    let Some(page) = slot else { return false };
    if range.start <= start && start + PAGE_BYTES <= range.end {
        *slot = None;
        return true;
    }
    let from = small(range.start.saturating_sub(start)).min(page.len());
    let to = small(range.end.saturating_sub(start)).min(page.len());
    if from < to {
        let page = Arc::make_mut(page);
        if to == page.len() {
            page.truncate(from);
        } else if let Some(zeroed) = page.get_mut(from..to) {
            zeroed.fill(0);
        }
    }
    false
}

#[cfg(test)]
mod tests;
