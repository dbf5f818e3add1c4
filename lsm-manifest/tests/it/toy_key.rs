//! A provider for tests of everything except the cipher, which need no feature. It keeps nothing secret.

use lsm_manifest::{BlockIdentity, CryptError, EncryptionProvider};
use xxhash_rust::xxh3::xxh3_128;

/// Length of the tag in front of the payload.
pub(crate) const OVERHEAD: usize = 16;

/// Inverts the payload, and prepends a hash of the key, the identity and the payload.
#[derive(Debug)]
pub(crate) struct ToyKey(pub(crate) u8);

impl ToyKey {
    fn tag(&self, identity: &BlockIdentity, plain: &[u8]) -> [u8; OVERHEAD] {
        let bound = [self.0, identity.block_type.code()];
        xxh3_128(&[&bound[..], &identity.table_id.to_le_bytes(), plain].concat()).to_le_bytes()
    }
}

impl EncryptionProvider for ToyKey {
    fn max_overhead(&self) -> usize {
        OVERHEAD
    }

    fn seal(&self, identity: &BlockIdentity, plaintext: &[u8]) -> Result<Vec<u8>, CryptError> {
        let inverted: Vec<u8> = plaintext.iter().map(|byte| !byte).collect();
        Ok([&self.tag(identity, plaintext)[..], &inverted].concat())
    }

    fn open(&self, identity: &BlockIdentity, envelope: Vec<u8>) -> Result<Vec<u8>, CryptError> {
        let (tag, inverted) = envelope.split_first_chunk::<OVERHEAD>().ok_or(CryptError::Malformed)?;
        let plain: Vec<u8> = inverted.iter().map(|byte| !byte).collect();
        if *tag == self.tag(identity, &plain) { Ok(plain) } else { Err(CryptError::Rejected) }
    }
}
