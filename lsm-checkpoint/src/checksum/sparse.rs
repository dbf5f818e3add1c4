//! [`SparseHasher`]: the XXH3-128 of a file whose holes are not read.
//!
//! Holes read as zeros. XXH3 adds a stripe of 64 bytes to eight lanes, and scrambles the lanes after 16 stripes. Zeros
//! add the same number to a lane in every block, so a block of zeros costs one addition and one scramble for each lane.
//! The names follow the specification, `doc/xxhash_spec.md` of xxHash.

use xxhash_rust::{const_xxh3::const_custom_default_secret, xxh3::xxh3_128};

const STRIPE: usize = 64;
const STRIPES: usize = 16;
const BLOCK: usize = STRIPE * STRIPES;

/// The maximal length of an input that has another algorithm.
const SHORT: usize = 240;

const PRIME32_1: u64 = 0x9e37_79b1;
const PRIME32_2: u64 = 0x85eb_ca77;
const PRIME32_3: u64 = 0xc2b2_ae3d;
const PRIME64_1: u64 = 0x9e37_79b1_85eb_ca87;
const PRIME64_2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const PRIME64_3: u64 = 0x1656_67b1_9e37_79f9;
const PRIME64_4: u64 = 0x85eb_ca77_c2b2_ae63;
const PRIME64_5: u64 = 0x27d4_eb2f_1656_67c5;

const SECRET: [u8; 192] = const_custom_default_secret(0);
static ZEROS: [u8; BLOCK] = [0; BLOCK];

type Lanes = [u64; 8];

/// The parts of the secret, one for each stripe of a block.
static KEYS: [Lanes; STRIPES] = keys();
/// The sums that a block of zeros adds to the lanes.
static ZERO_BLOCK: Lanes = zero_block();
static SCRAMBLE_KEY: Lanes = key(SECRET.len() - STRIPE);
static LAST_KEY: Lanes = key(SECRET.len() - STRIPE - 7);
static LOW_KEY: Lanes = key(11);
static HIGH_KEY: Lanes = key(SECRET.len() - STRIPE - 11);

/// The checksum of bytes and holes that arrive in order.
#[derive(Clone, Debug)]
pub(crate) struct SparseHasher {
    lanes: Lanes,
    /// The number of stripes of the current block that are in the lanes.
    stripes: usize,
    len: u64,
    /// The first bytes. If the input is short, these are all its bytes, and it has another algorithm.
    head: Vec<u8>,
    /// The stripe that was added to the lanes last.
    last: [u8; STRIPE],
    /// The bytes that are not in the lanes yet. At least one byte must follow a stripe before it is added.
    pending: [u8; STRIPE],
    pending_len: usize,
}

impl Default for SparseHasher {
    fn default() -> Self {
        let lanes = [PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1];
        let (last, pending) = ([0; STRIPE], [0; STRIPE]);
        Self { lanes, stripes: 0, len: 0, head: Vec::new(), last, pending, pending_len: 0 }
    }
}

