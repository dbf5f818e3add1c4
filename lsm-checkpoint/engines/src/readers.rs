//! [`Readers`]: the sequence numbers of open readers. The engines require their user to keep track of these.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The sequence numbers of the open readers.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    seqnos: Mutex<Vec<u64>>,
}

/// An open reader. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Moment<'a> {
    readers: &'a Readers,
    seqno: u64,
}

impl Readers {
    pub(crate) fn open(&self, seqno: u64) -> Moment<'_> {
        self.seqnos().push(seqno);
        Moment { readers: self, seqno }
    }

    /// Returns the number of the oldest open reader.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.seqnos().iter().min().copied()
    }

    fn seqnos(&self) -> MutexGuard<'_, Vec<u64>> {
        self.seqnos.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Moment<'_> {
    pub(crate) fn seqno(&self) -> u64 {
        self.seqno
    }
}

impl Drop for Moment<'_> {
    fn drop(&mut self) {
        let mut seqnos = self.readers.seqnos();
        let at = seqnos.iter().position(|&seqno| seqno == self.seqno);
        at.map(|at| seqnos.swap_remove(at));
    }
}
