//! [`Pending`].

use std::mem;

use crate::{
    block::{self, BlockHeader, Form},
    format::{BLOCK_HEADER_LEN, FOOTER_BLOCK_MAX, SIZE_HINT_LEN},
};

/// What has been gathered to be written at one go, and behind it the block that is being put together: it is completed
/// where it lies, so that a payload is copied once.
#[derive(Debug)]
pub(super) struct Pending {
    bytes: Vec<u8>,
    /// Where the block begins. One that was given up stays until the next begins, or until all is taken.
    settled: usize,
}

impl Pending {
    /// With bytes that need nothing more.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { settled: bytes.len(), bytes }
    }

    /// How much there is, without the block.
    pub(super) fn settled(&self) -> usize {
        self.settled
    }

    /// Gives up the block that is there, and makes room for the header of another.
    pub(super) fn begin(&mut self) {
        self.bytes.truncate(self.settled);
        self.bytes.resize(self.settled + BLOCK_HEADER_LEN, 0);
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
        self.bytes.get(self.settled..).unwrap_or_default()
    }

    /// The block's payload.
    pub(super) fn payload(&self) -> &[u8] {
        self.block().get(BLOCK_HEADER_LEN..).unwrap_or_default()
    }

    /// Makes the block one, with a header in front and parity behind.
    pub(super) fn complete(&mut self, form: Form) -> Option<BlockHeader> {
        block::complete(form, &mut self.bytes, self.settled)
    }

    /// Adds bytes that need nothing more, in the place of the block.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.bytes.truncate(self.settled);
        self.settle(bytes);
    }

    /// Takes the block, and what follows it, to what has been gathered.
    pub(super) fn settle(&mut self, behind: &[u8]) {
        self.bytes.extend_from_slice(behind);
        self.settled = self.bytes.len();
    }

    /// Writes over the first bytes.
    pub(super) fn patch(&mut self, head: &[u8]) {
        if let Some(room) = self.bytes.get_mut(..head.len()) {
            room.copy_from_slice(head);
        }
    }

    /// Takes what has been gathered, and leaves nothing.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.bytes.truncate(self.settled);
        self.settled = 0;
        mem::take(&mut self.bytes)
    }
}
