//! Sealed payloads: [`EncryptionProvider`], and a ready one for AES-256-GCM.

use std::{error, fmt};

use crate::{block::BlockType, format::MANIFEST_TABLE_ID};

#[cfg(feature = "aes-gcm")]
mod aes;
#[cfg(feature = "aes-gcm")]
mod frame;

#[cfg(feature = "aes-gcm")]
pub use aes::{Aes256GcmProvider, Envelope};

/// The identity that a sealed payload is bound to. A payload of a manifest is refused in a table, and a footer is
/// refused as a section.
///
/// # Limits
///
/// *Rollback.* The identity has neither the version nor the archive, and the digest in CURRENT has no key: anyone who
/// can write to the directory can compute it from block headers, which are not sealed, and the names of the sections.
/// So the bytes of an old `v{N}`, copied to a newer name with a CURRENT to match, open with the key. Sealing hides what
/// an archive holds and detects a changed byte. It does not prove that the archive is the latest one.
///
/// An engine that has to notice a rollback puts the version into a section of its own, which is sealed, and compares it
/// with [`Current::version_id`](crate::Current::version_id) after opening. That refuses an old archive under a new
/// number. To notice a whole directory that was put back, keep the highest version outside the directory, in a place
/// that needs other rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BlockIdentity {
    /// The block's type, as its header has it.
    pub block_type: BlockType,
    /// The table the block belongs to; a manifest has all ones here, which no table has.
    pub table_id: u64,
}

impl BlockIdentity {
    /// Of a block in a manifest.
    #[must_use]
    pub const fn manifest(block_type: BlockType) -> Self {
        Self { block_type, table_id: MANIFEST_TABLE_ID }
    }
}

/// Authenticated encryption of block payloads.
///
/// # Contract
///
/// `open(identity, seal(identity, p)) == p`. An envelope that was changed, or that was sealed under another key or,
/// where the envelope has additional authenticated data, for another identity, is refused as
/// [`CryptError::Rejected`]. A nonce is never used twice under one key: the provider makes it.
///
/// `Debug` shows no key.
pub trait EncryptionProvider: Send + Sync + fmt::Debug {
    /// By how many bytes an envelope is longer than its plaintext, at most.
    fn max_overhead(&self) -> usize;

    /// Seals a payload.
    ///
    /// # Errors
    ///
    /// [`CryptError::Empty`] if the envelope cannot hold an empty payload; [`CryptError::Other`] if no nonce could be
    /// made or the key is out of reach.
    fn seal(&self, identity: &BlockIdentity, plaintext: &[u8]) -> Result<Vec<u8>, CryptError>;

    /// Opens an envelope; it gets the buffer, so that it can work in place.
    ///
    /// # Errors
    ///
    /// [`CryptError::Rejected`], [`CryptError::Malformed`], [`CryptError::UnknownKey`], [`CryptError::UnknownSuite`];
    /// [`CryptError::Other`] if the key is out of reach.
    fn open(&self, identity: &BlockIdentity, envelope: Vec<u8>) -> Result<Vec<u8>, CryptError>;
}

/// Why a payload could not be sealed or opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum CryptError {
    /// The authentication tag does not match: another key, another identity, or someone changed the envelope.
    Rejected,
    /// The bytes are no envelope of the provider's kind.
    Malformed,
    /// The envelope names a key that the provider does not have.
    UnknownKey {
        /// Its epoch.
        epoch: u8,
    },
    /// The envelope names a cipher that the provider does not know.
    UnknownSuite {
        /// The cipher's number.
        suite: u8,
    },
    /// The envelope cannot hold an empty payload.
    Empty,
    /// The provider itself failed.
    Other(Box<dyn error::Error + Send + Sync>),
}

impl fmt::Display for CryptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected => f.write_str("the authentication tag does not match"),
            Self::Malformed => f.write_str("the payload is no envelope of the configured kind"),
            Self::UnknownKey { epoch } => {
                write!(f, "the envelope is sealed under the unknown key epoch {epoch}")
            }
            Self::UnknownSuite { suite } => {
                write!(f, "the envelope is sealed with the unknown cipher {suite}")
            }
            Self::Empty => f.write_str("the envelope cannot hold an empty payload"),
            Self::Other(_) => f.write_str("the encryption provider failed"),
        }
    }
}

impl error::Error for CryptError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Other(source) => Some(&**source),
            _ => None,
        }
    }
}
