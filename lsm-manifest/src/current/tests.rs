use super::*;

#[test]
fn a_known_file_is_decoded_and_encoded() {
    let bytes = [
        5, 0, 0, 0, 0, 0, 0, 0, 0x0b, 0xad, 0x27, 0x20, 0x85, 0x55, 0xc5, 0xaf, 0x25, 0xa8, 0x59, 0x04, 0x55,
        0x92, 0xd8, 0x10, 0,
    ];
    let current = Current::decode(&bytes).unwrap();
    assert_eq!((current.version_id, current.digest), (5, 0x10d8_9255_0459_a825_afc5_5585_2027_ad0b));
    assert_eq!(current.encode(), bytes);
}

#[test]
fn other_lengths_and_types_are_refused() {
    for len in (0..24).chain([26, 1000]) {
        let what = Defect::CurrentLength { len: len as u64 };
        assert_eq!(Current::decode(&vec![1; len]), Err(Damage::new(0, what)));
    }
    let mut bytes = [1; 25];
    for found in 1..=255 {
        bytes[24] = found;
        assert_eq!(Current::decode(&bytes), Err(Damage::new(24, Defect::ChecksumType { found })));
    }
}