impl SparseHasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.len = self.len.wrapping_add(bytes.len() as u64);
        let wanted = SHORT.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend(bytes.iter().take(wanted));
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.pending_len == STRIPE {
                let pending = self.pending;
                self.add(&pending);
                self.pending_len = 0;
            }
            if self.pending_len == 0 {
                rest = self.add_all(rest);
            }
            let (_, free) = self.pending.split_at_mut(self.pending_len);
            let (now, later) = rest.split_at(free.len().min(rest.len()));
            free.iter_mut().zip(now).for_each(|(free, byte)| *free = *byte);
            self.pending_len += now.len();
            rest = later;
        }
    }

    /// Adds zeros.
    pub(crate) fn zeros(&mut self, len: u64) {
        const BLOCK_LEN: u64 = BLOCK as u64;
        let to_boundary = (BLOCK_LEN - self.len % BLOCK_LEN) % BLOCK_LEN + 1;
        let first = len.min(to_boundary);
        self.few_zeros(first);
        // If more zeros follow, one byte of a new block is pending now. Each further block of zeros completes that
        // block, and leaves one byte pending again.
        let blocks = (len - first) / BLOCK_LEN;
        if blocks > 0 {
            for _ in 0..blocks {
                self.lanes
                    .iter_mut()
                    .zip(&ZERO_BLOCK)
                    .for_each(|(lane, sum)| *lane = lane.wrapping_add(*sum));
                self.scramble();
            }
            self.last = [0; STRIPE];
            self.len = self.len.wrapping_add(blocks * BLOCK_LEN);
        }
        self.few_zeros((len - first) % BLOCK_LEN);
    }

    fn few_zeros(&mut self, len: u64) {
        let mut left = usize::try_from(len).unwrap_or(usize::MAX);
        while left > 0 {
            let (zeros, _) = ZEROS.split_at(left.min(BLOCK));
            self.update(zeros);
            left -= zeros.len();
        }
    }

    pub(crate) fn digest(&self) -> u128 {
        if self.len <= SHORT as u64 {
            return xxh3_128(&self.head);
        }
        let (_, before) = self.last.split_at(self.pending_len);
        let (pending, _) = self.pending.split_at(self.pending_len);
        let mut last = [0; STRIPE];
        last.iter_mut().zip(before.iter().chain(pending)).for_each(|(last, byte)| *last = *byte);
        let mut lanes = self.lanes;
        accumulate(&mut lanes, &last, &LAST_KEY);
        let low = merge(&lanes, &LOW_KEY, self.len.wrapping_mul(PRIME64_1));
        let high = merge(&lanes, &HIGH_KEY, !self.len.wrapping_mul(PRIME64_2));
        u128::from(low) | u128::from(high) << 64
    }

    fn add(&mut self, stripe: &[u8; STRIPE]) {
        if let Some(key) = KEYS.get(self.stripes) {
            accumulate(&mut self.lanes, stripe, key);
        }
        self.last = *stripe;
        self.stripes += 1;
        if self.stripes == STRIPES {
            self.scramble();
            self.stripes = 0;
        }
    }

    /// Adds every stripe that is followed by at least one byte, and returns the rest.
    fn add_all<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let (mut rest, mut last) = (bytes, self.last);
        loop {
            for key in KEYS.iter().skip(self.stripes) {
                match rest.split_first_chunk::<STRIPE>() {
                    Some((stripe, more)) if !more.is_empty() => {
                        accumulate(&mut self.lanes, stripe, key);
                        last = *stripe;
                        rest = more;
                        self.stripes += 1;
                    }
                    _ => {
                        self.last = last;
                        return rest;
                    }
                }
            }
            self.scramble();
            self.stripes = 0;
        }
    }

    fn scramble(&mut self) {
        for (lane, key) in self.lanes.iter_mut().zip(&SCRAMBLE_KEY) {
            *lane = (*lane ^ *lane >> 47 ^ key).wrapping_mul(PRIME32_1);
        }
    }
}

/// Adds a stripe to the lanes. Each lane also gets the data of its neighbour.
fn accumulate(lanes: &mut Lanes, stripe: &[u8; STRIPE], key: &Lanes) {
    let mut data: Lanes = [0; 8];
    for (word, bytes) in data.iter_mut().zip(stripe.chunks_exact(8)) {
        *word = bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    }
    let [a, b, c, d, e, f, g, h] = data;
    let neighbours = [b, a, d, c, f, e, h, g];
    for (((lane, word), neighbour), key) in lanes.iter_mut().zip(data).zip(neighbours).zip(key) {
        *lane = lane.wrapping_add(neighbour).wrapping_add(product(word ^ key));
    }
}

/// Multiplies the halves of a number.
const fn product(number: u64) -> u64 {
    (number & 0xffff_ffff) * (number >> 32)
}

fn merge(lanes: &Lanes, key: &Lanes, start: u64) -> u64 {
    let words = lanes.iter().zip(key).map(|(lane, key)| lane ^ key);
    let (mut sum, mut former) = (start, None);
    for word in words {
        match former.take() {
            None => former = Some(word),
            Some(former) => {
                let product = u128::from(former) * u128::from(word);
                sum = sum.wrapping_add(low_half(product ^ product >> 64));
            }
        }
    }
    let sum = (sum ^ sum >> 37).wrapping_mul(0x1656_6791_9e37_79f9);
    sum ^ sum >> 32
}

fn low_half(number: u128) -> u64 {
    number.to_le_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Returns eight words of the secret.
const fn key(at: usize) -> Lanes {
    let (_, mut rest) = SECRET.split_at(at);
    let mut lanes = [0; 8];
    let mut left: &mut [u64] = &mut lanes;
    while let (Some((bytes, more)), Some((lane, others))) =
        (rest.split_first_chunk::<8>(), left.split_first_mut())
    {
        *lane = u64::from_le_bytes(*bytes);
        (rest, left) = (more, others);
    }
    lanes
}

const fn keys() -> [Lanes; STRIPES] {
    let mut keys = [[0; 8]; STRIPES];
    let (mut left, mut at): (&mut [Lanes], usize) = (&mut keys, 0);
    while let Some((first, others)) = left.split_first_mut() {
        *first = key(at);
        at += 8;
        left = others;
    }
    keys
}

const fn zero_block() -> Lanes {
    let (mut sums, keys) = ([0_u64; 8], keys());
    let mut keys: &[Lanes] = &keys;
    while let Some((key, others)) = keys.split_first() {
        let (mut left, mut key): (&mut [u64], &[u64]) = (&mut sums, key);
        while let (Some((sum, sums)), Some((word, words))) = (left.split_first_mut(), key.split_first()) {
            *sum = sum.wrapping_add(product(*word));
            (left, key) = (sums, words);
        }
        keys = others;
    }
    sums
}

#[cfg(test)]
mod tests;
