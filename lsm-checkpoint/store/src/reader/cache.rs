//! [`Cache`]: pieces in memory, and the pieces that are on their way.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;

use crate::error::Error;

/// A piece of a file: the position of the file, and the number of the piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PieceId {
    pub(super) file: usize,
    pub(super) piece: u64,
}

/// The state of a piece.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    /// A request is under way.
    Pending,
    Ready(Bytes),
    /// The request failed. The first reader that sees it removes it, and the next one tries again.
    Failed(Arc<Error>),
}

/// Pieces within a limit of bytes. At the limit, the oldest piece that has arrived is dropped.
#[derive(Debug)]
pub(super) struct Cache {
    slots: BTreeMap<PieceId, Slot>,
    order: VecDeque<PieceId>,
    /// The bytes of pieces that are ready or pending.
    bytes: u64,
    limit: u64,
}

impl Cache {
    pub(super) const fn new(limit: u64) -> Self {
        Self { slots: BTreeMap::new(), order: VecDeque::new(), bytes: 0, limit }
    }

    pub(super) fn get(&self, id: PieceId) -> Option<&Slot> {
        self.slots.get(&id)
    }

    pub(super) fn contains(&self, id: PieceId) -> bool {
        self.slots.contains_key(&id)
    }

    /// Returns `true` if another piece of this length fits within the limit.
    pub(super) fn has_room(&self, len: u64) -> bool {
        self.bytes.saturating_add(len) <= self.limit
    }

    /// Reserves the place of a piece that is being fetched.
    pub(super) fn reserve(&mut self, id: PieceId, len: u64) {
        while !self.has_room(len) && self.drop_oldest() {}
        self.bytes += len;
        self.slots.insert(id, Slot::Pending);
        self.order.push_back(id);
    }

    /// Ends a request. `len` is the length that was reserved.
    pub(super) fn fill(&mut self, id: PieceId, len: u64, outcome: Result<Bytes, Arc<Error>>) {
        let slot = match outcome {
            Ok(bytes) => Slot::Ready(bytes),
            Err(error) => {
                self.bytes = self.bytes.saturating_sub(len);
                Slot::Failed(error)
            }
        };
        self.slots.insert(id, slot);
    }

    /// Removes a piece that was read to its end, or that failed. A piece under way stays.
    pub(super) fn remove(&mut self, id: PieceId) {
        if matches!(self.slots.get(&id), None | Some(Slot::Pending)) {
            return;
        }
        if let Some(Slot::Ready(bytes)) = self.slots.remove(&id) {
            self.bytes = self.bytes.saturating_sub(bytes.len() as u64);
        }
        self.order.retain(|other| *other != id);
    }

    fn drop_oldest(&mut self) -> bool {
        let ready = self.order.iter().copied().find(|id| matches!(self.slots.get(id), Some(Slot::Ready(_))));
        ready.is_some_and(|id| {
            self.remove(id);
            true
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(piece: u64) -> PieceId {
        PieceId { file: 0, piece }
    }

    #[test]
    fn the_oldest_piece_makes_room_and_a_piece_under_way_stays() {
        let mut cache = Cache::new(10);
        cache.reserve(id(0), 4);
        cache.reserve(id(1), 4);
        cache.fill(id(1), 4, Ok(Bytes::from_static(b"1111")));
        cache.remove(id(0));
        assert!(cache.contains(id(0)) && !cache.has_room(4));
        cache.reserve(id(2), 4);
        assert!(!cache.contains(id(1)), "it was ready and the oldest");
        cache.fill(id(0), 4, Err(Arc::new(Error::Cancelled)));
        assert!(cache.has_room(4));
        cache.remove(id(0));
        assert!(!cache.contains(id(0)));
    }
}
