//! [`BackupInfo`]: the contents and the costs of a finished backup.

use std::time::Duration;

use lsm_checkpoint::CheckpointInfo;

/// A description of a finished backup.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BackupInfo {
    /// The result of the checkpoint: the files, the bytes and the methods of transfer.
    pub checkpoint: CheckpointInfo,
    /// The backup holds exactly the writes with sequence numbers below this one, and all writes of earlier processes.
    /// `None` if the database was closed.
    pub cut: Option<u64>,
    /// The number of attempts that the capture took.
    pub attempts: u32,
    /// The longest time for which the backup locked fjall's map of keyspaces. A commit, or the creation of a keyspace,
    /// waits at most this long for the map. Besides, a write waits while the backup flushes the journal's buffer.
    pub pause: Duration,
    /// The number of journals in the backup.
    pub journals: u64,
    /// The total length of the journals, which are always copied.
    pub journal_bytes: u64,
}
