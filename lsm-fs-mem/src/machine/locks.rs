//! Owner locks with the semantics of `flock(2)`: one per inode, held by a handle.

use std::collections::BTreeMap;

use super::handles::HandleId;
use crate::micro::Ino;

/// The handle that holds the lock of each locked inode.
#[derive(Clone, Debug, Default)]
pub(super) struct Locks(BTreeMap<Ino, HandleId>);

impl Locks {
    /// Tries to take the lock for a handle. Taking a lock that the handle already holds succeeds.
    pub(super) fn try_lock(&mut self, ino: Ino, handle: HandleId) -> bool {
        *self.0.entry(ino).or_insert(handle) == handle
    }

    /// Releases the lock if this handle holds it.
    pub(super) fn release(&mut self, ino: Ino, handle: HandleId) {
        if self.0.get(&ino) == Some(&handle) {
            self.0.remove(&ino);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
