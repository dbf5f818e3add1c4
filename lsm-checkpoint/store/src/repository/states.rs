//! [`Status`]: the newest state, as an operator sees it.

use std::{collections::BTreeMap, time::Duration};

use crate::format::{Backup, Forgotten, Head, RegisteredWriter};

/// The newest state of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The number of the state.
    pub state: u64,
    /// The sources, in the order of their identities.
    pub sources: Vec<SourceStatus>,
    /// The backups that were forgotten and may come back.
    pub forgotten: Vec<Forgotten>,
    /// The pushes that are under way, or that died.
    pub writers: Vec<RegisteredWriter>,
}

/// The backups of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceStatus {
    /// The identity of the source.
    pub source: String,
    /// The number of its backups.
    pub backups: u64,
    /// The sum of the lengths of its backups. A file that several backups share counts for each of them.
    pub bytes: u64,
    /// The backup of its newest checkpoint.
    pub last: Backup,
}

impl SourceStatus {
    /// Returns the age of the newest checkpoint that has a backup. It is the time from the making of that checkpoint to
    /// `now`, which counts from the Unix epoch. The clock of the machine that made the checkpoint counts, and not the
    /// time of the push. If that clock was ahead, the age stays zero until its time is reached, so a monitor should
    /// also compare `last.created` with the present time.
    #[must_use]
    pub fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.last.created)
    }
}

impl Status {
    pub(super) fn of(head: Head) -> Self {
        let mut sources: BTreeMap<String, SourceStatus> = BTreeMap::new();
        for backup in head.backups {
            let source = sources.entry(backup.source.clone()).or_insert_with(|| SourceStatus {
                source: backup.source.clone(),
                backups: 0,
                bytes: 0,
                last: backup.clone(),
            });
            source.backups += 1;
            source.bytes = source.bytes.saturating_add(backup.bytes);
            if backup.created >= source.last.created {
                source.last = backup;
            }
        }
        let sources = sources.into_values().collect();
        Self { state: head.number, sources, forgotten: head.forgotten, writers: head.writers }
    }
}
