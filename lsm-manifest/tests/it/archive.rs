//! Tests of writing and reading archives.

use std::{io::Write, path::Path};

use lsm_fs::{DirectorySync, Fs, FsExt, StdFs};
use lsm_manifest::{
    Error, FooterSource, ManifestArchiveWriter, NameProblem, ReadOptions, WriteOptions,
    format::SECTION_BLOCK_MAX,
};

use crate::{
    probe_fs::ProbeFs,
    support::{DIR, LIMIT, SECTIONS, mem_fs, open, owned, put_file, read_all, version_path, write},
};

#[test]
fn sections_are_read_by_name_and_listed_in_order() {
    for mirror in [true, false] {
        let fs = mem_fs();
        let archive = write(&fs, &version_path(1), WriteOptions::new().mirror(mirror), &SECTIONS).unwrap();
        assert_eq!(archive.version_id(), Some(1));
        assert_eq!(archive.directory_sync(), DirectorySync::Durable);
        let reader = open(&fs, &version_path(1)).unwrap();
        assert_eq!(reader.footer(), archive.footer());
        assert_eq!(reader.footer().has_mirror(), mirror);
        assert_eq!((reader.source(), reader.tail_failure().is_none()), (FooterSource::Tail, true));
        assert_eq!(read_all(&reader).unwrap(), owned(&SECTIONS));
        assert_eq!(reader.read_section("comparator_name").unwrap().payload, b"default");
        assert!(reader.section("restrictions").is_none());
        let missing = reader.read_section("restrictions").unwrap_err();
        assert_eq!(missing.to_string(), "/db/v1: it has no section named restrictions");
    }
}

#[test]
fn an_archive_may_have_no_sections() {
    let fs = mem_fs();
    write(&fs, &version_path(0), WriteOptions::new(), &[]).map(drop).unwrap();
    let reader = open(&fs, &version_path(0)).unwrap();
    assert_eq!(reader.footer().sections().len(), 0);
    assert_eq!(reader.verify().unwrap().len(), 0);
}

