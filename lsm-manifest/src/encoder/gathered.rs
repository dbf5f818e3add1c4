//! [`Gathered`]: the bytes of an archive that were not taken yet.

use std::mem;

use crate::{
    block::{self, BlockForm, BlockHeader},
    format::{BLOCK_HEADER_LEN, FOOTER_BLOCK_MAX, SIZE_HINT_LEN},
};

/// The completed bytes of an archive, followed by the block under construction. The block is completed in place, so a
/// payload is copied only once.
#[derive(Debug)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
    /// The number of completed bytes at the start of `bytes`. The block under construction follows them. A discarded
    /// block stays there until the next block begins or the bytes are taken.
    complete: usize,
}

impl Gathered {
    /// Starts with bytes that are already complete.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { complete: bytes.len(), bytes }
    }

    /// Returns the number of completed bytes, without the block.
    pub(super) fn complete_len(&self) -> usize {
        self.complete
    }

    /// Discards the current block and reserves room for the header of the next one.
    pub(super) fn begin_block(&mut self) {
        self.bytes.truncate(self.complete);
        self.bytes.resize(self.complete + BLOCK_HEADER_LEN, 0);
    }

    /// Reserves memory for a payload of this length and for a footer behind it, which avoids a later reallocation.
    pub(super) fn reserve(&mut self, payload: usize) {
        self.bytes.reserve(payload + BLOCK_HEADER_LEN + FOOTER_BLOCK_MAX as usize + SIZE_HINT_LEN);
    }

    /// Appends to the payload of the block.
    pub(super) fn push(&mut self, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
    }

    /// Returns the block under construction.
    pub(super) fn block(&self) -> &[u8] {
        debug_assert!(self.complete <= self.bytes.len(), "complete bytes are never cut off");
        self.bytes.get(self.complete..).unwrap_or(&[])
    }

    pub(super) fn block_len(&self) -> usize {
        self.block().len()
    }

    /// Returns the payload of the block.
    pub(super) fn payload(&self) -> &[u8] {
        let payload = self.block().get(BLOCK_HEADER_LEN..);
        debug_assert!(payload.is_some(), "a block begins with room for its header");
        payload.unwrap_or(&[])
    }

    /// Completes the block with a header and parity.
    pub(super) fn complete_block(&mut self, form: BlockForm) -> Option<BlockHeader> {
        block::complete(form, &mut self.bytes, self.complete)
    }

    /// Appends bytes that are already complete, and discards the block.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.bytes.truncate(self.complete);
        self.settle(bytes);
    }

    /// Declares the block complete, and appends the bytes in `behind` to it.
    pub(super) fn settle(&mut self, behind: &[u8]) {
        self.bytes.extend_from_slice(behind);
        self.complete = self.bytes.len();
    }

    /// Overwrites the first bytes.
    pub(super) fn patch(&mut self, head: &[u8]) {
        let room = self.bytes.get_mut(..head.len());
        debug_assert!(room.is_some(), "the head is longer than its copy of the footer");
        if let Some(room) = room {
            room.copy_from_slice(head);
        }
    }

    /// Takes the completed bytes and discards the block.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.bytes.truncate(self.complete);
        self.complete = 0;
        mem::take(&mut self.bytes)
    }
}
