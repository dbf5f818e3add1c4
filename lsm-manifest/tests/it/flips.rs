//! Every bit flip and every truncation of a file is detected or repaired. The sections never differ from the written
//! ones.

use std::path::Path;

use lsm_fs::{Fs, FsExt, FsOpenOptions};
use lsm_fs_mem::{FaultFs, MemFs};
use lsm_manifest::{Error, FooterSource, ReadOptions, WriteOptions, inspect, open_current, publish_current};

use crate::{
    probe_fs::ProbeFs,
    support::{
        DIR, FIXTURES, LIMIT, SECTIONS, Sections, archive_bytes, current_path, fixture, mem_fs, open, owned,
        put_file, read_all, read_file, version_path, write,
    },
};

/// An archive with known sections, in a filesystem that can be damaged.
struct Specimen {
    label: String,
    fs: ProbeFs<MemFs>,
    /// The same files, but none of them can be read whole.
    in_pieces: ProbeFs<MemFs>,
    bytes: Vec<u8>,
    sections: Sections,
    mirror: bool,
    parity: bool,
    /// The end of the sections.
    end: usize,
}

/// The outcome of opening an archive: refused, or opened from one of its footers with some of its sections.
#[derive(Debug, PartialEq)]
enum Outcome {
    Whole(FooterSource),
    SectionRefused,
    Refused,
}

impl Specimen {
    fn new(label: String, bytes: Vec<u8>) -> Self {
        let inner = mem_fs();
        let (fs, in_pieces) = (ProbeFs::new(inner.clone()), ProbeFs::new(inner).in_pieces());
        put_file(&fs, &version_path(1), &bytes);
        let reader = open(&fs, &version_path(1)).unwrap();
        let (mirror, end) = (reader.footer().has_mirror(), reader.footer().sections_end());
        Self {
            sections: read_all(&reader).unwrap(),
            parity: label.contains("ecc"),
            end: usize::try_from(end).unwrap(),
            label,
            fs,
            in_pieces,
            bytes,
            mirror,
        }
    }

    /// Opens the file and reads each section by itself. Checks that every section is right, and that the result does
    /// not depend on whether the file is read whole or in parts.
    fn examine(&self, what: &dyn std::fmt::Display) -> Outcome {
        let outcome = self.examine_in(&self.fs, what);
        assert_eq!(self.examine_in(&self.in_pieces, what), outcome, "{}, {what}: in pieces", self.label);
        outcome
    }

    fn examine_in(&self, fs: &ProbeFs<MemFs>, what: &dyn std::fmt::Display) -> Outcome {
        let label = &self.label;
        let len = fs.metadata(&version_path(1)).unwrap().len;
        fs.take_longest_read();
        let outcome = match open(fs, &version_path(1)) {
            Err(Error::Fs(error)) => panic!("{label}, {what}: {error}"),
            Err(_) => Outcome::Refused,
            Ok(reader) => {
                let names: Vec<_> = reader.footer().sections().iter().map(|s| s.name.clone()).collect();
                let expected: Vec<_> = self.sections.iter().map(|(name, _)| name.clone()).collect();
                assert_eq!(names, expected, "{label}, {what}");
                let mut refused = false;
                for (name, payload) in &self.sections {
                    match reader.read_section(name) {
                        Ok(section) => assert!(section.payload == *payload, "{label}, {what}: wrong {name}"),
                        Err(Error::Fs(error)) => panic!("{label}, {what}: {error}"),
                        Err(_) => refused = true,
                    }
                }
                assert_eq!(
                    reader.verify().is_err(),
                    refused,
                    "{label}, {what}: verify sees what a read sees"
                );
                if refused { Outcome::SectionRefused } else { Outcome::Whole(reader.source()) }
            }
        };
        let longest = fs.take_longest_read();
        assert!(longest <= len, "{label}, {what}: a buffer of {longest} for a file of {len}");
        outcome
    }

