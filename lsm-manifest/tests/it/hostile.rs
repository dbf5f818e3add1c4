//! Files that no writer produces, with correct checksums throughout. They are refused without allocating more than
//! their length.

use lsm_fs::Fs;
use lsm_fs_mem::MemFs;
use lsm_manifest::{
    Defect, Error, FooterPayload, ReadOptions, Result, TocEntry,
    block::{BlockHeader, BlockType},
    inspect, repair,
};
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    probe_fs::ProbeFs,
    support::{mem_fs, open, put_file, version_path},
};

fn block(block_type: BlockType, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap();
    let checksum = xxh3_128(payload);
    let header =
        BlockHeader { block_type, parity: false, encrypted: false, checksum, data_len: len, plain_len: len };
    [&header.encode()[..], payload].concat()
}

/// Builds a file from a head, a body and a footer payload.
fn file(head: &[u8], body: &[u8], footer: &[u8]) -> Vec<u8> {
    let mut bytes = head.to_vec();
    bytes.resize(4096, 0);
    bytes.extend_from_slice(body);
    let footer = block(BlockType::ManifestFooter, footer);
    bytes.extend_from_slice(&footer);
    bytes.extend_from_slice(&u32::try_from(footer.len()).unwrap().to_le_bytes());
    bytes
}

fn footer_of(entries: &[(&str, u64, u32, u128)]) -> Vec<u8> {
    let entry = |&(name, offset, size, checksum): &(&str, u64, u32, u128)| {
        let name_len = u16::try_from(name.len()).unwrap().to_le_bytes();
        [&name_len[..], name.as_bytes(), &offset.to_le_bytes(), &size.to_le_bytes(), &checksum.to_le_bytes()]
            .concat()
    };
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    [&[1, 1, count[0], count[1]][..], &entries.iter().flat_map(entry).collect::<Vec<_>>()].concat()
}

/// Opens the file, whole and in parts, and reads everything in it. Checks that no buffer was longer than the file.
fn examine(bytes: &[u8]) -> Result<()> {
    let (found, in_pieces) =
        (examine_in(&ProbeFs::new(mem_fs()), bytes), examine_in(&ProbeFs::new(mem_fs()).in_pieces(), bytes));
    assert_eq!(format!("{found:?}"), format!("{in_pieces:?}"));
    found
}

fn examine_in(fs: &ProbeFs<MemFs>, bytes: &[u8]) -> Result<()> {
    put_file(fs, &version_path(1), bytes);
    let found = open(fs, &version_path(1)).and_then(|reader| {
        let verified = reader.verify().map(drop);
        let mut sections = reader.footer().sections().iter();
        let read = sections.try_for_each(|entry| reader.read_section(&entry.name).map(drop));
        assert_eq!(verified.is_ok(), read.is_ok(), "{verified:?}, {read:?}");
        read
    });
    let _ = inspect(fs, &version_path(1), &ReadOptions::new()).unwrap();
    let _ = repair(fs, &version_path(1), &ReadOptions::new());
    assert!(fs.take_longest_read() <= fs.metadata(&version_path(1)).unwrap().len);
    found
}

fn tail_defect(bytes: &[u8]) -> Defect {
    match examine(bytes) {
        Err(Error::NoFooter { tail, .. }) => tail.what,
        other => panic!("{other:?}"),
    }
}

const SECTION: &[u8] = b"payload";

fn section() -> (Vec<u8>, u32, u128) {
    let bytes = block(BlockType::Manifest, SECTION);
    let size = u32::try_from(bytes.len()).unwrap();
    (bytes, size, xxh3_128(SECTION))
}

#[test]
fn the_base_file_of_these_tests_is_valid() {
    let (body, size, checksum) = section();
    examine(&file(&[], &body, &footer_of(&[("a", 4096, size, checksum)]))).unwrap();
}

#[test]
fn sections_at_other_offsets_are_refused() {
    let (body, size, checksum) = section();
    let far = u64::from(u32::MAX) * 1000;
    for entries in [
        &[("a", 4096, 16 << 20, checksum)][..],
        &[("a", 0, size, checksum)],
        &[("a", 4095, size + 1, checksum)],
        &[("a", u64::MAX, size, checksum)],
        &[("a", far, size, checksum)],
        &[("a", 4096, size - 1, checksum)],
        &[("a", 4096, size, checksum), ("b", 4096, size, checksum)],
        &[],
    ] {
        assert_eq!(tail_defect(&file(&[], &body, &footer_of(entries))), Defect::SectionPlace, "{entries:?}");
    }
    let over = footer_of(&[("a", 4096, u32::MAX, checksum)]);
    assert_eq!(tail_defect(&file(&[], &body, &over)), Defect::SectionSize);
}

