use xxhash_rust::xxh3::xxh3_128;

use super::*;
use crate::ecc::parity_len;

/// The code as a table: the contribution of each bit of a data word to a parity word. The first parity shard applies
/// the maps to the four data shards in this order, and the second one in the order B, A, D, C.
const MAPS: [[u16; 16]; 4] = [
    [
        0x0003, 0x0001, 0x000f, 0x0006, 0x003c, 0x0019, 0x00f3, 0x0067, 0x03cf, 0x019f, 0x0f3f, 0x067e,
        0x3cfd, 0x19fa, 0xf3f4, 0x67e9,
    ],
    [
        0x0002, 0x0003, 0x000b, 0x000e, 0x002c, 0x0039, 0x00b3, 0x00e7, 0x02cf, 0x039f, 0x0b3f, 0x0e7e,
        0x2cfd, 0x39fa, 0xb3f4, 0xe7e9,
    ],
    [
        0x0005, 0x0009, 0x0002, 0x000f, 0x005a, 0x009f, 0x002a, 0x00fd, 0x05ab, 0x09f7, 0x02ae, 0x0fdf,
        0x5ab8, 0x9f7f, 0x2ae2, 0xfdfe,
    ],
    [
        0x0004, 0x000b, 0x0006, 0x0007, 0x004a, 0x00bf, 0x006a, 0x007d, 0x04ab, 0x0bf7, 0x06ae, 0x07df,
        0x4ab8, 0xbf7f, 0x6ae2, 0x7dfe,
    ],
];

/// Returns the positions of the two bytes of each word of a shard.
fn words(shard: usize) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    for chunk in (0..shard).step_by(64) {
        let half = (shard - chunk).min(64) / 2;
        places.extend((0..half).map(|k| (chunk + k, chunk + half + k)));
    }
    places
}

fn parity_by_table(payload: &[u8]) -> Vec<u8> {
    let shard = payload.len().div_ceil(4).next_multiple_of(2);
    let mut padded = payload.to_vec();
    padded.resize(4 * shard, 0);
    let mut parity = vec![0; 2 * shard];
    for (low, high) in words(shard) {
        for (which, order) in [[0, 1, 2, 3], [1, 0, 3, 2]].into_iter().enumerate() {
            let mut sum = 0;
            for (index, map) in order.into_iter().enumerate() {
                let word = u16::from_le_bytes([padded[index * shard + low], padded[index * shard + high]]);
                let added = (0..16).filter(|bit| word >> bit & 1 == 1).map(|bit| MAPS[map][bit]);
                sum = added.fold(sum, |sum, value| sum ^ value);
            }
            let [first, second] = sum.to_le_bytes();
            (parity[which * shard + low], parity[which * shard + high]) = (first, second);
        }
    }
    parity
}

/// Bytes without a period that shards could share.
fn payload(len: usize) -> Vec<u8> {
    (0_u64..).flat_map(|i| xxh3_128(&i.to_le_bytes()).to_le_bytes()).take(len).collect()
}

fn with_parity(payload: &[u8]) -> Vec<u8> {
    let mut bytes = payload.to_vec();
    append_parity(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn parity_equals_the_table_of_the_format() {
    let lengths = (1..=300).chain([4 * WINDOW - 1, 4 * WINDOW, 4 * WINDOW + 1, 8 * WINDOW + 77, 9 * WINDOW]);
    for len in lengths {
        let payload = payload(len);
        let bytes = with_parity(&payload);
        assert_eq!(bytes.len() as u64, len as u64 + parity_len(len as u64), "{len}");
        assert!(bytes[len..] == parity_by_table(&payload), "{len}");
    }
}

#[test]
fn any_two_damaged_shards_are_restored() {
    for len in [1, 2, 3, 7, 8, 9, 64, 237, 4 * WINDOW + 129] {
        let payload = payload(len);
        let (good, checksum) = (with_parity(&payload), xxh3_128(&payload));
        let shard = usize::try_from(shard_len(len as u64)).unwrap();
        // The zeros that pad a short payload are not stored, so a shard on disk may end early or be empty.
        let on_disk = |index: usize| match index {
            0..4 => (index * shard).min(len)..((index + 1) * shard).min(len),
            _ => len + (index - 4) * shard..len + (index - 3) * shard,
        };
        for a in 0..SHARDS {
            for b in a..SHARDS {
                let mut bytes = good.clone();
                for index in [a, b] {
                    bytes[on_disk(index)].fill(0x5a);
                }
                // `heal` is never called for an undamaged payload.
                if bytes[..len] != payload {
                    heal(&mut bytes, len, checksum).unwrap();
                }
                assert!(bytes[..len] == payload, "{len}: {a}, {b}");
            }
        }
    }
}

#[test]
fn three_damaged_shards_are_not_restored() {
    let payload = payload(400);
    let mut bytes = with_parity(&payload);
    let checksum = xxh3_128(&payload);
    for at in [0, 100, 200] {
        bytes[at] ^= 1;
    }
    let damaged = bytes.clone();
    assert_eq!(heal(&mut bytes, 400, checksum), None);
    assert!(bytes == damaged, "what cannot be restored stays as it is");
    assert_eq!(heal(&mut bytes, 401, checksum), None);
    assert_eq!(heal(&mut [], 400, checksum), None);
}
