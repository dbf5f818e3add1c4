use super::*;

fn form(block_type: BlockType, plain_len: u32, parity: bool) -> BlockForm {
    BlockForm { block_type, parity, encrypted: false, plain_len }
}

fn example() -> Vec<u8> {
    encode(form(BlockType::Manifest, 1, false), &[5]).unwrap()
}

fn example_header() -> BlockHeader {
    complete(form(BlockType::Manifest, 1, false), &mut [&[0; 34][..], &[5]].concat(), 0).unwrap()
}

#[test]
fn a_block_of_one_byte_has_the_known_bytes() {
    let expected = [
        0x4c, 0x53, 0x4d, 0x04, 0x05, 0x00, 0xe2, 0x3e, 0xae, 0x27, 0x8d, 0x35, 0x9e, 0x92, 0xb2, 0xcd, 0x6b,
        0x41, 0x21, 0x5e, 0x32, 0xe1, 0x01, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x64, 0x03, 0x8e, 0x2c,
        0x05,
    ];
    assert_eq!(example(), expected);
    let decoded = decode(&expected, BlockType::Manifest).unwrap();
    assert_eq!((decoded.payload, decoded.healed, decoded.header), (vec![5], false, example_header()));
}

/// Recomputes the header's own checksum.
fn resealed(edit: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = example();
    edit(&mut bytes);
    let checksum = header_checksum(bytes.first_chunk().unwrap());
    LittleEndian::write_u32(&mut bytes[BLOCK_HEADER_CHECKSUM_AT..BLOCK_HEADER_LEN], checksum);
    bytes
}

#[test]
fn each_header_defect_is_reported_with_its_offset() {
    let decode = |bytes: &[u8]| decode(bytes, BlockType::Manifest).unwrap_err();
    let expected = BlockType::Manifest;
    let cases = [
        (resealed(|b| b[0] = b'l'), Damage::new(0, Defect::Magic)),
        (resealed(|b| b[3] = 3), Damage::new(0, Defect::Magic)),
        (resealed(|b| b[4] = 6), Damage::new(4, Defect::BlockType { expected, found: 6 })),
        (resealed(|b| b[4] = 0), Damage::new(4, Defect::BlockType { expected, found: 0 })),
        (resealed(|b| b[5] = 0b0001), Damage::new(5, Defect::BlockFlags { found: 1 })),
        (resealed(|b| b[5] = 0b0100), Damage::new(5, Defect::BlockFlags { found: 4 })),
        (resealed(|b| b[5] = 0x80), Damage::new(5, Defect::BlockFlags { found: 0x80 })),
        (resealed(|b| b[6] ^= 1), Damage::new(34, Defect::PayloadChecksum)),
        (resealed(|b| b[22..30].fill(0xff)), Damage::new(22, Defect::BlockLength)),
        (resealed(|b| b[22] = 2), Damage::new(26, Defect::PlainLength)),
        (resealed(|b| b[26] = 2), Damage::new(26, Defect::PlainLength)),
        // A sealed payload is never shorter than its plaintext.
        (resealed(|b| (b[5], b[26]) = (8, 2)), Damage::new(26, Defect::PlainLength)),
    ];
    for (bytes, damage) in cases {
        assert_eq!(decode(&bytes), damage);
    }
    let mut bytes = example();
    bytes[33] ^= 1;
    assert_eq!(decode(&bytes), Damage::new(30, Defect::HeaderChecksum));
    bytes = example();
    bytes[34] ^= 1;
    assert_eq!(decode(&bytes), Damage::new(34, Defect::PayloadChecksum));
}

#[test]
fn a_block_fills_its_slot_exactly() {
    let block = example();
    for len in 0..block.len() {
        let found = decode(&block[..len], BlockType::Manifest).unwrap_err();
        assert_eq!(found.what, Defect::BlockLength, "{len}");
    }
    let longer = [&block[..], &[0]].concat();
    // The defect is at the length field, because the length is compared before the payload is read.
    assert_eq!(decode(&longer, BlockType::Manifest), Err(Damage::new(22, Defect::BlockLength)));
}

#[test]
fn a_body_of_the_wrong_length_is_refused() {
    let whole = [5, 0, 0, 0, 0];
    for (parity, len) in [(false, 0), (false, 2), (true, 1), (true, 4)] {
        let header = BlockHeader { parity, ..example_header() };
        let mut body = whole[..len].to_vec();
        assert_eq!(header.restore(&mut body), Err(Damage::new(34, Defect::BlockLength)), "{parity} {len}");
        assert_eq!(body, whole[..len]);
    }
}

#[test]
fn lengths_at_their_limit_do_not_overflow() {
    let header = BlockHeader { data_len: u32::MAX, plain_len: u32::MAX, parity: true, ..example_header() };
    let decoded = BlockHeader::decode(&header.encode(), BlockType::Manifest).unwrap();
    assert_eq!(decoded, header);
    assert_eq!(header.block_len(), 34 + 0xffff_ffff + 2 * 0x4000_0000);
    assert_eq!(decoded.restore(&mut vec![0; 8]), Err(Damage::new(34, Defect::BlockLength)));
}

#[test]
fn an_empty_payload_claims_no_parity() {
    let form = form(BlockType::ManifestFooter, 0, true);
    let mut block = vec![0; BLOCK_HEADER_LEN];
    assert!(!complete(form, &mut block, 0).unwrap().parity);
    assert_eq!(block.len(), BLOCK_HEADER_LEN);
    assert_eq!(complete(form, &mut vec![0; 33], 0), None);
    assert_eq!(complete(form, &mut vec![0; 40], 41), None);
}

/// No writer produces this header, and its checksum is arbitrary.
#[test]
fn parity_cannot_restore_an_empty_payload() {
    let header = BlockHeader { parity: true, data_len: 0, plain_len: 0, ..example_header() };
    let found = decode(&header.encode(), BlockType::Manifest).unwrap_err();
    let expected = if cfg!(feature = "parity") { Defect::BeyondParity } else { Defect::ParityUnused };
    assert_eq!(found, Damage::new(34, expected));
}

#[test]
fn the_bytes_in_front_of_a_block_do_not_change_it() {
    let mut bytes = [&[7; 9][..], &[0; 34], &[5]].concat();
    let header = complete(form(BlockType::Manifest, 1, false), &mut bytes, 9).unwrap();
    assert_eq!((header, bytes), (example_header(), [&[7; 9][..], &example()].concat()));
}

#[cfg(not(feature = "parity"))]
#[test]
fn without_the_feature_parity_is_skipped_and_not_written() {
    assert_eq!(encode(form(BlockType::Manifest, 1, true), &[5]), None);
    let header = BlockHeader { parity: true, ..example_header() };
    let mut slot = [&header.encode()[..], &[5, 12, 0, 9, 0]].concat();
    let decoded = decode(&slot, BlockType::Manifest).unwrap();
    assert_eq!((&decoded.payload[..], decoded.healed), (&[5][..], false));
    assert_eq!(decoded.as_written(&slot), slot);
    slot[34] ^= 1;
    assert_eq!(decode(&slot, BlockType::Manifest), Err(Damage::new(34, Defect::ParityUnused)));
}
