//! Numbers that distinguish the handles of one inode.

use crate::micro::Ino;

/// A handle number. A machine never reuses one.
pub(crate) type HandleId = u64;

/// An open file, from the point of view of its handle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenFile {
    pub(crate) ino: Ino,
    pub(crate) handle: HandleId,
    /// The number of syncs that had failed before the file was opened. The handle does not report these failures
    /// (`errseq_sample` in `lib/errseq.c`).
    pub(crate) failed_syncs_before: u32,
}

/// The source of handle numbers.
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
