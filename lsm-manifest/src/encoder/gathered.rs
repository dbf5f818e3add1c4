//! [`Gathered`].

use std::mem;

use crate::{
    block::{self, BlockForm, BlockHeader},
    format::{BLOCK_HEADER_LEN, FOOTER_BLOCK_MAX, SIZE_HINT_LEN},
};

/// Complete bytes of an archive, and behind them the block that is being put together. The block is completed where it
/// lies, so that a payload is copied once.
#[derive(Debug)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
    /// The end of the complete bytes, never behind the end of `bytes`. A block that was given up stays until the next
    /// begins, or until all is taken.
    complete: usize,
}

impl Gathered {
    /// With bytes that need nothing more.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { complete: bytes.len(), bytes }
    }

    /// The number of bytes, without the block.
    pub(super) fn complete_len(&self) -> usize {
        self.complete
    }

    /// Gives up the block that is there, and makes room for the header of another.
    pub(super) fn begin_block(&mut self) {
        self.bytes.truncate(self.complete);
        self.bytes.resize(self.complete + BLOCK_HEADER_LEN, 0);
    }

    /// Makes room for so long a payload, and for a footer behind it, so that nothing is moved once more.
    pub(super) fn reserve(&mut self, payload: usize) {
        self.bytes.reserve(payload + BLOCK_HEADER_LEN + FOOTER_BLOCK_MAX as usize + SIZE_HINT_LEN);
    }

    /// Appends to the block's payload.
    pub(super) fn push(&mut self, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
    }

    /// The block as far as it goes.
    pub(super) fn block(&self) -> &[u8] {
        debug_assert!(self.complete <= self.bytes.len(), "complete bytes are never cut off");
        self.bytes.get(self.complete..).unwrap_or(&[])
    }

    pub(super) fn block_len(&self) -> usize {
        self.block().len()
    }

    /// The block's payload.
    pub(super) fn payload(&self) -> &[u8] {
        let payload = self.block().get(BLOCK_HEADER_LEN..);
        debug_assert!(payload.is_some(), "a block begins with room for its header");
        payload.unwrap_or(&[])
    }

    /// Makes the block one, with a header in front and parity behind.
    pub(super) fn complete_block(&mut self, form: BlockForm) -> Option<BlockHeader> {
        block::complete(form, &mut self.bytes, self.complete)
    }

    /// Adds bytes that need nothing more, in the place of the block.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.bytes.truncate(self.complete);
        self.settle(bytes);
    }

    /// Takes the block, and the bytes that follow it, to the complete ones.
    pub(super) fn settle(&mut self, behind: &[u8]) {
        self.bytes.extend_from_slice(behind);
        self.complete = self.bytes.len();
    }

    /// Writes over the first bytes.
    pub(super) fn patch(&mut self, head: &[u8]) {
        let room = self.bytes.get_mut(..head.len());
        debug_assert!(room.is_some(), "the head is longer than its copy of the footer");
        if let Some(room) = room {
            room.copy_from_slice(head);
        }
    }

    /// Takes the complete bytes, and leaves nothing.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.bytes.truncate(self.complete);
        self.complete = 0;
        mem::take(&mut self.bytes)
    }
}