    fn inspect_is_healthy(&self) -> bool {
        inspect(&self.fs, &version_path(1), &ReadOptions::new()).unwrap().is_healthy()
    }
}

fn specimens() -> Vec<Specimen> {
    let mut all: Vec<_> = FIXTURES
        .iter()
        .map(|(name, version)| {
            let path = fixture(name).join(format!("v{version}"));
            Specimen::new((*name).to_owned(), read_file(&path))
        })
        .collect();
    let plain = WriteOptions::new;
    all.push(Specimen::new("mirror off".into(), archive_bytes(plain().mirror(false), &SECTIONS)));
    all.push(Specimen::new("no sections".into(), archive_bytes(plain(), &[])));
    #[cfg(feature = "parity")]
    all.push(Specimen::new(
        "ecc, mirror off".into(),
        archive_bytes(plain().mirror(false).parity(true), &SECTIONS),
    ));
    all
}

#[test]
fn every_flipped_bit_is_detected_or_harmless() {
    // The other fixtures differ from these only in the contents of their sections.
    let chosen = ["v5-plain-5.ckpt", "v6-plain-5.ckpt", "mirror off", "no sections"];
    for specimen in specimens().into_iter().filter(|specimen| chosen.contains(&&*specimen.label)) {
        flip_every_bit(&specimen);
    }
}

#[test]
fn every_flipped_bit_of_an_archive_with_parity_is_detected_healed_or_harmless() {
    for specimen in specimens().into_iter().filter(|specimen| specimen.parity) {
        flip_every_bit(&specimen);
    }
}

fn flip_every_bit(specimen: &Specimen) {
    let file = specimen.fs.open(&version_path(1), &FsOpenOptions::new().write(true)).unwrap();
    let (mut healed, mut refused, mut mirrored) = (0, 0, 0);
    for at in 0..specimen.bytes.len() {
        for bit in 0..8 {
            let flipped = [specimen.bytes[at] ^ (1 << bit)];
            file.write_at(&flipped, at as u64).unwrap();
            let what = format!("bit {bit} of byte {at}");
            let outcome = specimen.examine(&what);
            let in_head = at < 4096;
            let in_tail = at >= specimen.end;
            match outcome {
                Outcome::Whole(FooterSource::Mirror) => {
                    mirrored += 1;
                    assert!(in_tail && specimen.mirror, "{}, {what}", specimen.label);
                }
                // If an archive is read completely through its tail, the damage is in the head, or parity repaired it.
                Outcome::Whole(_) => {
                    healed += 1;
                    assert!(in_head || specimen.parity, "{}, {what}", specimen.label);
                }
                Outcome::SectionRefused => {
                    refused += 1;
                    assert!(!in_head && !in_tail, "{}, {what}", specimen.label);
                }
                Outcome::Refused => {
                    refused += 1;
                    assert!(in_tail && !specimen.mirror, "{}, {what}", specimen.label);
                }
            }
        }
        // Flips one bit of each byte. `inspect` must see all of them. Without the feature, it cannot verify parity.
        if cfg!(feature = "parity") || !specimen.parity {
            assert!(!specimen.inspect_is_healthy(), "{}, byte {at}", specimen.label);
        }
        file.write_at(&specimen.bytes[at..=at], at as u64).unwrap();
    }
    assert_eq!(healed + refused + mirrored, 8 * specimen.bytes.len());
    assert!(specimen.inspect_is_healthy());
    println!(
        "{}: {healed} harmless or healed, {mirrored} from the mirror, {refused} refused",
        specimen.label
    );
}

