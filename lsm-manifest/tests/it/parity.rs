//! Archives with parity: a damaged block is restored and reported when it is read, and `repair` makes that permanent.

use std::path::Path;

use lsm_fs::FsExt;
use lsm_fs_mem::MemFs;
use lsm_manifest::{
    BlockState, Defect, Error, FooterSource, ManifestArchiveWriter, ReadOptions, RepairedPart, WriteOptions,
    inspect, publish_current, recover, repair,
};

use crate::support::{DIR, LIMIT, SECTIONS, mem_fs, open, owned, put_file, read_all, version_path, write};

const OPTIONS: ReadOptions = ReadOptions::new();

/// A published archive with parity, and the offset of its `tables` payload.
fn with_parity() -> (MemFs, Vec<u8>, usize) {
    let fs = mem_fs();
    let archive = write(&fs, &version_path(1), WriteOptions::new().parity(true), &SECTIONS).unwrap();
    let _ = publish_current(&archive).unwrap();
    let at = archive.footer().section("tables").unwrap().offset + 34;
    let bytes = fs.read_to_vec(&version_path(1), LIMIT).unwrap();
    (fs, bytes, usize::try_from(at).unwrap())
}

#[test]
fn a_damaged_section_is_restored_on_read_and_reported() {
    let (fs, good, at) = with_parity();
    let mut bytes = good.clone();
    // The payload of 73 bytes has four shards of 20 bytes. Two of them are lost.
    bytes[at..at + 40].fill(0);
    put_file(&fs, &version_path(1), &bytes);
    let reader = open(&fs, &version_path(1)).unwrap();
    let section = reader.read_section("tables").unwrap();
    assert!(section.healed);
    assert_eq!(section.payload, SECTIONS[1].1);
    assert!(!reader.read_section("comparator_name").unwrap().healed);
    assert_eq!(reader.verify().unwrap(), ["tables"]);
    let found = recover(&fs, Path::new(DIR), &OPTIONS).unwrap().unwrap();
    assert_eq!(found.healed, ["tables"]);
    let report = inspect(&fs, &version_path(1), &OPTIONS).unwrap();
    assert!(matches!(report.sections[1].state, BlockState::Restorable), "{report}");
    assert!(report.to_string().contains(", with parity: damaged, restorable from its parity"), "{report}");

    assert_eq!(
        repair(&fs, &version_path(1), &OPTIONS).unwrap().parts,
        [RepairedPart::Section("tables".into())]
    );
    assert!(fs.read_to_vec(&version_path(1), LIMIT).unwrap() == good);
    assert_eq!(recover(&fs, Path::new(DIR), &OPTIONS).unwrap().unwrap().healed.len(), 0);
}

#[test]
fn a_damaged_footer_is_restored_before_the_mirror_is_used() {
    let (fs, good, _) = with_parity();
    let mut bytes = good.clone();
    let len = bytes.len();
    let hint = u32::from_le_bytes(bytes[len - 4..].try_into().unwrap()) as usize;
    let footer = len - 4 - hint;
    bytes[footer + 34..footer + 50].fill(0xee);
    put_file(&fs, &version_path(1), &bytes);
    let reader = open(&fs, &version_path(1)).unwrap();
    assert_eq!((reader.source(), reader.footer_healed()), (FooterSource::Tail, true));
    assert_eq!(read_all(&reader).unwrap(), owned(&SECTIONS));
    assert_eq!(repair(&fs, &version_path(1), &OPTIONS).unwrap().parts, [RepairedPart::Tail]);
    assert!(fs.read_to_vec(&version_path(1), LIMIT).unwrap() == good);
    assert!(!open(&fs, &version_path(1)).unwrap().footer_healed());
}

#[test]
fn damaged_parity_is_harmless_to_readers_and_repaired() {
    let (fs, good, at) = with_parity();
    let mut bytes = good.clone();
    bytes[at + 73] ^= 1;
    put_file(&fs, &version_path(1), &bytes);
    assert!(!open(&fs, &version_path(1)).unwrap().read_section("tables").unwrap().healed);
    assert_eq!(
        repair(&fs, &version_path(1), &OPTIONS).unwrap().parts,
        [RepairedPart::Section("tables".into())]
    );
    assert!(fs.read_to_vec(&version_path(1), LIMIT).unwrap() == good);
}

#[test]
fn the_footer_may_grow_while_its_parity_has_room() {
    let fs = mem_fs();
    let mut writer =
        ManifestArchiveWriter::create(&fs, &version_path(1), WriteOptions::new().parity(true)).unwrap();
    let mut count = 0_usize;
    while writer.add_section(&format!("{count:05}"), &[]).is_ok() {
        count += 1;
    }
    // With parity, the payload takes one and a half times its length.
    assert_eq!(count, ((4096 - 34) * 2 / 3 - 4) / 35);
    writer.finish().map(drop).unwrap();
    assert_eq!(open(&fs, &version_path(1)).unwrap().footer().sections().len(), count);
}

#[test]
fn damage_beyond_two_shards_is_corruption() {
    let (fs, mut bytes, at) = with_parity();
    for shard in [0, 20, 40] {
        bytes[at + shard] ^= 1;
    }
    put_file(&fs, &version_path(1), &bytes);
    let reader = open(&fs, &version_path(1)).unwrap();
    let error = reader.read_section("tables").unwrap_err();
    assert!(matches!(error, Error::Corrupt { what: Defect::BeyondParity, .. }), "{error}");
    assert!(reader.verify().is_err());
    let done = repair(&fs, &version_path(1), &OPTIONS).unwrap();
    assert_eq!((done.parts.len(), &done.damaged[..]), (0, &["tables".to_owned()][..]));
}

#[test]
fn a_long_section_is_restored_across_several_windows() {
    let fs = mem_fs();
    let payload: Vec<u8> = (0..300_000_u32).flat_map(|i| (i ^ (i >> 9)).to_le_bytes()).collect();
    let sections: [(&str, &[u8]); 1] = [("tables", &payload)];
    write(&fs, &version_path(1), WriteOptions::new().parity(true), &sections).map(drop).unwrap();
    let mut bytes = fs.read_to_vec(&version_path(1), LIMIT).unwrap();
    for at in [4200, 310_000, 399_000] {
        bytes[at] ^= 0x80;
    }
    put_file(&fs, &version_path(1), &bytes);
    let section = open(&fs, &version_path(1)).unwrap().read_section("tables").unwrap();
    assert!(section.healed && section.payload == payload);
}
