//! [`Hasher`]: the XXH3-128 of a file that arrives in pieces and holes.

mod sparse;

use xxhash_rust::xxh3::Xxh3Default;

use sparse::SparseHasher;

/// The length of the zeros that `Dense` hashes at a time for a hole.
const PIECE: usize = 64 << 10;
static ZEROS: [u8; PIECE] = [0; PIECE];

/// The checksum of the bytes so far. Holes read as zeros.
pub(crate) enum Hasher {
    /// Hashes holes like data.
    Dense(Box<Xxh3Default>),
    /// Hashes a long hole at little cost. Data takes twice as long as with `Dense`.
    Sparse(Box<SparseHasher>),
}

impl Hasher {
    pub(crate) fn new(has_holes: bool) -> Self {
        if has_holes { Self::Sparse(Box::default()) } else { Self::Dense(Box::default()) }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Dense(hasher) => hasher.update(bytes),
            Self::Sparse(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn zeros(&mut self, len: u64) {
        match self {
            Self::Dense(hasher) => {
                let mut left = len;
                while left > 0 {
                    let piece = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
                    let (zeros, _) = ZEROS.split_at(piece);
                    hasher.update(zeros);
                    left -= piece as u64;
                }
            }
            Self::Sparse(hasher) => hasher.zeros(len),
        }
    }

    pub(crate) fn digest(&self) -> u128 {
        match self {
            Self::Dense(hasher) => hasher.digest128(),
            Self::Sparse(hasher) => hasher.digest(),
        }
    }
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_128;

    use super::*;

    #[test]
    fn both_hashers_agree() {
        for hole in [0, 1, 1 << 16, (1 << 16) + 1, 200_000] {
            let all = [&b"rows"[..], &vec![0; hole], b"more"].concat();
            for has_holes in [false, true] {
                let mut hasher = Hasher::new(has_holes);
                hasher.update(b"rows");
                hasher.zeros(hole as u64);
                hasher.update(b"more");
                assert_eq!(hasher.digest(), xxh3_128(&all), "{hole}");
            }
        }
    }
}
