//! [`Aes256GcmProvider`]: AES-256-GCM in both envelopes of the format.

use std::fmt;

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{AeadInOut, Generate, Nonce, Tag},
};

use super::{
    BlockIdentity, CryptError, EncryptionProvider,
    frame::{Frames, additional_data},
};
use crate::format::{FRAME_OVERHEAD, NONCE_LEN, TAG_LEN};

/// The layout of a sealed payload. An archive must be read with the layout that it was written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Envelope {
    /// Two skippable frames of zstd, one for the metadata and one for the ciphertext. The tag authenticates that the
    /// block is of its type and belongs to a manifest, so no other kind of block can replace it.
    Framed,
    /// Nonce, ciphertext and tag. Nothing else is authenticated. Engines that are built without zstd use this layout.
    Bare,
}

/// AES-256-GCM with one key and a random nonce for each block.
///
/// With random 96-bit nonces, one key can seal at most 2³² blocks (NIST SP 800-38D, section 8.3).
///
/// # Examples
///
/// ```
/// use lsm_manifest::{Aes256GcmProvider, BlockIdentity, EncryptionProvider, Envelope, block::BlockType};
///
/// # fn main() -> Result<(), lsm_manifest::CryptError> {
/// let key = [7; 32]; // from a key store
/// let provider = Aes256GcmProvider::new(&key, Envelope::Framed);
/// let identity = BlockIdentity::manifest(BlockType::Manifest);
/// let sealed = provider.seal(&identity, b"tables")?;
/// assert_eq!(provider.open(&identity, sealed)?, b"tables");
/// assert!(!format!("{provider:?}").contains('7'));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Aes256GcmProvider {
    cipher: Aes256Gcm,
    envelope: Envelope,
    epoch: u8,
}

impl Aes256GcmProvider {
    /// Creates a provider with this key, for key epoch 0.
    #[must_use]
    pub fn new(key: &[u8; 32], envelope: Envelope) -> Self {
        Self { cipher: Aes256Gcm::new(key.into()), envelope, epoch: 0 }
    }

    fn seal_with(
        &self,
        identity: &BlockIdentity,
        nonce: &Nonce<Aes256Gcm>,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptError> {
        let too_long = |_| CryptError::Other("the payload is longer than the cipher takes".into());
        match self.envelope {
            Envelope::Bare => {
                let mut out = Vec::with_capacity(plaintext.len() + self.max_overhead());
                out.extend_from_slice(nonce);
                out.extend_from_slice(plaintext);
                let (_, body) = out.split_first_chunk_mut::<NONCE_LEN>().ok_or(CryptError::Malformed)?;
                let tag = self.cipher.encrypt_inout_detached(nonce, b"", body.into()).map_err(too_long)?;
                out.extend_from_slice(&tag);
                Ok(out)
            }
            Envelope::Framed if plaintext.is_empty() => Err(CryptError::Empty),
            Envelope::Framed => {
                let mut out = Vec::with_capacity(plaintext.len() + self.max_overhead());
                out.extend_from_slice(&[0; FRAME_OVERHEAD]);
                out.extend_from_slice(plaintext);
                let aad = additional_data(identity, self.epoch);
                let (head, body) =
                    out.split_first_chunk_mut::<FRAME_OVERHEAD>().ok_or(CryptError::Malformed)?;
                let tag = self.cipher.encrypt_inout_detached(nonce, &aad, body.into()).map_err(too_long)?;
                let frames = Frames { epoch: self.epoch, nonce: (*nonce).into(), tag: tag.into() };
                *head = frames
                    .encode(identity, plaintext.len())
                    .ok_or_else(|| CryptError::Other("the payload is longer than a frame".into()))?;
                Ok(out)
            }
        }
    }

    fn open_in_place(
        &self,
        nonce: &Nonce<Aes256Gcm>,
        aad: &[u8],
        body: &mut [u8],
        tag: &Tag<Aes256Gcm>,
    ) -> Result<(), CryptError> {
        self.cipher.decrypt_inout_detached(nonce, aad, body.into(), tag).map_err(|_| CryptError::Rejected)
    }
}

impl EncryptionProvider for Aes256GcmProvider {
    fn max_overhead(&self) -> usize {
        match self.envelope {
            Envelope::Bare => NONCE_LEN + TAG_LEN,
            Envelope::Framed => FRAME_OVERHEAD,
        }
    }

    fn seal(&self, identity: &BlockIdentity, plaintext: &[u8]) -> Result<Vec<u8>, CryptError> {
        let nonce =
            Nonce::<Aes256Gcm>::try_generate().map_err(|e| CryptError::Other(e.to_string().into()))?;
        self.seal_with(identity, &nonce, plaintext)
    }

    fn open(&self, identity: &BlockIdentity, mut envelope: Vec<u8>) -> Result<Vec<u8>, CryptError> {
        let head_len = match self.envelope {
            Envelope::Bare => {
                let (nonce, rest) =
                    envelope.split_first_chunk_mut::<NONCE_LEN>().ok_or(CryptError::Malformed)?;
                let (body, tag) = rest.split_last_chunk_mut::<TAG_LEN>().ok_or(CryptError::Malformed)?;
                self.open_in_place((&*nonce).into(), b"", body, (&*tag).into())?;
                envelope.truncate(envelope.len() - TAG_LEN);
                NONCE_LEN
            }
            Envelope::Framed => {
                let frames = Frames::decode(identity, &envelope)?;
                if frames.epoch != self.epoch {
                    return Err(CryptError::UnknownKey { epoch: frames.epoch });
                }
                let aad = additional_data(identity, frames.epoch);
                let body = envelope.get_mut(FRAME_OVERHEAD..).ok_or(CryptError::Malformed)?;
                self.open_in_place((&frames.nonce).into(), &aad, body, (&frames.tag).into())?;
                FRAME_OVERHEAD
            }
        };
        envelope.drain(..head_len);
        Ok(envelope)
    }
}

/// Omits the key.
impl fmt::Debug for Aes256GcmProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aes256GcmProvider").field("envelope", &self.envelope).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
