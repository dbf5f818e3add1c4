use proptest::prelude::*;

use super::*;

/// Lengths around the bounds of stripes, of blocks and of short inputs.
const LENGTHS: [usize; 20] =
    [0, 1, 8, 16, 63, 64, 65, 128, 129, 239, 240, 241, 256, 1023, 1024, 1025, 1088, 2048, 2049, 5000];

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[test]
fn the_sparse_hasher_equals_xxh3_for_bytes() {
    for len in LENGTHS {
        let bytes = bytes(len);
        for piece in [1, 7, 64, 100, 1024, 9999] {
            let mut hasher = SparseHasher::default();
            bytes.chunks(piece).for_each(|piece| hasher.update(piece));
            assert_eq!(hasher.digest(), xxh3_128(&bytes), "{len} bytes by {piece}");
        }
    }
}

#[test]
fn a_hole_counts_as_zeros() {
    for before in LENGTHS {
        for hole in LENGTHS {
            for after in [0, 1, 64, 300, 2000] {
                let mut hasher = SparseHasher::default();
                hasher.update(&bytes(before));
                hasher.zeros(hole as u64);
                hasher.update(&bytes(after));
                let all = [bytes(before), vec![0; hole], bytes(after)].concat();
                assert_eq!(hasher.digest(), xxh3_128(&all), "{before}, {hole}, {after}");
            }
        }
    }
}

proptest! {
    #[test]
    fn pieces_and_holes_in_any_order(pieces in prop::collection::vec((any::<bool>(), 0..5000_usize), 0..8)) {
        let (mut hasher, mut all) = (SparseHasher::default(), Vec::new());
        for (is_hole, len) in pieces {
            if is_hole {
                hasher.zeros(len as u64);
                all.resize(all.len() + len, 0);
            } else {
                hasher.update(&bytes(len));
                all.extend(bytes(len));
            }
        }
        prop_assert_eq!(hasher.digest(), xxh3_128(&all));
    }
}