#[test]
fn a_streamed_section_equals_one_written_at_once() {
    let fs = mem_fs();
    let payload: Vec<u8> = (0..600_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    let mut writer = ManifestArchiveWriter::create(&fs, &version_path(1), WriteOptions::new()).unwrap();
    let mut section = writer.start_section("tables").unwrap();
    for chunk in payload.chunks(4099) {
        section.write_all(chunk).unwrap();
    }
    section.finish().unwrap();
    writer.add_section("after", b"x").unwrap();
    writer.finish().map(drop).unwrap();
    let whole: [(&str, &[u8]); 2] = [("tables", &payload), ("after", b"x")];
    write(&fs, &version_path(2), WriteOptions::new(), &whole).map(drop).unwrap();
    let bytes = |version| fs.read_to_vec(&version_path(version), LIMIT).unwrap();
    assert!(bytes(1) == bytes(2));
    assert_eq!(read_all(&open(&fs, &version_path(1)).unwrap()).unwrap(), owned(&whole));
}

#[test]
fn names_are_refused_before_anything_is_written() {
    let fs = ProbeFs::new(mem_fs());
    let mut writer = ManifestArchiveWriter::create(&fs, &version_path(1), WriteOptions::new()).unwrap();
    writer.add_section("tables", b"1").unwrap();
    for (name, expected) in [
        ("", NameProblem::Empty),
        (&*"x".repeat(65), NameProblem::TooLong),
        // The limit counts bytes, not characters.
        (&*"é".repeat(33), NameProblem::TooLong),
        ("tables", NameProblem::Duplicate),
    ] {
        match writer.add_section(name, b"2") {
            Err(Error::InvalidName { problem, .. }) => assert_eq!(problem, expected, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let long = writer.add_section("tables", &vec![2; 300_000]);
    assert!(matches!(long, Err(Error::InvalidName { problem: NameProblem::Duplicate, .. })), "{long:?}");
    writer.add_section(&"x".repeat(64), b"3").unwrap();
    writer.finish().map(drop).unwrap();
    let sections = read_all(&open(&fs, &version_path(1)).unwrap()).unwrap();
    assert_eq!(sections, owned(&[("tables", b"1"), (&"x".repeat(64), b"3")]));
}

#[test]
fn sections_are_accepted_while_the_footer_has_room() {
    for name_len in [5, 64] {
        let fs = mem_fs();
        let mut writer = ManifestArchiveWriter::create(&fs, &version_path(1), WriteOptions::new()).unwrap();
        let mut count = 0_usize;
        let refused = loop {
            match writer.add_section(&format!("{count:0name_len$}"), &[]) {
                Ok(()) => count += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, Error::TooManySections { .. }), "{refused}");
        assert_eq!(count, (4096 - 34 - 4) / (2 + name_len + 28));
        writer.finish().map(drop).unwrap();
        assert_eq!(open(&fs, &version_path(1)).unwrap().footer().sections().len(), count);
    }
}

#[test]
fn a_section_of_16_mib_is_the_longest() {
    let fs = mem_fs();
    let fits = vec![7; SECTION_BLOCK_MAX as usize - 34];
    let mut writer = ManifestArchiveWriter::create(&fs, &version_path(1), WriteOptions::new()).unwrap();
    writer.add_section("fits", &fits).unwrap();
    for extra in [1, 34, 35] {
        let too_long = vec![7; fits.len() + extra];
        let refused = writer.add_section("too-long", &too_long);
        assert!(matches!(refused, Err(Error::SectionTooLong { .. })), "{extra}");
    }
    let mut section = writer.start_section("too-long").unwrap();
    section.write_all(&fits).unwrap();
    let refused = section.write_all(&[0; 35]).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::FileTooLarge);
    assert!(matches!(section.finish(), Err(Error::SectionTooLong { .. })), "not written without its end");
    // A piece that is too long fails the section, even if the next piece would fit.
    let mut section = writer.start_section("too-long").unwrap();
    assert!(section.write_all(&vec![0; 17 << 20]).is_err());
    assert!(section.write_all(&[0]).is_err());
    assert!(matches!(section.finish(), Err(Error::SectionTooLong { .. })));
    writer.finish().map(drop).unwrap();
    let reader = open(&fs, &version_path(1)).unwrap();
    assert!(read_all(&reader).unwrap() == owned(&[("fits", &fits)]));
}

#[test]
fn a_dropped_section_is_not_written() {
    let fs = mem_fs();
    let mut writer = ManifestArchiveWriter::create(&fs, &version_path(1), WriteOptions::new()).unwrap();
    writer.start_section("tables").unwrap().write_all(b"half").unwrap();
    writer.add_section("tables", b"whole").unwrap();
    writer.start_section("last").unwrap().write_all(b"half").unwrap();
    writer.finish().map(drop).unwrap();
    assert_eq!(read_all(&open(&fs, &version_path(1)).unwrap()).unwrap(), owned(&[("tables", b"whole")]));
}

#[test]
fn a_dropped_writer_and_a_discarded_archive_leave_nothing() {
    let fs = mem_fs();
    drop(ManifestArchiveWriter::create(&fs, &version_path(1), WriteOptions::new()).unwrap());
    write(&fs, &version_path(1), WriteOptions::new(), &SECTIONS).unwrap().discard().unwrap();
    assert_eq!(fs.read_dir(Path::new(DIR)).unwrap(), []);
}

#[test]
fn an_existing_file_is_not_touched() {
    let fs = mem_fs();
    put_file(&fs, &version_path(1), b"someone's");
    let refused = ManifestArchiveWriter::create(&fs, &version_path(1), WriteOptions::new());
    assert!(matches!(refused, Err(Error::Fs(e)) if e.kind() == std::io::ErrorKind::AlreadyExists));
    assert_eq!(fs.read_to_vec(&version_path(1), LIMIT).unwrap(), b"someone's");
}

#[test]
fn a_small_archive_takes_one_read_and_no_byte_is_read_twice() {
    let inner = mem_fs();
    write(&inner, &version_path(1), WriteOptions::new(), &SECTIONS).map(drop).unwrap();
    let fs = ProbeFs::new(inner.clone());
    let reader = open(&fs, &version_path(1)).unwrap();
    let _ = read_all(&reader).unwrap();
    assert_eq!(fs.take_read_calls(), 1);

    let fs = ProbeFs::new(inner).in_pieces();
    let reader = open(&fs, &version_path(1)).unwrap();
    assert_eq!(fs.take_read_calls(), 2, "the file, which fails; the footer and its hint");
    let _ = read_all(&reader).unwrap();
    // The probe counts two reads for each section: its header and its payload.
    assert_eq!(fs.take_read_calls(), 2 * SECTIONS.len() as u64);
}

/// A file longer than the read-ahead is not read whole to get its footer.
#[test]
fn opening_a_long_archive_reads_only_its_footer() {
    const HEAD: usize = 4096;
    for (payload, at_one_go) in [(127 * 1024 - HEAD, true), (128 * 1024, false)] {
        let fs = ProbeFs::new(mem_fs());
        write(&fs, &version_path(1), WriteOptions::new(), &[("tables", &vec![3; payload])])
            .map(drop)
            .unwrap();
        fs.take_read_in_all();
        let reader = open(&fs, &version_path(1)).unwrap();
        let read = fs.take_read_in_all();
        assert_eq!(read > 2 * HEAD as u64, at_one_go, "{payload}: {read}");
        assert!(reader.verify().unwrap().is_empty());
        assert!(reader.read_section("tables").unwrap().payload.len() == payload);
        assert_eq!(fs.take_read_in_all() == 0, at_one_go);
    }
}

/// The buffers of the reader are its only allocations in proportion to a section. The buffer becomes the result in
/// place.
#[test]
fn reading_a_section_allocates_its_length_and_verifying_less() {
    let fs = ProbeFs::new(mem_fs());
    let payload = vec![3; 6_400_000];
    write(&fs, &version_path(1), WriteOptions::new(), &[("tables", &payload)]).map(drop).unwrap();
    let reader = open(&fs, &version_path(1)).unwrap();
    fs.take_read_in_all();
    assert!(reader.read_section("tables").unwrap().payload == payload);
    assert_eq!(fs.take_read_in_all(), 6_400_034);
    fs.take_longest_read();
    assert_eq!(reader.verify().unwrap().len(), 0);
    assert_eq!(fs.take_longest_read(), 256 * 1024);
}

#[test]
fn a_missing_file_is_an_error_of_the_filesystem() {
    let missing = open(&StdFs, Path::new("/nowhere/v1")).unwrap_err();
    assert!(matches!(&missing, Error::Fs(e) if e.kind() == std::io::ErrorKind::NotFound), "{missing}");
}

#[test]
fn debug_shows_no_payload() {
    let fs = mem_fs();
    let mut writer = ManifestArchiveWriter::create(&fs, &version_path(1), WriteOptions::new()).unwrap();
    let mut section = writer.start_section("tables").unwrap();
    section.write_all(&[201; 9]).unwrap();
    assert!(!format!("{section:?}").contains("201"));
    section.finish().unwrap();
    assert!(!format!("{writer:?}").contains("201,"), "{writer:?}");
    assert!(format!("{:?}", ReadOptions::new()).contains("None"));
}
