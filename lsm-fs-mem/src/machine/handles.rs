//! Numbers for open files and locks, which tell one handle of an inode from another.

use crate::micro::Ino;

/// A handle's number; never used twice on one machine.
pub(crate) type HandleId = u64;

/// An open file, as its handle knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenFile {
    pub(crate) ino: Ino,
    pub(crate) handle: HandleId,
    /// The number of syncs that had failed before it was opened. The handle does not report those.
    pub(crate) failed_syncs_before: u32,
}

/// Gives out the numbers.
#[derive(Clone, Debug)]
pub(super) struct Handles {
    next: HandleId,
}

impl Handles {
    pub(super) const fn new() -> Self {
        Self { next: 1 }
    }

    pub(super) const fn take(&mut self) -> HandleId {
        self.next += 1;
        self.next - 1
    }
}
