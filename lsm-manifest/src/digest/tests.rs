use super::*;
use crate::TocEntry;

fn footer(mirror: bool, names: [&str; 2]) -> FooterPayload {
    let entry = |name: &str, offset, checksum| TocEntry { name: name.to_owned(), offset, size: 34, checksum };
    FooterPayload::new(mirror, vec![entry(names[0], 4096, 1), entry(names[1], 4130, 2)]).unwrap()
}

#[test]
fn the_input_lists_the_entries_by_name() {
    let input = canonical_input(0x0102, &footer(true, ["b", "a"]));
    let expected: &[&[u8]] = &[
        &[2, 1, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0],
        &[1, 0, b'a', 0x22, 0x10, 0, 0, 0, 0, 0, 0, 34, 0, 0, 0, 2],
        &[0; 15],
        &[1, 0, b'b', 0, 0x10, 0, 0, 0, 0, 0, 0, 34, 0, 0, 0, 1],
        &[0; 15],
    ];
    assert_eq!(input, expected.concat());
}

#[test]
fn each_part_of_the_input_changes_the_digest() {
    let base = current_digest(1, &footer(true, ["a", "b"]));
    assert_ne!(base, current_digest(2, &footer(true, ["a", "b"])));
    assert_ne!(base, current_digest(1, &footer(false, ["a", "b"])));
    assert_ne!(base, current_digest(1, &footer(true, ["b", "a"])));
    assert_ne!(base, current_digest(1, &footer(true, ["a", "c"])));
    let mut sections = footer(true, ["a", "b"]).sections().to_vec();
    sections[1].checksum = 3;
    assert_ne!(base, current_digest(1, &FooterPayload::new(true, sections.clone()).unwrap()));
    sections[1].checksum = 2;
    sections[1].size = 35;
    assert_ne!(base, current_digest(1, &FooterPayload::new(true, sections).unwrap()));
}

#[test]
fn there_is_one_checksum_type() {
    let known: Vec<_> = (0..=255).filter_map(ChecksumType::from_code).collect();
    assert_eq!(known, [ChecksumType::Xxh3]);
    assert_eq!(ChecksumType::default().code(), 0);
}
