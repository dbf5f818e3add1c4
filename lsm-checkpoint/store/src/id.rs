//! Identifiers of 128 bits, shown as 32 hexadecimal digits.

use std::{fmt, str::FromStr};

use crate::{format::sha256, hex};

/// A text that is not 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier: 32 hexadecimal digits are expected")]
pub struct NotAnId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name(pub [u8; 16]);

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&hex::encode(&self.0))
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, concat!(stringify!($name), "({})"), self)
                }
            }

            impl FromStr for $name {
                type Err = NotAnId;

                fn from_str(text: &str) -> Result<Self, NotAnId> {
                    hex::decode(text).map(Self).ok_or(NotAnId)
                }
            }
        )+
    };
}

ids! {
    /// The identifier of a repository, drawn when it is created.
    RepositoryId
    /// The identifier of a backup: the first 16 bytes of the SHA-256 of the checkpoint's catalog. Two pushes of one
    /// checkpoint therefore make one backup.
    BackupId
    /// The identifier of a push, drawn for each and never used twice. A push that is fenced draws another one.
    WriterId
    /// The second half of an object's name, drawn for each object and each attempt.
    Nonce
    /// The identifier of a transaction. It makes the bytes of a state unique, so a client recognises its own.
    TransactionId
}

impl BackupId {
    /// Returns the identifier of the backup of a checkpoint whose file `CHECKPOINT` has these bytes.
    #[must_use]
    pub(crate) fn of_checkpoint(bytes: &[u8]) -> Self {
        let mut id = [0; 16];
        id.iter_mut().zip(sha256(bytes)).for_each(|(id, byte)| *id = byte);
        Self(id)
    }
}