#[test]
fn a_truncated_archive_opens_whole_from_its_mirror_or_not_at_all() {
    for specimen in specimens() {
        let (mut mirrored, mut refused) = (0, 0);
        for len in (0..specimen.bytes.len()).rev() {
            specimen.fs.truncate_file(&version_path(1), len as u64).unwrap();
            match specimen.examine(&format!("cut to {len}")) {
                Outcome::Whole(FooterSource::Mirror) => {
                    mirrored += 1;
                    assert!(len >= specimen.end && specimen.mirror, "{}, cut to {len}", specimen.label);
                }
                Outcome::Refused => {
                    refused += 1;
                    assert!(len < specimen.end || !specimen.mirror, "{}, cut to {len}", specimen.label);
                }
                other => panic!("{}, cut to {len}: {other:?}", specimen.label),
            }
        }
        assert_eq!(mirrored + refused, specimen.bytes.len());
        println!("{}: {mirrored} cuts from the mirror, {refused} refused", specimen.label);
    }
}

/// A crash may leave zeros at full length as well as a truncated file.
#[test]
fn lost_sections_of_an_archive_that_ends_in_zeros_are_refused() {
    for specimen in specimens() {
        for from in (0..specimen.bytes.len()).rev() {
            let mut bytes = specimen.bytes.clone();
            bytes[from..].fill(0);
            put_file(&specimen.fs, &version_path(1), &bytes);
            let outcome = specimen.examine(&format!("zeros from {from}"));
            let unchanged = bytes == specimen.bytes;
            if unchanged {
                assert_eq!(outcome, Outcome::Whole(FooterSource::Tail));
            } else if !specimen.mirror || from < 34 {
                assert_eq!(outcome, Outcome::Refused, "{}, zeros from {from}", specimen.label);
            }
        }
    }
}

#[test]
fn an_archive_with_an_extra_byte_opens_from_its_mirror() {
    for specimen in specimens() {
        let mut bytes = specimen.bytes.clone();
        bytes.push(0);
        put_file(&specimen.fs, &version_path(1), &bytes);
        let expected = if specimen.mirror { Outcome::Whole(FooterSource::Mirror) } else { Outcome::Refused };
        assert_eq!(specimen.examine(&"a byte appended"), expected, "{}", specimen.label);
    }
}

/// A directory with a published version 1 and an unpublished version 3.
fn published() -> (MemFs, Vec<u8>) {
    let fs = mem_fs();
    write(&fs, &version_path(3), WriteOptions::new(), &SECTIONS[..1]).map(drop).unwrap();
    let archive = write(&fs, &version_path(1), WriteOptions::new(), &SECTIONS).unwrap();
    let _ = publish_current(&archive).unwrap();
    let current = fs.read_to_vec(&current_path(), LIMIT).unwrap();
    (fs, current)
}

#[test]
fn every_flipped_bit_of_current_is_detected() {
    let (fs, current) = published();
    for at in 0..current.len() {
        for bit in 0..8 {
            let mut flipped = current.clone();
            flipped[at] ^= 1 << bit;
            put_file(&fs, &current_path(), &flipped);
            let found = open_current(&fs, Path::new(DIR), &ReadOptions::new()).unwrap_err();
            let expected = match at {
                // Flipping bit 1 turns version 1 into 3, which exists.
                0 if bit == 1 => matches!(found, Error::DigestMismatch { .. }),
                0..8 => matches!(found, Error::MissingArchive { .. }),
                8..24 => matches!(found, Error::DigestMismatch { .. }),
                _ => matches!(found, Error::Corrupt { .. }),
            };
            assert!(expected, "bit {bit} of byte {at}: {found}");
        }
    }
    put_file(&fs, &current_path(), &current);
    let (_, reader) = open_current(&fs, Path::new(DIR), &ReadOptions::new()).unwrap().unwrap();
    assert_eq!(read_all(&reader).unwrap(), owned(&SECTIONS));
}

