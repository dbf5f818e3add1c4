//! Options of the engines that a checkpoint must carry: an order of keys, and an encryption key.

use std::sync::Arc;

/// The key of every encrypted tree here.
pub(crate) const KEY: [u8; 32] = [7; 32];

/// The descending order of keys.
pub struct Descending;

/// Implements the order for a version of coordinode's engine.
macro_rules! descending {
    ($engine:ident) => {
        impl $engine::UserComparator for $crate::options::Descending {
            fn name(&self) -> &'static str {
                "descending"
            }

            fn compare(&self, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
                b.cmp(a)
            }
        }
    };
}
#[allow(unused_imports, reason = "the package for the newest release has one version only")]
pub(crate) use descending;

descending!(coordinode_v7);

/// Returns the AES provider of version 7.
#[must_use]
pub fn key_v7() -> Arc<dyn coordinode_v7::EncryptionProvider> {
    Arc::new(coordinode_v7::Aes256GcmProvider::new(&KEY))
}
