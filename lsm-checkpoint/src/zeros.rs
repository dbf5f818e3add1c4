//! The checksum of holes, which read as zeros.

use xxhash_rust::xxh3::Xxh3Default;

const PIECE: usize = 64 << 10;
static ZEROS: [u8; PIECE] = [0; PIECE];

/// Adds so many zeros to a checksum.
pub(crate) fn hash_zeros(hasher: &mut Xxh3Default, len: u64) {
    let mut left = len;
    while left > 0 {
        let piece = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let (zeros, _) = ZEROS.split_at(piece);
        hasher.update(zeros);
        left -= piece as u64;
    }
}
