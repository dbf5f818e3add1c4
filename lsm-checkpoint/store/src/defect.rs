//! [`Defect`]: the damage of an object.

/// The reason to refuse the bytes of an object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// The object is missing.
    #[error("the object is missing")]
    Missing,
    /// The object has another length than the state or the catalog records.
    #[error("{found} bytes, {expected} expected")]
    Length {
        /// The recorded length.
        expected: u64,
        /// The length of the object.
        found: u64,
    },
    /// The object is longer than such an object can be.
    #[error("{found} bytes, at most {limit} are read")]
    TooLong {
        /// The limit.
        limit: u64,
        /// The length of the object.
        found: u64,
    },
    /// The bytes do not match their SHA-256.
    #[error("the bytes do not match their SHA-256")]
    Digest,
    /// The archive is damaged.
    #[error("{0}")]
    Archive(Box<lsm_manifest::Error>),
    /// A section ends within a field, or continues after its last record.
    #[error("a section has a wrong length")]
    Section,
    /// A name is empty, too long, not plain text, or leads out of its directory.
    #[error("a path with an invalid name")]
    Name,
    /// The number of records differs from the number in the object, a record is listed twice, or a field contradicts
    /// another.
    #[error("the number of records is wrong, or one is listed twice")]
    Records,
    /// A state is stored under the number of another state.
    #[error("it contains state {found}")]
    Number {
        /// The number in the object.
        found: u64,
    },
    /// The number of the state leaves no room for later states. No client gets there, so somebody forged the state.
    #[error("its number is too high for other states to follow")]
    NumberTooHigh,
    /// The object belongs to another repository.
    #[error("it belongs to another repository")]
    OtherRepository,
    /// The catalog belongs to another backup: it names another backup, or the SHA-256 of its `CHECKPOINT` does not
    /// begin with the identifier in the state.
    #[error("it belongs to another backup")]
    OtherBackup,
    /// The `CHECKPOINT` in the catalog cannot be read. The identifier of the backup proves its bytes, so it was damaged
    /// before the push, or somebody forged the backup.
    #[error("its CHECKPOINT cannot be read: {0}")]
    Checkpoint(Box<lsm_checkpoint::Error>),
    /// The catalog lists other files than its `CHECKPOINT`, lists them in another order, or has one with another length
    /// or checksum.
    #[error("it lists other files than its CHECKPOINT")]
    OtherFiles,
    /// A newer version wrote the object.
    #[error("it has the format {0}, which this version does not know")]
    Format(u32),
    /// The object requires features that this version does not know.
    #[error("it requires the features {0:#x}, which this version does not know")]
    Features(u64),
}

impl Defect {
    /// Returns `true` if a newer version of this crate may read the object.
    #[must_use]
    pub const fn is_newer(&self) -> bool {
        matches!(self, Self::Format(_) | Self::Features(_))
    }
}
