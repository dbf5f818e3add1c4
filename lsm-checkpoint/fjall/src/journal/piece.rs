//! [`Piece`]: a part of a copied journal, and [`Pieces`], which joins them.

use std::{ops::Range, sync::Arc};

/// A part of a copied journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A part of the journal's file.
    File(Range<u64>),
    /// The start or the end marker of a batch from which items were left out.
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

/// The parts of a copied journal, in order.
#[derive(Debug, Default)]
pub(super) struct Pieces(Vec<Piece>);

impl Pieces {
    /// Adds a part of the file. Neighbours become one part.
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
