//! Parity behind a payload: Reed–Solomon with four data shards and two parity shards.

use crate::format::{PARITY_DATA_SHARDS, PARITY_SHARDS};

#[cfg(feature = "parity")]
mod codec;
#[cfg(feature = "parity")]
mod engine;

#[cfg(feature = "parity")]
pub(crate) use codec::{append_parity, heal};

/// Returns the length of one shard: a quarter of the payload, rounded up to whole 16-bit words.
const fn shard_len(data_len: u64) -> u64 {
    data_len.div_ceil(PARITY_DATA_SHARDS as u64).next_multiple_of(2)
}

/// Returns the length of the parity of a payload.
pub(crate) const fn parity_len(data_len: u64) -> u64 {
    PARITY_SHARDS as u64 * shard_len(data_len)
}

/// This build can compute parity and restore payloads with it.
pub(crate) const HAS_CODEC: bool = cfg!(feature = "parity");

#[cfg(not(feature = "parity"))]
mod absent {
    /// A build without the feature has no option that requests parity.
    pub(crate) fn append_parity(_: &mut Vec<u8>, _: usize) -> Option<()> {
        None
    }

    pub(crate) fn heal(_: &mut [u8], _: usize, _: u128) -> Option<()> {
        None
    }
}

#[cfg(not(feature = "parity"))]
pub(crate) use absent::{append_parity, heal};
