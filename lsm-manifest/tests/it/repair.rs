//! Damaged files are rewritten from their undamaged parts.

use std::path::Path;

use lsm_fs::{DirectorySync, Fs, FsExt, Op};
use lsm_fs_mem::{Fault, FaultFs, MemFs};
use lsm_manifest::{
    BlockState, Defect, Error, FooterPayload, ReadOptions, RepairedPart, WriteOptions,
    block::{BlockHeader, BlockType},
    inspect, open_current, publish_current, repair,
};

use crate::support::{
    DIR, LIMIT, SECTIONS, archive_bytes, mem_fs, open, owned, put_file, read_all, version_path, write,
};

const OPTIONS: ReadOptions = ReadOptions::new();

fn with_file(bytes: &[u8]) -> MemFs {
    let fs = mem_fs();
    put_file(&fs, &version_path(1), bytes);
    fs
}

fn bytes_of(fs: &MemFs) -> Vec<u8> {
    fs.read_to_vec(&version_path(1), LIMIT).unwrap()
}

fn footer_start(bytes: &[u8]) -> usize {
    let hint = bytes[bytes.len() - 4..].try_into().unwrap();
    bytes.len() - 4 - usize::try_from(u32::from_le_bytes(hint)).unwrap()
}

#[test]
fn every_damage_to_a_tail_or_mirror_is_repaired() {
    let good = archive_bytes(WriteOptions::new(), &SECTIONS);
    let tail = footer_start(&good);
    let mut cases: Vec<(Vec<u8>, RepairedPart)> = Vec::new();
    for at in (tail..good.len()).chain(0..4096) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x40;
        cases.push((bytes, if at < 4096 { RepairedPart::Mirror } else { RepairedPart::Tail }));
    }
    cases.extend((tail..good.len()).map(|len| (good[..len].to_vec(), RepairedPart::Tail)));
    cases.push(([&good[..], b"appended"].concat(), RepairedPart::Tail));
    for (bytes, part) in cases {
        let fs = with_file(&bytes);
        let done = repair(&fs, &version_path(1), &OPTIONS).unwrap();
        assert_eq!(done.parts, [part]);
        assert_eq!((done.damaged.len(), done.directory_sync), (0, Some(DirectorySync::Durable)));
        assert!(bytes_of(&fs) == good);
        assert_eq!(fs.read_dir(Path::new(DIR)).unwrap().len(), 1, "no temporary file is left");
    }
}

#[test]
fn current_still_matches_after_a_repair() {
    let fs = mem_fs();
    let _ = publish_current(&write(&fs, &version_path(1), WriteOptions::new(), &SECTIONS).unwrap()).unwrap();
    fs.truncate_file(&version_path(1), footer_start(&bytes_of(&fs)) as u64).unwrap();
    assert_eq!(repair(&fs, &version_path(1), &OPTIONS).unwrap().parts, [RepairedPart::Tail]);
    let (_, reader) = open_current(&fs, Path::new(DIR), &OPTIONS).unwrap().unwrap();
    assert_eq!(read_all(&reader).unwrap(), owned(&SECTIONS));
}

#[test]
fn other_links_keep_the_damaged_file() {
    let good = archive_bytes(WriteOptions::new(), &SECTIONS);
    let fs = with_file(&good[..good.len() - 1]);
    let link = Path::new(DIR).join("backup");
    fs.hard_link(&version_path(1), &link).unwrap();
    let _ = repair(&fs, &version_path(1), &OPTIONS).unwrap();
    assert!(fs.read_to_vec(&link, LIMIT).unwrap() == good[..good.len() - 1]);
}

#[test]
fn bytes_in_a_head_without_mirror_are_cleared() {
    let good = archive_bytes(WriteOptions::new().mirror(false), &SECTIONS);
    let mut bytes = good.clone();
    bytes[77] = 1;
    let fs = with_file(&bytes);
    let report = inspect(&fs, &version_path(1), &OPTIONS).unwrap();
    assert!(
        matches!(report.mirror, BlockState::Bad(Error::Corrupt { what: Defect::StrayHead, .. })),
        "{report}"
    );
    assert_eq!(repair(&fs, &version_path(1), &OPTIONS).unwrap().parts, [RepairedPart::Mirror]);
    assert!(bytes_of(&fs) == good);
}

#[test]
fn unknown_contents_are_not_guessed() {
    // Both copies are damaged.
    let good = archive_bytes(WriteOptions::new(), &SECTIONS);
    let mut bytes = good.clone();
    bytes[8] ^= 1;
    let len = bytes.len();
    bytes[len - 1] ^= 1;
    // There is no mirror, and the tail is damaged.
    let without = archive_bytes(WriteOptions::new().mirror(false), &SECTIONS);
    // The file ends within a section.
    let cut = &good[..footer_start(&good) - 1];
    for damaged in [&bytes, &without[..without.len() - 1], cut] {
        let fs = with_file(damaged);
        let error = repair(&fs, &version_path(1), &OPTIONS).unwrap_err();
        assert!(matches!(error, Error::NoFooter { .. }), "{error}");
        assert!(bytes_of(&fs) == damaged);
    }
}