#[test]
fn every_other_length_of_current_is_refused() {
    let (fs, current) = published();
    for len in 0..30 {
        let mut bytes = current.clone();
        bytes.resize(len, 1);
        put_file(&fs, &current_path(), &bytes);
        let found = open_current(&fs, Path::new(DIR), &ReadOptions::new());
        match len {
            0 => assert!(matches!(found, Err(Error::CurrentEmpty { .. }))),
            25 => assert!(found.is_ok()),
            _ => {
                let found = found.unwrap_err().to_string();
                assert_eq!(found, format!("/db/current: offset 0: the file is {len} bytes long, not 25"));
            }
        }
        put_file(&fs, &current_path(), &vec![0; len]);
        let found = open_current(&fs, Path::new(DIR), &ReadOptions::new()).unwrap_err();
        let says_so = if len == 0 {
            matches!(found, Error::CurrentEmpty { .. })
        } else {
            matches!(found, Error::CurrentZeros { .. })
        };
        assert!(says_so, "{len} zeros: {found}");
    }
}

/// Verification reads an archive through a window of 256 KiB. The blocks here end with the window, straddle its end
/// with their header or their payload, or are longer than it.
#[test]
fn sections_of_any_length_are_verified_to_the_last_byte() {
    const WINDOW: usize = 256 << 10;
    let payloads: Vec<Vec<u8>> = [1, WINDOW - 100, 0, WINDOW - 60, 2 * WINDOW + 7, 3, WINDOW]
        .iter()
        .map(|&len| (0..=250).cycle().take(len).collect())
        .collect();
    let names: Vec<String> = (0..payloads.len()).map(|i| format!("s{i}")).collect();
    let sections: Vec<(&str, &[u8])> =
        names.iter().zip(&payloads).map(|(name, payload)| (name.as_str(), payload.as_slice())).collect();
    let fs = mem_fs();
    write(&fs, &version_path(1), WriteOptions::new(), &sections).map(drop).unwrap();
    let reader = open(&fs, &version_path(1)).unwrap();
    assert!(reader.verify().unwrap().is_empty());
    let good = fs.read_to_vec(&version_path(1), 16 << 20).unwrap();
    for entry in reader.footer().sections() {
        let [start, end] = [entry.offset, entry.end()].map(|at| usize::try_from(at).unwrap());
        let edges = (start..end).step_by(WINDOW).flat_map(|at| [at, at + WINDOW / 2, at + WINDOW - 1]);
        for at in edges.chain([start + 40, end - 1]).filter(|at| (start..end).contains(at)) {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            put_file(&fs, &version_path(1), &bytes);
            let damaged = open(&fs, &version_path(1)).unwrap();
            let found = damaged.verify();
            let here = |offset: u64| (entry.offset..entry.end()).contains(&offset);
            assert!(
                matches!(&found, Err(Error::Corrupt { offset, .. }) if here(*offset)),
                "byte {at} of {}: {found:?}",
                entry.name
            );
        }
    }
}

/// A valid section behind a damaged one does not hide the damage.
#[test]
fn a_damaged_section_is_named_although_a_later_one_cannot_be_read() {
    let fs = mem_fs();
    write(&fs, &version_path(1), WriteOptions::new(), &SECTIONS).map(drop).unwrap();
    let first = open(&fs, &version_path(1)).unwrap().footer().sections()[0].clone();
    let mut bytes = fs.read_to_vec(&version_path(1), LIMIT).unwrap();
    bytes[usize::try_from(first.offset).unwrap() + 1] ^= 1;
    put_file(&fs, &version_path(1), &bytes);
    let faulty = FaultFs::new(fs);
    // Two reads: the whole file, and, after the footer, all of its sections.
    for read in ["read_at#1:before-EIO", "read_at#3:before-EIO"] {
        faulty.inject(lsm_fs_mem::Fault::from(read.parse::<lsm_fs_mem::FaultId>().unwrap()));
    }
    let reader = open(&faulty, &version_path(1)).unwrap();
    let found = reader.verify();
    assert_eq!(faulty.injected().len(), 2);
    assert!(matches!(&found, Err(Error::Corrupt { offset, .. }) if *offset == first.offset), "{found:?}");
}
