//! [`Piece`]: a part of a journal as the backup holds it, and [`Pieces`], the list of the parts.

use std::{ops::Range, sync::Arc};

/// A part of a journal as the backup holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A range of the journal in the database.
    File(Range<u64>),
    /// The new start or end marker of a batch from which items were left out.
    New(Arc<[u8]>),
}

impl Piece {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::File(range) => range.end - range.start,
            Self::New(bytes) => bytes.len() as u64,
        }
    }
}

/// The parts of a journal as the backup holds it, in order.
#[derive(Debug, Default)]
pub(super) struct Pieces(Vec<Piece>);

impl Pieces {
    /// Adds a range of the journal in the database. If it follows the last part directly, the two become one.
    pub(super) fn file(&mut self, range: Range<u64>) {
        match self.0.last_mut() {
            _ if range.is_empty() => {}
            Some(Piece::File(last)) if last.end == range.start => last.end = range.end,
            _ => self.0.push(Piece::File(range)),
        }
    }

    /// Adds new bytes.
    pub(super) fn new_bytes(&mut self, bytes: &[u8]) {
        self.0.push(Piece::New(bytes.into()));
    }

    pub(super) fn into_vec(self) -> Vec<Piece> {
        self.0
    }
}
