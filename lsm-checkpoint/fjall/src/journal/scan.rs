//! [`Scan`]: the batches of one journal that were read, and the part of them that a backup keeps.

use std::{collections::HashMap, ops::Range};

use lsm_fs::FsFile;

use super::record::{Next, Records, Unread};

/// The numbers that decide which records of the journals a backup keeps.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// The sequence number S of the backup. Records with lower numbers belong to it.
    pub(crate) below: u64,
    /// For the id of each keyspace in the backup, the highest sequence number in its tables. `None` if it has no
    /// tables, or if the number is unknown.
    pub(crate) persisted: HashMap<u64, Option<u64>>,
    /// `false` if a test keeps every record.
    pub(crate) cuts: bool,
    /// `false` if a test keeps every clear.
    pub(crate) leaves_out_clears: bool,
}

impl Bounds {
    /// Returns the number below which records belong to the backup.
    pub(super) const fn limit(&self) -> u64 {
        if self.cuts { self.below } else { u64::MAX }
    }

    /// Returns `true` if a replay of this clear would remove data that is not older than the clear.
    ///
    /// fjall replays every clear that it finds. Two cases are harmful. If the tables hold later writes, the replay
    /// removes them, and ingested ones are in no journal. If the keyspace is not in the backup, a new keyspace may get
    /// its id.
    ///
    /// The numbers of a clear and of tables can be compared only if one process has written them. So this rule is for
    /// clears after the first reading of the journals, and for clears of deleted keyspaces.
    /// [`Voids`](super::void::Voids) is the rule for all other clears.
    fn is_harmful(&self, clear: &Clear) -> bool {
        let is_outdated = match self.persisted.get(&clear.keyspace) {
            None => true,
            Some(persisted) => persisted.is_some_and(|persisted| persisted > clear.seqno),
        };
        self.leaves_out_clears && is_outdated
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
    /// The end of the batches of the first reading, which precedes the choice of S.
    past: u64,
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
    seqno: u64,
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
                self.clears.push(Clear { range: batch.range.clone(), keyspace, seqno: batch.seqno });
            }
            if batch.seqno < below {
                self.end = batch.range.end;
            }
        }
    }

    /// Reads the whole journal for the first time. Everything in it belongs to the backup.
    pub(super) fn read_past(&mut self, file: &dyn FsFile) -> lsm_fs::Result<()> {
        self.go_on(file, u64::MAX)?;
        self.past = self.content_end;
        Ok(())
    }

    /// Returns the clears of the first reading.
    pub(super) fn past_clears(&self) -> impl Iterator<Item = &Clear> {
        self.clears.iter().filter(|clear| clear.range.end <= self.past)
    }

    /// Returns the places of the harmful clears before the offset `end`.
    pub(super) fn harmful_clears(&self, end: u64, bounds: &Bounds) -> impl Iterator<Item = Range<u64>> {
        let kept = self.clears.iter().filter(move |clear| clear.range.end <= end);
        kept.filter(|clear| bounds.is_harmful(clear)).map(|clear| clear.range.clone())
    }
}