#[test]
fn a_mirror_that_lists_sections_beyond_the_file_is_refused() {
    let (body, _, checksum) = section();
    let promises: Vec<_> = (0..100).map(|i| format!("s{i}")).collect();
    let mut at = 4096;
    let entries = promises.iter().map(|name| {
        let entry = TocEntry { name: name.clone(), offset: at, size: 16 << 20, checksum };
        at += 16 << 20;
        entry
    });
    let footer = FooterPayload::new(true, entries.collect()).unwrap();
    let mut bytes = file(&block(BlockType::ManifestFooter, &footer.encode()), &body, b"");
    let len = bytes.len();
    bytes[len - 1] = 0xff;
    match examine(&bytes) {
        Err(Error::NoFooter { mirror, .. }) => assert_eq!(mirror.what, Defect::SectionBeyondFile),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_mirror_needs_its_flag_and_zeros_behind_it() {
    let (body, size, checksum) = section();
    let footer = footer_of(&[("a", 4096, size, checksum)]);
    let mut silent = footer.clone();
    silent[1] = 0;
    let mut long_head = block(BlockType::ManifestFooter, &footer);
    long_head.push(1);
    for (head, expected) in [
        (block(BlockType::ManifestFooter, &silent), Defect::MirrorFlag),
        (long_head, Defect::MirrorPadding),
        (block(BlockType::ManifestFooter, &[0; 4096]), Defect::BlockLength),
        (
            block(BlockType::Manifest, &footer),
            Defect::BlockType { expected: BlockType::ManifestFooter, found: 5 },
        ),
    ] {
        let mut bytes = file(&head[..head.len().min(4096)], &body, &footer);
        bytes.pop();
        match examine(&bytes) {
            Err(Error::NoFooter { mirror, .. }) => assert_eq!(mirror.what, expected),
            other => panic!("{expected:?}: {other:?}"),
        }
    }
}

#[test]
fn another_valid_section_in_place_of_the_listed_one_is_refused() {
    let (_, size, checksum) = section();
    let other = block(BlockType::Manifest, b"PAYLOAD");
    let found = examine(&file(&[], &other, &footer_of(&[("a", 4096, size, checksum)])));
    assert!(matches!(found, Err(Error::Corrupt { offset: 4096, what: Defect::NotTheListedBlock, .. })));
    let footer_type = block(BlockType::ManifestFooter, SECTION);
    let found = examine(&file(&[], &footer_type, &footer_of(&[("a", 4096, size, checksum)])));
    assert!(matches!(found, Err(Error::Corrupt { what: Defect::BlockType { .. }, .. })));
    // The block is shorter than its slot, and the rest of the slot is filled.
    let (body, size, checksum) = section();
    let padded = [&body[..], &[0; 3]].concat();
    let found = examine(&file(&[], &padded, &footer_of(&[("a", 4096, size + 3, checksum)])));
    assert!(matches!(found, Err(Error::Corrupt { what: Defect::BlockLength, .. })));
}

#[test]
fn a_newer_layout_is_not_damage() {
    let mut footer = footer_of(&[]);
    footer[0] = 2;
    let mirror = block(BlockType::ManifestFooter, &footer_of(&[]));
    // The archive is refused even if the mirror can be read, because the meaning of the newer version is unknown.
    for head in [&[][..], &mirror] {
        let bytes = file(head, &[], &footer);
        let error = examine(&bytes).unwrap_err();
        assert!(matches!(error, Error::UnsupportedVersion { found: 2, .. }) && !error.is_corruption());
        let fs = mem_fs();
        put_file(&fs, &version_path(1), &bytes);
        let error = repair(&fs, &version_path(1), &ReadOptions::new()).unwrap_err();
        assert!(matches!(error, Error::UnsupportedVersion { .. }), "{error}");
    }
}

#[test]
fn every_size_hint_is_handled() {
    let (body, size, checksum) = section();
    let good = file(&[], &body, &footer_of(&[("a", 4096, size, checksum)]));
    let len = u32::try_from(good.len()).unwrap();
    for hint in (0..5000).chain([len - 4, len, len + 1, u32::MAX - 4, u32::MAX]) {
        let mut bytes = good.clone();
        let at = bytes.len() - 4;
        if bytes[at..] == hint.to_le_bytes() {
            continue;
        }
        bytes[at..].copy_from_slice(&hint.to_le_bytes());
        assert!(matches!(examine(&bytes), Err(Error::NoFooter { .. })), "{hint}");
    }
}
