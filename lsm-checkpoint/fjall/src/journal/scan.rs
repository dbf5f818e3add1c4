//! [`Scan`]: the part of one journal that a backup keeps.

use std::{collections::HashMap, ops::Range};

use lsm_fs::FsFile;

use super::record::{Next, Records, Unread};

/// The rules for the records of a backup.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// Records below this number belong to the backup.
    pub(crate) below: u64,
    /// The keyspaces of the backup, with the highest number in their tables.
    pub(crate) persisted: HashMap<u64, Option<u64>>,
    /// `false` if a test keeps every record.
    pub(crate) cuts: bool,
    /// `false` if a test keeps every clear.
    pub(crate) leaves_out_clears: bool,
}

impl Bounds {
    /// Returns `true` if a replay of this clear would remove something that it must not.
    ///
    /// fjall replays every clear that it finds. If the tables hold later writes, these were ingested after the clear,
    /// and no journal has them. If the keyspace is not in the backup, a later keyspace may get its id.
    fn is_harmful(&self, keyspace: u64, seqno: u64) -> bool {
        let is_outdated = match self.persisted.get(&keyspace) {
            None => true,
            Some(persisted) => persisted.is_some_and(|persisted| persisted > seqno),
        };
        self.leaves_out_clears && is_outdated
    }
}

/// The way to treat a batch at the end of the journals that cannot be read.
pub(crate) enum Tail<'a, E> {
    /// The database is open, so a writer may be at work. The call waits for it.
    Live(&'a dyn Fn() -> Result<(), E>),
    /// The database is closed. fjall drops an incomplete batch at its next open.
    Closed,
}

/// A journal that was read.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The end of the last whole batch.
    pub(super) content_end: u64,
    /// The end of the last batch that belongs to the backup. 0 if there is none.
    pub(super) end: u64,
    /// Batches that are left out.
    left_out: Vec<Range<u64>>,
    /// The reason why reading stopped early. `true` if fjall would refuse the journal.
    pub(super) stop: Option<(Unread, bool)>,
}

impl Scan {
    /// Reads a journal.
    pub(super) fn new(file: &dyn FsFile, bounds: &Bounds) -> lsm_fs::Result<Self> {
        let mut scan = Self::default();
        scan.go_on(file, bounds)?;
        Ok(scan)
    }

    /// Reads on behind the last whole batch.
    pub(super) fn go_on(&mut self, file: &dyn FsFile, bounds: &Bounds) -> lsm_fs::Result<()> {
        self.stop = None;
        let mut records = Records::new(file, self.content_end);
        loop {
            let batch = match records.next()? {
                Next::Batch(batch) => batch,
                Next::End => return Ok(()),
                Next::Torn(unread) => {
                    self.stop = Some((unread, false));
                    return Ok(());
                }
                Next::Damaged(unread) => {
                    self.stop = Some((unread, true));
                    return Ok(());
                }
            };
            self.content_end = batch.range.end;
            if batch.clears.is_some_and(|keyspace| bounds.is_harmful(keyspace, batch.seqno)) {
                self.left_out.push(batch.range.clone());
            }
            if batch.seqno < bounds.below || !bounds.cuts {
                self.end = batch.range.end;
            }
        }
    }

    /// Returns the parts up to `end` that are kept.
    pub(super) fn parts(&self, end: u64) -> Vec<Range<u64>> {
        let mut parts = Vec::new();
        let mut from = 0;
        for hole in self.left_out.iter().filter(|hole| hole.end <= end) {
            if hole.start > from {
                parts.push(from..hole.start);
            }
            from = hole.end;
        }
        if from < end {
            parts.push(from..end);
        }
        parts
    }
}
