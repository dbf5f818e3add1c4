//! Mutation of inputs, as a pure function of the corpus, a seed and an index.

/// Maximum length of an input. Short files are enough to show the defects of a format with short lengths.
const MAX_LEN: usize = 1 << 14;
/// Values at which comparisons, sums and conversions often fail.
const INTERESTING: [u64; 16] = [
    0,
    1,
    2,
    34,
    0x7f,
    0x80,
    0xff,
    0x1000,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 62,
    u64::MAX >> 1,
    u64::MAX,
];

/// The splitmix64 generator.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `end`, or 0 if `end` is 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or_default()
    }

    /// Returns the start and end of a range within `len` bytes, which may be empty. Short ranges are as likely as long
    /// ones.
    fn range(&mut self, len: usize) -> (usize, usize) {
        let longest = 1 << self.below(12);
        let start = self.below(len + 1);
        (start, start + self.below((len - start).min(longest) + 1))
    }
}

/// Returns input number `index` for a seed: an input of the corpus after one to eight edits.
pub fn input(corpus: &[Vec<u8>], seed: u64, index: u64) -> Vec<u8> {
    let mut random = Random(seed ^ index.wrapping_mul(0xd6e8_feb8_6659_fd93));
    let pick = |random: &mut Random| corpus.get(random.below(corpus.len())).cloned().unwrap_or_default();
    let mut bytes = pick(&mut random);
    for _ in 0..=random.below(8) {
        let other = pick(&mut random);
        edit(&mut bytes, &other, &mut random);
        bytes.truncate(MAX_LEN);
    }
    bytes
}

fn edit(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(9) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.next().to_le_bytes()[0];
            }
        }
        3 => number(bytes, at, random),
        4 => bytes.truncate(random.below(bytes.len() + 1)),
        5 => {
            let (start, end) = random.range(bytes.len());
            bytes.drain(start..end);
        }
        6 => {
            let new: Vec<_> = (0..=random.below(32)).map(|_| random.next().to_le_bytes()[0]).collect();
            bytes.splice(at..at, new);
        }
        7 => {
            let (start, end) = random.range(bytes.len());
            let own = bytes[start..end].to_vec();
            bytes.splice(at..at, own);
        }
        // Replaces the rest of the input, or a piece of it, with a piece of another input.
        _ => {
            let ((from, until), (start, end)) = (random.range(other.len()), random.range(bytes.len()));
            let end = if random.below(2) == 0 { bytes.len() } else { end };
            bytes.splice(start..end, other[from..until].iter().copied());
        }
    }
}

/// Overwrites one to eight bytes with an interesting number, or a neighbour of it, in little-endian order.
fn number(bytes: &mut [u8], at: usize, random: &mut Random) {
    let len = bytes.len() as u64;
    let base = INTERESTING.get(random.below(INTERESTING.len() + 1)).copied().unwrap_or(len);
    let value = base.wrapping_add(random.below(3) as u64).wrapping_sub(1).to_le_bytes();
    let width = 1 << random.below(4);
    for (target, byte) in bytes.iter_mut().skip(at).zip(&value[..width]) {
        *target = *byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_inputs() {
        let corpus = [b"one".to_vec(), (0..=255).collect()];
        let inputs = |seed| (0..2000).map(|index| input(&corpus, seed, index)).collect::<Vec<_>>();
        let (first, again, other) = (inputs(1), inputs(1), inputs(2));
        assert_eq!(first, again);
        assert!(first.iter().zip(&other).filter(|(a, b)| a != b).count() > 1900);
        assert!(first.iter().any(|input| input.len() > 300) && first.iter().any(Vec::is_empty));
    }

    #[test]
    fn a_corpus_without_bytes_gives_inputs_too() {
        assert!((0..200).any(|index| !input(&[Vec::new()], 1, index).is_empty()));
        assert_eq!(input(&[], 1, 0).len().min(MAX_LEN), input(&[], 1, 0).len());
    }
}
