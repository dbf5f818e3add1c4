//! Owner locks: `flock`'s, one for an inode, held by a handle.

use std::collections::BTreeMap;

use super::handles::HandleId;
use crate::micro::Ino;

/// The handle that holds the lock of each locked inode.
#[derive(Clone, Debug, Default)]
pub(super) struct Locks(BTreeMap<Ino, HandleId>);

impl Locks {
    /// Takes the lock for a handle; the handle that has it may take it again.
    pub(super) fn try_lock(&mut self, ino: Ino, handle: HandleId) -> bool {
        *self.0.entry(ino).or_insert(handle) == handle
    }

    /// Ends the lock if this handle holds it.
    pub(super) fn release(&mut self, ino: Ino, handle: HandleId) {
        if self.0.get(&ino) == Some(&handle) {
            self.0.remove(&ino);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
