//! Computes parity, and restores payloads with it. Both work on a window of each shard at a time, so that the codec's
//! own memory does not grow with the payload. This is possible because each parity word depends only on the data words
//! at the same offset. A restore also holds up to two restored shards, which are half of the payload.

use reed_solomon_simd::{
    ReedSolomonEncoder,
    rate::{HighRateDecoder, RateDecoder},
};
use xxhash_rust::xxh3::Xxh3Default;

use super::{engine::FewShards, shard_len};
use crate::format::{PARITY_DATA_SHARDS, PARITY_SHARDS};

const SHARDS: usize = PARITY_DATA_SHARDS + PARITY_SHARDS;
/// A multiple of the 64-byte groups in which the code stores its words.
const WINDOW: usize = 16 * 1024;

const _: () = assert!(WINDOW.is_multiple_of(64));

/// Appends the parity of the payload, which extends from `payload_at` to the end of `bytes`. Returns `None` if the
/// codec fails.
pub(crate) fn append_parity(bytes: &mut Vec<u8>, payload_at: usize) -> Option<()> {
    let end = bytes.len();
    let shard = usize::try_from(shard_len(end.checked_sub(payload_at)? as u64)).ok()?;
    bytes.resize(end.checked_add(PARITY_SHARDS.checked_mul(shard)?)?, 0);
    let (block, parity) = bytes.split_at_mut(end);
    let payload = block.get(payload_at..)?;
    let (first, second) = parity.split_at_mut(shard);
    let mut scratch = vec![0; WINDOW];
    for at in (0..shard).step_by(WINDOW) {
        let len = WINDOW.min(shard - at);
        let encoded = encode_window(payload, shard, at, scratch.get_mut(..len)?)?;
        for (target, words) in [&mut *first, &mut *second].into_iter().zip(&encoded) {
            target.get_mut(at..at + len)?.copy_from_slice(words);
        }
    }
    Some(())
}

fn encode_window(
    payload: &[u8],
    shard: usize,
    at: usize,
    scratch: &mut [u8],
) -> Option<[Vec<u8>; PARITY_SHARDS]> {
    let mut encoder = ReedSolomonEncoder::new(PARITY_DATA_SHARDS, PARITY_SHARDS, scratch.len()).ok()?;
    for index in 0..PARITY_DATA_SHARDS {
        fill(scratch, payload, index * shard + at, (index + 1) * shard);
        encoder.add_original_shard(&*scratch).ok()?;
    }
    let result = encoder.encode().ok()?;
    Some([result.recovery(0)?.to_vec(), result.recovery(1)?.to_vec()])
}

/// Restores the payload at the start of `body` from the parity behind it. Returns `None` if more than two shards are
/// damaged.
///
/// Shards have no checksums of their own. The function therefore treats each pair of shards as lost in turn, until the
/// checksum of the payload matches.
pub(crate) fn heal(body: &mut [u8], data_len: usize, checksum: u128) -> Option<()> {
    let shard = usize::try_from(shard_len(data_len as u64)).ok()?;
    if shard == 0 {
        return None; // There is no payload, and so no parity.
    }
    for a in 0..PARITY_DATA_SHARDS {
        for b in a + 1..SHARDS {
            let (payload, parity) = body.split_at_checked(data_len)?;
            let restored = restore(payload, parity, shard, [a, b])?;
            if digest_with(payload, shard, &restored) == checksum {
                put(body.get_mut(..data_len)?, shard, &restored);
                return Some(());
            }
        }
    }
    None
}

/// A data shard that was recomputed from the others.
struct Restored {
    index: usize,
    bytes: Vec<u8>,
}

fn restore(payload: &[u8], parity: &[u8], shard: usize, lost: [usize; 2]) -> Option<Vec<Restored>> {
    let mut restored: Vec<_> = lost
        .into_iter()
        .filter(|&index| index < PARITY_DATA_SHARDS)
        .map(|index| Restored { index, bytes: Vec::with_capacity(shard) })
        .collect();
    let mut scratch = vec![0; WINDOW.min(shard)];
    for at in (0..shard).step_by(WINDOW) {
        let len = WINDOW.min(shard - at);
        scratch.resize(len, 0);
        let (data, parity_shards) = (PARITY_DATA_SHARDS, PARITY_SHARDS);
        let mut decoder = HighRateDecoder::new(data, parity_shards, len, FewShards::new(), None).ok()?;
        for index in (0..SHARDS).filter(|index| !lost.contains(index)) {
            if let Some(nth) = index.checked_sub(PARITY_DATA_SHARDS) {
                fill(&mut scratch, parity, nth * shard + at, (nth + 1) * shard);
                decoder.add_recovery_shard(nth, &scratch).ok()?;
            } else {
                fill(&mut scratch, payload, index * shard + at, (index + 1) * shard);
                decoder.add_original_shard(index, &scratch).ok()?;
            }
        }
        let result = decoder.decode().ok()?;
        for shard in &mut restored {
            shard.bytes.extend_from_slice(result.restored_original(shard.index)?);
        }
    }
    Some(restored)
}

/// Copies `source[from..until]` into the window, as far as both reach, and fills the rest of the window with zeros.
fn fill(window: &mut [u8], source: &[u8], from: usize, until: usize) {
    let end = until.min(source.len()).min(from.saturating_add(window.len()));
    // A short payload may end before its last shards begin.
    let bytes = source.get(from..end).unwrap_or(&[]);
    let (head, tail) = window.split_at_mut(bytes.len());
    head.copy_from_slice(bytes);
    tail.fill(0);
}

/// Computes the checksum of the payload with the restored shards in place.
fn digest_with(payload: &[u8], shard: usize, restored: &[Restored]) -> u128 {
    let mut hasher = Xxh3Default::new();
    for (index, on_disk) in payload.chunks(shard).enumerate() {
        let other = restored.iter().find(|r| r.index == index).and_then(|r| r.bytes.get(..on_disk.len()));
        hasher.update(other.unwrap_or(on_disk));
    }
    hasher.digest128()
}

fn put(payload: &mut [u8], shard: usize, restored: &[Restored]) {
    for (index, on_disk) in payload.chunks_mut(shard).enumerate() {
        let other = restored.iter().find(|r| r.index == index).and_then(|r| r.bytes.get(..on_disk.len()));
        if let Some(bytes) = other {
            on_disk.copy_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests;
