//! [`FjallDatabase`]: a whole fjall database, which `lsm-checkpoint-fjall` backs up.

use std::{
    ops::ControlFlow,
    path::Path,
    sync::OnceLock,
    time::{Duration, Instant},
};

use fjall_database::{Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions};
use lsm_checkpoint::{BoxError, Policy, Progress};
use lsm_checkpoint_fjall::Backup;

use crate::{exam::Taken, key_value::KeyValue, oracle::Oracle, owner};

/// The keyspaces. The last byte of a key decides which of them holds it.
const KEYSPACES: [&str; 3] = ["first", "second", "third"];

/// Values of at least this length go to blob files.
const SEPARATION_THRESHOLD: u32 = 64;

/// A callback for progress.
pub type Report<'a> = &'a (dyn Fn(&Progress) -> ControlFlow<()> + Sync);

/// An open database. The order of operations spans all its keyspaces.
pub struct FjallDatabase {
    db: Database,
    keyspaces: [Keyspace; 3],
}

impl FjallDatabase {
    /// Opens a database, or creates one. A backup is refused.
    ///
    /// # Errors
    ///
    /// The refusal, or an error of fjall.
    pub fn open(dir: &Path, blobs: bool) -> Result<Self, BoxError> {
        owner::refuse_checkpoint(dir)?;
        let db = Database::builder(dir).open()?;
        let separation =
            blobs.then(|| KvSeparationOptions::default().separation_threshold(SEPARATION_THRESHOLD));
        let options = || KeyspaceCreateOptions::default().with_kv_separation(separation.clone());
        let [first, second, third] = KEYSPACES.map(|name| db.keyspace(name, options));
        Ok(Self { keyspaces: [first?, second?, third?], db })
    }

    /// Takes a backup, and records the bounds on its contents. The capture counts as finished at the first report of
    /// progress.
    ///
    /// # Errors
    ///
    /// The errors of [`Backup::create`].
    pub fn take(
        &self,
        oracle: &Oracle,
        (policy, progress): (Policy, Report<'_>),
        target: &Path,
    ) -> lsm_checkpoint_fjall::Result<Taken> {
        let (start, acknowledged) = (Instant::now(), oracle.acknowledged());
        let captured: OnceLock<(u64, Duration)> = OnceLock::new();
        let first = || *captured.get_or_init(|| (oracle.issued(), start.elapsed()));
        let report = |now: &Progress| {
            let _ = first();
            progress(now)
        };
        let backup = Backup::new().policy(policy).progress(&report).create(&self.db, target)?;
        let (issued, capture) = first();
        let mut info = backup.checkpoint;
        // fjall gives sequence numbers to its versions, too, so the number in the backup does not count operations.
        info.seqno = None;
        Ok(Taken { info, acknowledged, issued, capture, total: start.elapsed() })
    }

    fn keyspace(&self, key: &[u8]) -> &Keyspace {
        let [first, second, third] = &self.keyspaces;
        match key.last().map(|last| last % 3) {
            Some(1) => second,
            Some(2) => third,
            _ => first,
        }
    }
}

/// fjall numbers the operations itself.
impl KeyValue for FjallDatabase {
    fn insert(&self, key: &[u8], value: &[u8], _: u64) {
        self.keyspace(key).insert(key, value).expect("fjall takes the write");
    }

    fn remove(&self, key: &[u8], _: u64) {
        self.keyspace(key).remove(key).expect("fjall takes the write");
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BoxError> {
        Ok(self.keyspace(key).get(key)?.map(|value| value.to_vec()))
    }

    fn count(&self) -> Result<usize, BoxError> {
        let mut count = 0;
        for keyspace in &self.keyspaces {
            count += keyspace.len()?;
        }
        Ok(count)
    }

    fn flush(&self) -> Result<(), BoxError> {
        self.keyspaces.iter().try_for_each(|keyspace| Ok(keyspace.rotate_memtable_and_wait()?))
    }

    // fjall's own threads compact.
    fn compact(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn compact_all(&self) -> Result<(), BoxError> {
        self.keyspaces.iter().try_for_each(|keyspace| Ok(keyspace.major_compact()?))
    }
}
