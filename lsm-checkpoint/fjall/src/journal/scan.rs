//! [`Scan`]: the batches of one journal that were read, and the part of them that a backup keeps.

use std::{collections::HashMap, ops::Range};

use lsm_fs::FsFile;

use super::record::{Next, Records, Unread};

/// The numbers that decide which records of the journals a backup keeps.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// The sequence number S of the backup. Records with lower numbers belong to it.
    pub(crate) below: u64,
    /// For the id of each keyspace in the backup, the highest sequence number in its tables.
    pub(crate) persisted: HashMap<u64, Persisted>,
    /// `false` if a test keeps every record.
    pub(crate) cuts: bool,
    /// `false` if a test keeps every clear.
    pub(crate) leaves_out_clears: bool,
}

/// The highest sequence number in the captured tables of a keyspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persisted {
    /// The database is closed. Its manifests do not have the number.
    Unknown,
    /// The keyspace has no tables.
    NoTables,
    /// The number.
    UpTo(u64),
}

impl Bounds {
    /// Returns the number below which records belong to the backup.
    pub(super) const fn limit(&self) -> u64 {
        if self.cuts { self.below } else { u64::MAX }
    }

    /// Returns `true` if the keyspace of this clear is not in the backup. A new keyspace may get its id, and a replay
    /// would empty the new one.
    fn is_of_stranger(&self, clear: &Clear) -> bool {
        self.leaves_out_clears && !self.persisted.contains_key(&clear.keyspace)
    }
}

/// The treatment of an unreadable batch at the end of the journals.
pub(crate) enum Tail<'a, E> {
    /// The database is open, so a writer may be at work on this batch. The function waits for that writer.
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
    /// The records of clears.
    clears: Vec<Clear>,
    /// The batch at which reading stopped early, and `true` if fjall would refuse the journal.
    pub(super) stop: Option<(Unread, bool)>,
}

/// The record of a clear.
#[derive(Clone, Debug)]
pub(super) struct Clear {
    pub(super) range: Range<u64>,
    pub(super) keyspace: u64,
    pub(super) seqno: u64,
    /// `true` if the first reading found it. The first reading precedes the choice of S.
    pub(super) is_past: bool,
}

impl Scan {
    /// Continues to read after the last whole batch. Batches with numbers below `below` belong to the backup.
    pub(super) fn go_on(&mut self, file: &dyn FsFile, below: u64) -> lsm_fs::Result<()> {
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
            if let Some(keyspace) = batch.clears {
                let (range, seqno) = (batch.range.clone(), batch.seqno);
                self.clears.push(Clear { range, keyspace, seqno, is_past: false });
            }
            if batch.seqno < below {
                self.end = batch.range.end;
            }
        }
    }

    /// Reads the whole journal for the first time. Everything in it belongs to the backup.
    pub(super) fn read_past(&mut self, file: &dyn FsFile) -> lsm_fs::Result<()> {
        self.go_on(file, u64::MAX)?;
        self.clears.iter_mut().for_each(|clear| clear.is_past = true);
        Ok(())
    }

    /// Returns the clears that belong to the backup.
    pub(super) fn clears(&self) -> impl Iterator<Item = &Clear> {
        self.clears.iter().filter(|clear| clear.range.end <= self.end)
    }

    /// Returns the places of the clears whose keyspaces are not in the backup.
    pub(super) fn clears_of_strangers(&self, bounds: &Bounds) -> impl Iterator<Item = Range<u64>> {
        self.clears().filter(|clear| bounds.is_of_stranger(clear)).map(|clear| clear.range.clone())
    }
}
