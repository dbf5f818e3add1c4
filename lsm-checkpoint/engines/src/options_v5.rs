//! The options of [`options`](crate::options), for version 5 of coordinode's engine.

use std::sync::Arc;

use coordinode_v5::encryption::aad::BlockIdentity;
use xxhash_rust::xxh3::xxh3_64;

crate::options::descending!(coordinode_v5);

/// Returns a provider for version 5 that uses the cipher of version 7. The provider of version 5 itself cannot be
/// linked beside version 7.
#[must_use]
pub fn key_v5() -> Arc<dyn coordinode_v5::EncryptionProvider> {
    Arc::new(Lent(coordinode_v7::Aes256GcmProvider::new(&crate::options::KEY)))
}

struct Lent(coordinode_v7::Aes256GcmProvider);

/// Returns the bytes that bind a payload to its block. They are encrypted in front of the payload.
fn bond(identity: &BlockIdentity) -> [u8; 8] {
    xxh3_64(format!("{identity:?}").as_bytes()).to_le_bytes()
}

impl coordinode_v5::EncryptionProvider for Lent {
    fn encrypt(&self, plaintext: &[u8]) -> coordinode_v5::Result<Vec<u8>> {
        let sealed = coordinode_v7::EncryptionProvider::encrypt(&self.0, plaintext);
        sealed.map_err(|_| coordinode_v5::Error::Encrypt("AES-256-GCM"))
    }

    fn decrypt(&self, ciphertext: &[u8]) -> coordinode_v5::Result<Vec<u8>> {
        let opened = coordinode_v7::EncryptionProvider::decrypt(&self.0, ciphertext);
        opened.map_err(|_| coordinode_v5::Error::Decrypt("AES-256-GCM"))
    }

    // A nonce, a tag and the bond.
    fn max_overhead(&self) -> u32 {
        12 + 16 + 8
    }

    fn supports_aad_block_path(&self) -> bool {
        true
    }

    fn encrypt_block_aad(
        &self,
        plaintext: &[u8],
        identity: &BlockIdentity,
        _compression: u8,
        _flags: u8,
    ) -> coordinode_v5::Result<Vec<u8>> {
        self.encrypt(&[&bond(identity), plaintext].concat())
    }

    fn decrypt_block_aad(
        &self,
        ciphertext: &[u8],
        identity: &BlockIdentity,
    ) -> coordinode_v5::Result<Vec<u8>> {
        let opened = self.decrypt(ciphertext)?;
        let payload = opened.strip_prefix(&bond(identity));
        payload.map(<[u8]>::to_vec).ok_or(coordinode_v5::Error::Decrypt("the block of another place"))
    }
}
