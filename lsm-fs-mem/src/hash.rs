//! A 128-bit fingerprint of an image. It is the same on every machine and does not resist deliberate collisions.

use lsm_fs::Permissions;

/// Two lanes of multiply and rotate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fingerprint {
    a: u64,
    b: u64,
}

const A: u64 = 0x9e37_79b9_7f4a_7c15;
const B: u64 = 0xc2b2_ae3d_27d4_eb4f;

impl Fingerprint {
    pub(crate) const fn new() -> Self {
        Self { a: 0x243f_6a88_85a3_08d3, b: 0x1319_8a2e_0370_7344 }
    }

    pub(crate) const fn word(&mut self, word: u64) {
        self.a = (self.a ^ word).wrapping_mul(A).rotate_left(29);
        self.b = (self.b.rotate_left(23) ^ word).wrapping_mul(B);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.word(u64::from_le_bytes(last));
        self.word(bytes.len() as u64);
    }

    pub(crate) fn wide(&mut self, value: u128) {
        let bytes = value.to_le_bytes();
        let (words, _) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
    }

    pub(crate) const fn permissions(&mut self, permissions: &Permissions) {
        self.word(permissions.mode as u64);
        self.word((permissions.owner as u64) << 32 | permissions.group as u64);
    }

    pub(crate) const fn finish(self) -> u128 {
        let a = scramble(self.a ^ self.b.rotate_left(32));
        let b = scramble(self.b.wrapping_add(a));
        ((a as u128) << 64) | b as u128
    }
}

/// The finaliser of splitmix64.
const fn scramble(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A splitmix64 generator, used only to choose samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeded(u64);

impl Seeded {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(A);
        scramble(self.0)
    }

    /// Returns a number below `bound`, which must be at least 1.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// Returns a 32-bit number below `bound`.
    pub(crate) fn below_u32(&mut self, bound: u32) -> u32 {
        let [a, b, c, d, ..] = self.below(u64::from(bound)).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> u128 {
        let mut hash = Fingerprint::new();
        hash.bytes(bytes);
        hash.finish()
    }

    #[test]
    fn the_value_is_pinned_and_every_bit_counts() {
        assert_eq!(of(b"lsm"), of(b"lsm"));
        let mut bytes = [7; 100];
        let before = of(&bytes);
        for at in 0..bytes.len() * 8 {
            bytes[at / 8] ^= 1 << (at % 8);
            assert_ne!(of(&bytes), before, "bit {at}");
            bytes[at / 8] ^= 1 << (at % 8);
        }
        assert_ne!(of(&[0; 8]), of(&[0; 16]));
        assert_ne!(of(b"a"), of(b"a\0"));
    }

    #[test]
    fn the_random_numbers_of_a_seed_are_pinned() {
        // The published first outputs of splitmix64 for seed 1234567.
        let mut seeded = Seeded::new(1_234_567);
        assert_eq!(seeded.next(), 6_457_827_717_110_365_317);
        assert_eq!(seeded.next(), 3_203_168_211_198_807_973);
    }
}
