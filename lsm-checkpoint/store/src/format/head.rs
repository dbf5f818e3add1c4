//! [`Head`]: a state of the repository.

mod codec;

use std::time::Duration;

use super::{RefsPlace, Sha256};
use crate::{
    defect::Defect,
    id::{BackupId, RepositoryId, TransactionId, WriterId},
    key::ObjectName,
};

/// A state of the repository. The state with the highest number is the current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number, which is also its key.
    pub number: u64,
    /// The repository that it belongs to.
    pub repository: RepositoryId,
    /// The SHA-256 of the state before it. The first state has zeros.
    pub previous: Sha256,
    /// The transaction that made it.
    pub transaction: TransactionId,
    /// The backups, oldest push first.
    pub backups: Vec<Backup>,
    /// The backups that were forgotten and may come back.
    pub forgotten: Vec<Forgotten>,
    /// The pushes that are under way, or that died and were not fenced.
    pub writers: Vec<RegisteredWriter>,
}

/// A backup: a checkpoint in the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its identifier.
    pub id: BackupId,
    /// The identity of the source, from the checkpoint.
    pub source: String,
    /// The sequence number of the checkpoint, which holds every write up to this number.
    pub seqno: Option<u64>,
    /// The time of the checkpoint since the Unix epoch, by the clock of its maker.
    pub created: Duration,
    /// The time of the push since the Unix epoch, by the clock of the machine that pushed.
    pub pushed: Duration,
    /// The number of its files.
    pub files: u64,
    /// The length of its files together.
    pub bytes: u64,
    /// The place of its catalog.
    pub catalog: CatalogPlace,
}

/// The place of a catalog, and its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatalogPlace {
    /// The name of the object.
    pub name: ObjectName,
    /// Its length.
    pub len: u64,
    /// The SHA-256 of the whole object.
    pub sha256: Sha256,
    /// The place of the references in it.
    pub refs: RefsPlace,
}

/// A backup that was forgotten. Its objects stay until a collect drops it after the grace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The backup.
    pub backup: Backup,
    /// The store's time at which a collector first saw it, since the Unix epoch. `None` until then.
    pub seen: Option<Duration>,
}

/// A push that is under way or has died. Host, process and time are shown to people, and the protocol does not depend
/// on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredWriter {
    /// The identifier of the push.
    pub id: WriterId,
    /// The name of its host, or empty.
    pub host: String,
    /// The number of its process.
    pub process: u32,
    /// The time of the registration since the Unix epoch, by the clock of its machine.
    pub started: Duration,
    /// The number of the state that registered it.
    pub registered_in: u64,
}

impl Head {
    /// Creates the first state.
    #[must_use]
    pub fn first(repository: RepositoryId, transaction: TransactionId) -> Self {
        let (backups, forgotten, writers) = (Vec::new(), Vec::new(), Vec::new());
        Self { number: 0, repository, previous: [0; 32], transaction, backups, forgotten, writers }
    }

    /// Encodes the object.
    ///
    /// # Errors
    ///
    /// There are more backups than an archive can hold.
    pub fn encode(&self) -> Result<Vec<u8>, Defect> {
        codec::encode(self)
    }

    /// Decodes the object that is stored under a number.
    ///
    /// # Errors
    ///
    /// The bytes are damaged, a newer version wrote them, or they are the state of another number.
    pub fn decode(number: u64, bytes: Vec<u8>) -> Result<Self, Defect> {
        let head = codec::decode(bytes)?;
        if head.number == number { Ok(head) } else { Err(Defect::Number { found: head.number }) }
    }

    /// Returns the backups and the forgotten ones: all that a collector must spare.
    pub fn referenced(&self) -> impl Iterator<Item = &Backup> {
        self.backups.iter().chain(self.forgotten.iter().map(|forgotten| &forgotten.backup))
    }

    /// Returns the backup with this identifier.
    #[must_use]
    pub fn backup(&self, id: BackupId) -> Option<&Backup> {
        self.backups.iter().find(|backup| backup.id == id)
    }

    /// Returns the forgotten backup with this identifier.
    #[must_use]
    pub fn forgotten(&self, id: BackupId) -> Option<&Forgotten> {
        self.forgotten.iter().find(|forgotten| forgotten.backup.id == id)
    }

    /// Returns `true` if the writer is registered.
    #[must_use]
    pub fn has_writer(&self, id: WriterId) -> bool {
        self.writers.iter().any(|writer| writer.id == id)
    }
}

#[cfg(test)]
mod tests;
