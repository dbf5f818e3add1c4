//! A second implementation of the envelopes, from the description of the format, with nonces that count up. The same
//! sections always give the same file.

use std::sync::atomic::{AtomicU8, Ordering};

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use lsm_manifest::{BlockIdentity, CryptError, EncryptionProvider, Envelope};

pub(crate) const KEY: [u8; 32] = *b"a key for tests, and only those.";

#[derive(Debug)]
pub(crate) struct FixedNonce {
    envelope: Envelope,
    count: AtomicU8,
}

impl FixedNonce {
    pub(crate) fn new(envelope: Envelope) -> Self {
        Self { envelope, count: AtomicU8::new(0) }
    }
}

impl EncryptionProvider for FixedNonce {
    fn max_overhead(&self) -> usize {
        55
    }

    fn seal(&self, identity: &BlockIdentity, plaintext: &[u8]) -> Result<Vec<u8>, CryptError> {
        let cipher = Aes256Gcm::new(&KEY.into());
        let nonce = [self.count.fetch_add(1, Ordering::Relaxed); 12];
        let encrypt = |aad: &[u8]| {
            let sealed = cipher.encrypt(&nonce.into(), Payload { msg: plaintext, aad }).unwrap();
            let (body, tag) = sealed.split_at(plaintext.len());
            (body.to_vec(), tag.to_vec())
        };
        Ok(match self.envelope {
            Envelope::Bare => {
                let (body, tag) = encrypt(b"");
                [&nonce[..], &body, &tag].concat()
            }
            _ => {
                let block_type = identity.block_type.code();
                let aad = [
                    &[0x50, 0x2A, 0x4D, 0x18, 0x10, 0, block_type, 2][..],
                    &[0xff; 8],
                    &[0, 0, 0, 0, 0, 0, 8],
                ];
                let (body, tag) = encrypt(&aad.concat());
                let len = u32::try_from(body.len()).unwrap().to_le_bytes();
                [
                    &[0x50, 0x2A, 0x4D, 0x18, 0x27, 0, 0, 0][..],
                    &[0x10, 0, block_type, 2, 0, 0, 0, 0, 0, 0, 8],
                    &nonce,
                    &tag,
                    &[0x51, 0x2A, 0x4D, 0x18],
                    &len,
                    &body,
                ]
                .concat()
            }
        })
    }

    /// Not implemented. The provider of the crate opens these envelopes.
    fn open(&self, _: &BlockIdentity, _: Vec<u8>) -> Result<Vec<u8>, CryptError> {
        Err(CryptError::Malformed)
    }
}
