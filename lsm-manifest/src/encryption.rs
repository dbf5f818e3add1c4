//! Sealed payloads: the [`EncryptionProvider`] trait, and an implementation for AES-256-GCM.

use std::{error, fmt};

use crate::{block::BlockType, format::MANIFEST_TABLE_ID};

#[cfg(feature = "aes-gcm")]
mod aes;
#[cfg(feature = "aes-gcm")]
mod frame;

#[cfg(feature = "aes-gcm")]
pub use aes::{Aes256GcmProvider, Envelope};

/// The place that a sealed payload is bound to: a block type and a table. If the envelope authenticates the place, a
/// payload of a manifest is not accepted in a table, and a footer is not accepted as a section.
///
/// # Limits
///
/// *Rollback.* The identity contains neither the version nor the archive, and the digest in CURRENT has no key. Anyone
/// who can write to the directory can compute that digest from the names of the sections and from the block headers,
/// which are not sealed. An attacker can therefore copy the bytes of an old `v{N}` to a newer name and write a matching
/// CURRENT, and the key will open the result. Sealing keeps the contents secret and detects changed bytes. It does not
/// prove that the archive is the latest one.
///
/// To detect an old archive under a new version, store the version in a section, which is sealed like any other, and
/// compare it with [`Current::version_id`](crate::Current::version_id) after opening. To detect that the whole
/// directory was rolled back, keep the highest version outside the directory, in a place that requires other access
/// rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BlockIdentity {
    /// The type of the block, as stored in its header.
    pub block_type: BlockType,
    /// The id of the table that the block belongs to. Blocks of a manifest have all ones, which no table has.
    pub table_id: u64,
}

impl BlockIdentity {
    /// Returns the identity of a block in a manifest.
    #[must_use]
    pub const fn manifest(block_type: BlockType) -> Self {
        Self { block_type, table_id: MANIFEST_TABLE_ID }
    }
}

/// Authenticated encryption of block payloads.
///
/// # Contract
///
/// - `open(identity, seal(identity, p)) == p`.
/// - `open` refuses an envelope that was modified or sealed under another key. The error is [`CryptError::Rejected`],
///   or another variant if the layout of the envelope is wrong. If the envelope authenticates the identity, `open` also
///   refuses an envelope that was sealed for another identity.
/// - The provider chooses the nonces, and never uses a nonce twice with the same key.
/// - `Debug` output contains no key.
pub trait EncryptionProvider: Send + Sync + fmt::Debug {
    /// Returns the maximum number of bytes by which an envelope is longer than its plaintext.
    fn max_overhead(&self) -> usize;

    /// Seals a payload.
    ///
    /// # Errors
    ///
    /// - [`CryptError::Empty`]: the envelope cannot hold an empty payload.
    /// - [`CryptError::Other`]: the provider cannot generate a nonce or reach its key.
    fn seal(&self, identity: &BlockIdentity, plaintext: &[u8]) -> Result<Vec<u8>, CryptError>;

    /// Opens an envelope and returns the plaintext. The buffer is passed by value, so that it can be decrypted in
    /// place.
    ///
    /// # Errors
    ///
    /// - [`CryptError::Rejected`]: the authentication tag does not match.
    /// - [`CryptError::Malformed`]: the bytes are not an envelope of this kind.
    /// - [`CryptError::UnknownKey`], [`CryptError::UnknownSuite`]: the provider does not have the key or the cipher.
    /// - [`CryptError::Other`]: the provider cannot reach its key.
    fn open(&self, identity: &BlockIdentity, envelope: Vec<u8>) -> Result<Vec<u8>, CryptError>;
}

/// The reason why a payload could not be sealed or opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum CryptError {
    /// The authentication tag does not match: the key or the identity is wrong, or the envelope was modified.
    Rejected,
    /// The bytes are not an envelope of the provider's kind.
    Malformed,
    /// The envelope requires a key that the provider does not have.
    UnknownKey {
        /// The epoch of that key.
        epoch: u8,
    },
    /// The envelope requires a cipher that the provider does not support.
    UnknownSuite {
        /// The number of that cipher.
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
            Self::Malformed => f.write_str("the payload is not an envelope of the configured kind"),
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
