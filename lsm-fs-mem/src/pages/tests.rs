use super::*;
use crate::hash::Seeded;

fn all(pages: &Pages, len: usize) -> Vec<u8> {
    let mut bytes = vec![0xaa; len];
    pages.read(0, &mut bytes);
    bytes
}

/// Compares every operation with a plain vector.
#[test]
fn random_operations_agree_with_a_vector() {
    const LEN: usize = 64 * 4096 * 2 + 9000;
    let mut seeded = Seeded::new(11);
    let (mut pages, mut plain) = (Pages::default(), vec![0_u8; LEN]);
    let mut earlier: Vec<(Pages, Vec<u8>)> = Vec::new();
    for round in 0..400_u32 {
        let start = small(seeded.below(LEN as u64));
        let len = small(seeded.below(if round % 3 == 0 { 300_000 } else { 5_000 })).min(LEN - start);
        let range = start as u64..(start + len) as u64;
        match seeded.below(4) {
            0 => {
                pages.clear(range);
                plain[start..start + len].fill(0);
            }
            1 if !earlier.is_empty() => {
                let at = small(seeded.below(earlier.len() as u64));
                pages.splice(&earlier[at].0, range);
                let from = earlier[at].1[start..start + len].to_vec();
                plain[start..start + len].copy_from_slice(&from);
            }
            _ => {
                let bytes: Vec<u8> = (0..len).map(|i| i.to_le_bytes()[0] ^ round.to_le_bytes()[0]).collect();
                pages.write(start as u64, &bytes);
                plain[start..start + len].copy_from_slice(&bytes);
            }
        }
        if round % 40 == 0 {
            earlier.push((pages.clone(), plain.clone()));
        }
        assert!(all(&pages, LEN) == plain, "round {round}");
    }
    for (pages, plain) in &earlier {
        assert!(all(pages, LEN) == *plain, "a shared page was written in place");
    }
}

#[test]
fn allocation_and_holes_are_counted_in_pages() {
    let mut pages = Pages::default();
    pages.write(10 * PAGE_BYTES + 5, b"x");
    assert_eq!(pages.allocated_bytes(), PAGE_BYTES);
    assert_eq!(pages.missing(0..12 * PAGE_BYTES), 11);
    assert_eq!(pages.next_data(0, 100 * PAGE_BYTES), Some(10 * PAGE_BYTES..11 * PAGE_BYTES));
    assert_eq!(pages.next_data(0, 10 * PAGE_BYTES + 6), Some(10 * PAGE_BYTES..10 * PAGE_BYTES + 6));
    assert_eq!(pages.next_data(11 * PAGE_BYTES, 100 * PAGE_BYTES), None);
    assert!(pages.reach_beyond(10 * PAGE_BYTES));
    assert!(!pages.reach_beyond(10 * PAGE_BYTES + 6));
    pages.clear(0..u64::MAX);
    assert_eq!(pages.allocated_bytes(), 0);
}

#[test]
fn a_far_offset_costs_one_page() {
    let mut pages = Pages::default();
    pages.write(1 << 60, b"far");
    assert_eq!(pages.allocated_bytes(), PAGE_BYTES);
    let mut buf = [0; 3];
    pages.read(1 << 60, &mut buf);
    assert_eq!(&buf, b"far");
}

#[test]
fn zeros_and_holes_have_one_fingerprint() {
    let of = |pages: &Pages| {
        let mut hash = Fingerprint::new();
        pages.fingerprint(&mut hash);
        hash.finish()
    };
    let mut pages = Pages::from_bytes(0, b"ab");
    let before = of(&pages);
    pages.write(8192, &[0; 4096]);
    pages.write(2, &[0; 50]);
    assert_eq!(of(&pages), before);
    pages.write(1, b"c");
    assert_ne!(of(&pages), before);
}
