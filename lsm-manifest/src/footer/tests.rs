use super::*;

fn entry(name: &str, offset: u64, size: u32) -> TocEntry {
    TocEntry { name: name.to_owned(), offset, size, checksum: 7 }
}

fn example() -> FooterPayload {
    FooterPayload::new(true, vec![entry("b", 4096, 40), entry("a", 4136, 34)]).unwrap()
}

#[test]
fn a_footer_decodes_to_the_encoded_value() {
    let footer = example();
    let bytes = footer.encode();
    assert_eq!(bytes.len(), encoded_len(["b", "a"].into_iter()));
    assert_eq!(FooterPayload::decode(&bytes), Ok(footer.clone()));
    assert_eq!(footer.sections_end(), 4170);
    assert_eq!(footer.section("a"), Some(&footer.sections()[1]));
    assert_eq!(footer.sorted_by_name(), [&footer.sections()[1], &footer.sections()[0]]);
    assert_eq!((footer.flags(), footer.layout_version()), (1, 1));
    let empty = FooterPayload::new(false, Vec::new()).unwrap();
    assert_eq!((empty.encode(), empty.sections_end()), (vec![1, 0, 0, 0], 4096));
}

#[test]
fn impossible_sections_are_refused() {
    let new = |sections| FooterPayload::new(true, sections).unwrap_err();
    let long = "x".repeat(65);
    assert_eq!(new(vec![entry("", 4096, 34)]), Defect::SectionName);
    assert_eq!(new(vec![entry(&long, 4096, 34)]), Defect::SectionName);
    assert_eq!(new(vec![entry("a", 4096, 33)]), Defect::SectionSize);
    assert_eq!(new(vec![entry("a", 4096, SECTION_BLOCK_MAX + 1)]), Defect::SectionSize);
    assert_eq!(new(vec![entry("a", 4096, u32::MAX)]), Defect::SectionSize);
    for offset in [0, 4095, 4097, u64::MAX] {
        assert_eq!(new(vec![entry("a", offset, 34)]), Defect::SectionPlace);
    }
    // Sections that overlap, or that have a gap between them.
    assert_eq!(new(vec![entry("a", 4096, 34), entry("b", 4129, 34)]), Defect::SectionPlace);
    assert_eq!(new(vec![entry("a", 4096, 34), entry("b", 4131, 34)]), Defect::SectionPlace);
    assert_eq!(new(vec![entry("a", 4096, 34), entry("a", 4130, 34)]), Defect::DuplicateSection);
    let apart = vec![entry("a", 4096, 34), entry("b", 4130, 34), entry("a", 4164, 34)];
    assert_eq!(new(apart), Defect::DuplicateSection);
    let many = (0..=65_535).map(|i| entry(&format!("{i}"), 4096 + i * 34, 34)).collect();
    assert_eq!(new(many), Defect::FooterLength);
}

#[test]
fn each_defect_is_reported_with_its_offset() {
    let decode = |bytes: &[u8]| FooterPayload::decode(bytes).unwrap_err();
    let edited = |at: usize, byte: u8| {
        let mut bytes = example().encode();
        bytes[at] = byte;
        bytes
    };
    assert_eq!(decode(&edited(0, 2)), Damage::new(0, Defect::LayoutVersion { found: 2 }));
    assert_eq!(decode(&edited(0, 0)), Damage::new(0, Defect::LayoutVersion { found: 0 }));
    assert_eq!(decode(&edited(1, 2)), Damage::new(1, Defect::FooterFlags { found: 2 }));
    // A count that is too high fails before memory is allocated for it. A count that is too low leaves bytes at the
    // end.
    assert_eq!(decode(&edited(3, 0xff)), Damage::new(66, Defect::FooterLength));
    assert_eq!(decode(&edited(2, 1)), Damage::new(35, Defect::FooterLength));
    assert_eq!(decode(&edited(4, 0)), Damage::new(4, Defect::SectionName));
    assert_eq!(decode(&edited(5, 1)), Damage::new(4, Defect::FooterLength));
    assert_eq!(decode(&edited(6, 0xff)), Damage::new(4, Defect::SectionName));
    assert_eq!(decode(&edited(6, b'a')), Damage::new(4, Defect::DuplicateSection));
    let bytes = example().encode();
    for len in 0..bytes.len() {
        assert_eq!(decode(&bytes[..len]).what, Defect::FooterLength, "{len}");
    }
}