/// A footer block with a correct checksum, for a file that no writer would produce.
fn footer_block(footer: &FooterPayload) -> Vec<u8> {
    let payload = footer.encode();
    let len = u32::try_from(payload.len()).unwrap();
    let header = BlockHeader {
        block_type: BlockType::ManifestFooter,
        parity: false,
        encrypted: false,
        checksum: xxhash_rust::xxh3::xxh3_128(&payload),
        data_len: len,
        plain_len: len,
    };
    [&header.encode()[..], &payload].concat()
}

#[test]
fn two_good_copies_that_disagree_are_left_alone() {
    let good = archive_bytes(WriteOptions::new(), &SECTIONS);
    let fs = with_file(&good);
    let footer = open(&fs, &version_path(1)).unwrap().footer().clone();
    let mut entries = footer.sections().to_vec();
    entries[1].checksum ^= 1;
    let other = footer_block(&FooterPayload::new(true, entries).unwrap());
    let mut bytes = good;
    bytes[..other.len()].copy_from_slice(&other);
    put_file(&fs, &version_path(1), &bytes);
    let report = inspect(&fs, &version_path(1), &OPTIONS).unwrap();
    assert!(!report.copies_agree && !report.is_healthy());
    assert!(report.to_string().contains("tail and mirror disagree"));
    let error = repair(&fs, &version_path(1), &OPTIONS).unwrap_err();
    assert_eq!(error.to_string(), "/db/v1: the footer and its mirror are both valid but differ");
    assert!(bytes_of(&fs) == bytes);
    assert_eq!(read_all(&open(&fs, &version_path(1)).unwrap()).unwrap(), owned(&SECTIONS), "the tail counts");
}

#[test]
fn a_damaged_section_is_named_and_left_as_it_is() {
    let good = archive_bytes(WriteOptions::new(), &SECTIONS);
    let mut bytes = good.clone();
    bytes[4096 + 34] ^= 1;
    let fs = with_file(&bytes);
    let done = repair(&fs, &version_path(1), &OPTIONS).unwrap();
    assert_eq!((done.parts.len(), done.directory_sync), (0, None));
    assert_eq!(done.damaged, ["format_version"]);
    assert!(bytes_of(&fs) == bytes, "there is nothing to write anew");

    bytes.truncate(bytes.len() - 9);
    put_file(&fs, &version_path(1), &bytes);
    let done = repair(&fs, &version_path(1), &OPTIONS).unwrap();
    assert_eq!(
        (&done.parts[..], &done.damaged[..]),
        (&[RepairedPart::Tail][..], &["format_version".to_owned()][..])
    );
    let report = inspect(&fs, &version_path(1), &OPTIONS).unwrap();
    let bad: Vec<_> = report.sections.iter().filter(|s| !matches!(s.state, BlockState::Good)).collect();
    assert!(bad.len() == 1 && bad[0].entry.name == "format_version", "{report}");
    assert!(matches!((&report.tail, &report.mirror), (BlockState::Good, BlockState::Good)), "{report}");
}

/// A read error must not count as damage, since a second read might succeed.
#[test]
fn a_section_that_cannot_be_read_ends_the_repair() {
    // The file is too long to be read whole. The third read fetches the section, after the two footers.
    let payload = vec![7; 200_000];
    let good = archive_bytes(WriteOptions::new(), &[("tables", &payload)]);
    let cut = &good[..good.len() - 1];
    let fs = FaultFs::new(with_file(cut));
    fs.inject(Fault::on(Op::ReadAt).nth(3));
    let error = repair(&fs, &version_path(1), &OPTIONS).unwrap_err();
    assert!(matches!(&error, Error::Fs(e) if e.op() == Op::ReadAt), "{error}");
    assert!(bytes_of(fs.inner()) == cut);
    assert_eq!(repair(&fs, &version_path(1), &OPTIONS).unwrap().parts, [RepairedPart::Tail]);
    assert!(bytes_of(fs.inner()) == good);
}

#[test]
fn a_report_names_every_block() {
    let fs = with_file(&archive_bytes(WriteOptions::new(), &SECTIONS[..2]));
    let report = inspect(&fs, &version_path(1), &OPTIONS).unwrap();
    assert_eq!(
        report.to_string(),
        "\
/db/v1: 4360 bytes
tail: good
mirror: good
section format_version: offset 4096, size 35, checksum e1325e21416bcdb2929e358d27ae3ee2: good
section tables: offset 4131, size 107, checksum 0c0383e9b40e51ab22adf6531be89277: good
"
    );
    put_file(&fs, &version_path(1), b"");
    let report = inspect(&fs, &version_path(1), &OPTIONS).unwrap();
    assert_eq!(
        report.to_string(),
        "\
/db/v1: 0 bytes
tail: bad: /db/v1: offset 0: the file is shorter than any archive
mirror: bad: /db/v1: offset 0: the file is shorter than any archive
"
    );
}
