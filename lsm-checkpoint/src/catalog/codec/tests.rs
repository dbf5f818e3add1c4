mod properties;

use std::time::Duration;

use super::*;
use crate::{Attributes, CATALOG_FILE, CatalogFile, CatalogFolder, CatalogTree};

/// The head and the other sections.
type Sections = Vec<(String, Vec<u8>)>;

fn decode(sections: &Sections) -> Result<Catalog, Refusal> {
    let payload = |name: &str| &sections.iter().find(|(known, _)| known == name).unwrap().1[..];
    let mut take = |_| Ok(());
    let mut decoder = Decoder::new(payload(HEAD_SECTION), &mut take)?;
    for name in decoder.sections(sections.iter().map(|(name, _)| name.as_str())) {
        decoder.section(name, payload(name), &mut take)?;
    }
    decoder.finish(&mut take)
}

/// A catalog that both formats can hold.
fn sample_of(format: u32) -> Catalog {
    let file = |tree, kind, name: &str, checksum, method| {
        let file = CatalogFile::new(tree, kind, name.to_owned(), 4096, method);
        CatalogFile { checksum, ..file }
    };
    let tree = |folder: &str, version_id, folders: &[&str]| {
        let folders = folders.iter().map(|folder| (*folder).to_owned()).collect();
        CatalogTree { folder: folder.to_owned(), version_id, folders }
    };
    Catalog {
        format,
        identity: "an engine".to_owned(),
        seqno: Some(77),
        created: Duration::from_millis(1_700_000_000_123),
        trees: vec![tree("users", 3, &["tables", "blobs"]), tree("orders", 9, &[])],
        files: vec![
            file(0, FileKind::Table, "1", Some(u128::MAX - 1), Method::HardLink),
            file(0, FileKind::Blob, "1", None, Method::Copy),
            file(1, FileKind::other("filters"), "1.f", Some(0), Method::Reflink),
            file(1, FileKind::Metadata, "v9", Some(5), Method::Written),
            file(1, FileKind::Metadata, "current", Some(6), Method::BaseLink),
        ],
        attributes: Vec::new(),
    }
}

/// Every field of format 2, present in one record and absent in another.
fn sample() -> Catalog {
    let mut catalog = sample_of(2);
    let all = Attributes { mode: Some(0o2750), owner: Some(1000), group: Some(7) };
    catalog.trees[1].folder = String::new();
    catalog.trees[0].folder = "keyspaces/users".to_owned();
    catalog.trees[1].folders = vec!["filters".to_owned(), "wal/old/a/b".to_owned()];
    catalog.files[0].linkable = true;
    catalog.files[0].sha256 = Some([0xab; 32]);
    catalog.files[1].allocated_bytes = Some(512);
    catalog.files[2].attributes = all;
    catalog.files[3].attributes.group = Some(8);
    let folder = |path: &str, attributes| CatalogFolder { path: path.to_owned(), attributes };
    catalog.attributes = vec![folder("", all), folder("keyspaces", Attributes { mode: Some(0o700), ..all })];
    catalog.attributes.push(folder("wal/old/a/b", Attributes::default()));
    catalog
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.trim().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn golden_1() -> Sections {
    let head = (HEAD_SECTION.to_owned(), unhex(include_str!("golden_head.hex")));
    vec![head, ("files.0".to_owned(), unhex(include_str!("golden_files.hex")))]
}

/// The bytes of format 1 are never edited, because such catalogs exist on disk. Missing fields get the values that the
/// readers of format 1 used.
#[test]
fn format_1_is_read() {
    let mut expected = sample_of(1);
    for (file, linkable) in expected.files.iter_mut().zip([true, true, true, false, false]) {
        file.linkable = linkable;
    }
    assert_eq!(decode(&golden_1()), Ok(expected));
}

/// The number 0 stood for no write and for a write with number 0. Repeating a write is harmless, losing one is not.
#[test]
fn a_sequence_number_of_0_is_unknown_in_format_1() {
    let mut sections = golden_1();
    let at = 4 + 4 + "an engine".len();
    assert_eq!(sections[0].1[at], 77);
    sections[0].1[at] = 0;
    assert_eq!(decode(&sections).unwrap().seqno, None);
    for seqno in [None, Some(0), Some(u64::MAX)] {
        let catalog = Catalog { seqno, ..sample() };
        assert_eq!(decode(&encode(&catalog)).unwrap().seqno, seqno, "format 2");
    }
}

#[test]
fn a_catalog_of_format_1_may_lack_an_identity() {
    let mut sections = golden_1();
    let head = &mut sections[0].1;
    head.drain(8..8 + head[4] as usize);
    head[4] = 0;
    assert_eq!(decode(&sections).unwrap().identity, "");
    let nameless = Catalog { identity: String::new(), ..sample() };
    assert_eq!(decode(&encode(&nameless)), Err(CatalogDefect::Identity.into()));
}

#[test]
fn an_identity_that_is_too_long_is_refused() {
    for (len, fits) in [(255, true), (256, false)] {
        let mut sections = golden_1();
        let head = &mut sections[0].1;
        let known = head[4] as usize;
        head.splice(8..8 + known, std::iter::repeat_n(b'i', len));
        head[4..8].copy_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
        let decoded = decode(&sections).map(|catalog| catalog.identity.len());
        assert_eq!(decoded, if fits { Ok(len) } else { Err(CatalogDefect::Identity.into()) }, "format 1");
    }
    for (len, fits) in [(255, true), (256, false)] {
        let decoded = decode(&encode(&Catalog { identity: "i".repeat(len), ..sample() }));
        assert_eq!(decoded.err(), (!fits).then_some(CatalogDefect::Identity.into()), "format 2, {len}");
    }
}

/// Returns the lengths that decoding a catalog charges to its budget: the length of the whole path of each tree, file
/// and directory, and of each folder on the way that has no record.
fn taken(sections: &Sections) -> Vec<usize> {
    let mut taken = Vec::new();
    let mut take = |len| {
        taken.push(len);
        Ok(())
    };
    let payload = |name: &str| &sections.iter().find(|(known, _)| known == name).unwrap().1[..];
    let mut decoder = Decoder::new(payload(HEAD_SECTION), &mut take).unwrap();
    for name in decoder.sections(sections.iter().map(|(name, _)| name.as_str())) {
        decoder.section(name, payload(name), &mut take).unwrap();
    }
    decoder.finish(&mut take).unwrap();
    taken
}

/// A record of a few bytes can name a directory four levels deep, or lie in a tree with a long name.
#[test]
fn each_name_is_charged_by_the_length_of_its_path() {
    let records = ["users", "userstables", "usersblobs", "orders"].map(str::len);
    let files =
        ["userstables1", "usersblobs1", "ordersfilters1.f", "ordersv9", "orderscurrent"].map(str::len);
    let ways = ["orders/filters".len()];
    assert_eq!(taken(&golden_1()), [&records[..], &files, &ways].concat(), "format 1");
    let trees = [15, 21, 20, 0, 7, 11];
    let (files, attributes) = ([22, 21, 10, 2, 7], ["", "keyspaces", "wal/old/a/b"].map(str::len));
    let ways = ["keyspaces", "wal/old/a", "wal/old", "wal"].map(str::len);
    assert_eq!(taken(&encode(&sample())), [&trees[..], &files, &attributes, &ways].concat(), "format 2");
}

/// The bytes of format 2, one section per line. They are never edited.
#[test]
fn the_bytes_of_format_2_are_unchanged() {
    let found: String =
        encode(&sample()).iter().map(|(name, payload)| format!("{name} {}\n", hex(payload))).collect();
    assert!(found == include_str!("golden_2.txt"), "{found}");
    let golden = include_str!("golden_2.txt").lines().map(|line| line.split_once(' ').unwrap());
    let sections = golden.map(|(name, payload)| (name.to_owned(), unhex(payload))).collect();
    assert_eq!(decode(&sections), Ok(sample()));
}

#[test]
fn every_truncation_of_a_section_is_refused() {
    for sections in [encode(&sample()), golden_1()] {
        for at in 0..sections.len() {
            for len in 0..sections[at].1.len() {
                let mut cut = sections.clone();
                cut[at].1.truncate(len);
                let decoded = decode(&cut);
                // Format 1 does not store the number of records.
                let is_shorter =
                    decoded.as_ref().is_ok_and(|catalog| catalog.format == 1 && *catalog != sample());
                assert!(decoded.is_err() || is_shorter, "{}, {len}", sections[at].0);
            }
        }
    }
}

/// A later version appends fields to a record, never behind the last one.
#[test]
fn a_byte_behind_the_last_record_of_a_section_is_refused() {
    let sections = encode(&sample());
    for at in 0..sections.len() {
        let mut longer = sections.clone();
        longer[at].1.push(0);
        assert_eq!(decode(&longer), Err(CatalogDefect::Length.into()), "{}", sections[at].0);
    }
}

#[test]
fn a_missing_section_is_refused_and_an_unknown_one_is_ignored() {
    let mut sections = encode(&sample());
    for at in 1..sections.len() {
        let mut fewer = sections.clone();
        fewer.remove(at);
        assert_eq!(decode(&fewer), Err(CatalogDefect::Count.into()), "{}", sections[at].0);
        let mut renamed = sections.clone();
        renamed[at].0 = renamed[at].0.replace(".0", ".1");
        assert_eq!(decode(&renamed), Err(CatalogDefect::Count.into()), "{}", sections[at].0);
    }
    for name in ["files.00", "files.x", "files.", "files", "later.0"] {
        sections.push((name.to_owned(), b"whatever it is".to_vec()));
    }
    assert_eq!(decode(&sections), Ok(sample()));
}

/// An archive may hold sections in any order. They are read in the order of their numbers.
#[test]
fn long_lists_take_several_sections() {
    let mut catalog = sample();
    let name = "n".repeat(1000);
    let files = (0..18_000).map(|at| CatalogFile { name: format!("{name}{at}"), ..catalog.files[0].clone() });
    catalog.files = files.collect();
    let mut sections = encode(&catalog);
    let names: Vec<_> = sections.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["checkpoint", "trees.0", "files.0", "files.1", "files.2", "folders.0"]);
    assert!(sections.iter().all(|(_, payload)| payload.len() < 9 << 20));
    sections.reverse();
    assert!(decode(&sections) == Ok(catalog));
}

#[test]
fn unknown_required_features_are_refused_by_name() {
    let mut sections = encode(&sample());
    sections[0].1[4] = 0b101;
    sections[0].1[11] = 0x80;
    let features = 1 << 63 | 0b101;
    assert_eq!(decode(&sections), Err(Refusal::Features(features)));
    let error = crate::Error::UnsupportedFeatures { file: "c".into(), features };
    assert!(error.to_string().ends_with("bit 0, bit 2, bit 63"), "{error}");
    sections[0].1[0] = 3;
    assert_eq!(decode(&sections), Err(Refusal::Format(3)));
}

/// A later version appends fields to records, and marks them with flags.
#[test]
fn fields_and_flags_of_later_versions_are_skipped() {
    let longer = |payload: &[u8], flags_at: usize| {
        let mut out = Vec::new();
        let mut left = payload;
        while let Some((len, rest)) = left.split_first_chunk() {
            let (record, rest) = rest.split_at(u32::from_le_bytes(*len) as usize);
            out.extend((u32::from_le_bytes(*len) + 5).to_le_bytes());
            out.extend(record);
            let flags = out.len() - record.len() + flags_at;
            out[flags + 3] |= 0x80;
            out.extend(b"later");
            left = rest;
        }
        out
    };
    let mut sections = encode(&sample());
    for (name, payload) in &mut sections {
        *payload = match name.as_str() {
            HEAD_SECTION => [payload[..12].to_vec(), longer(&payload[12..], 0)].concat(),
            _ => longer(payload, 0),
        };
    }
    assert_eq!(decode(&sections), Ok(sample()));
}

#[test]
fn names_that_lead_out_of_the_checkpoint_are_refused() {
    let edits: [fn(&mut Catalog, String); 4] = [
        |catalog, name| catalog.files[0].name = name,
        |catalog, name| catalog.files[2].kind = FileKind::Other(name.into()),
        |catalog, name| catalog.trees[0].folder = name,
        |catalog, name| catalog.trees[0].folders[1] = name,
    ];
    for (at, edit) in edits.into_iter().enumerate() {
        for name in ["", ".", "..", "/etc", "a\0b", "a\nb", "../../db", "a/../b", "a//b"] {
            let mut catalog = sample_of(2);
            edit(&mut catalog, name.to_owned());
            let decoded = decode(&encode(&catalog));
            match name {
                "" if at == 2 => assert!(decoded.is_ok(), "a tree may lie in the checkpoint itself"),
                _ => assert_eq!(decoded, Err(CatalogDefect::Name.into()), "{at}, {name}"),
            }
        }
    }
}

type Edit = fn(&mut Catalog);

#[test]
fn catalogs_that_cannot_be_restored_are_refused() {
    let cases: [(CatalogDefect, Edit); 13] = [
        (CatalogDefect::Duplicate, |catalog| catalog.files.push(catalog.files[0].clone())),
        (CatalogDefect::Duplicate, |catalog| catalog.trees[1].folder = "keyspaces/users".to_owned()),
        (CatalogDefect::Duplicate, |catalog| catalog.files[3].name = "keyspaces".to_owned()),
        (CatalogDefect::Duplicate, |catalog| catalog.trees[1].folders[0] = "keyspaces/users".to_owned()),
        (CatalogDefect::Reserved, |catalog| catalog.files[3].name = CATALOG_FILE.to_lowercase()),
        (CatalogDefect::Reserved, |catalog| catalog.files[3].name = ".CHECKPOINT-unpublished".to_owned()),
        (CatalogDefect::Depth, |catalog| catalog.trees[0].folders[0] = "a/b/c/d/e".to_owned()),
        (CatalogDefect::Tree, |catalog| catalog.files[0].tree = 2),
        (CatalogDefect::Order, |catalog| catalog.files.rotate_left(1)),
        (CatalogDefect::Mode(0o10_000), |catalog| catalog.files[0].attributes.mode = Some(0o10_000)),
        (CatalogDefect::Folder, |catalog| catalog.attributes[1].path = "nowhere".to_owned()),
        (CatalogDefect::Folder, |catalog| catalog.attributes[1].path = String::new()),
        (CatalogDefect::TooLong, |catalog| catalog.files[3].len = (4 << 30) + 1),
    ];
    for (at, (defect, edit)) in cases.into_iter().enumerate() {
        let mut catalog = sample();
        edit(&mut catalog);
        assert_eq!(decode(&encode(&catalog)), Err(defect.into()), "case {at}");
    }
}

#[test]
fn the_folder_decides_the_kind() {
    let mut catalog = sample();
    catalog.files[2].kind = FileKind::Other("tables".into());
    let decoded = decode(&encode(&catalog)).unwrap();
    assert_eq!(decoded.files[2].kind, FileKind::Table);
}

#[test]
fn unknown_codes_are_refused() {
    let sections = encode(&sample());
    let with = |at: usize, byte: u8| {
        let mut sections = sections.clone();
        assert_eq!(sections[2].0, "files.0");
        sections[2].1[at] = byte;
        decode(&sections)
    };
    assert_eq!(with(4 + 8, 9), Err(CatalogDefect::Code(9).into()), "a kind");
    assert_eq!(with(4 + 9, 9), Err(CatalogDefect::Code(9).into()), "a method");
}

/// Compares the example of the document. The text after two spaces of a line is a comment.
#[test]
fn the_example_in_the_document_equals_the_encoded_bytes() {
    let document = include_str!("../../../FORMAT.md");
    let example = document.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let mut sections = Sections::new();
    for block in example.split("\n\n") {
        let mut lines = block.lines();
        let name = lines.next().unwrap().to_owned();
        let digits: String = lines.map(|line| line.split("  ").next().unwrap()).collect();
        sections.push((name, unhex(&digits)));
    }
    let file = |kind, name: &str, len, checksum, method| {
        let file = CatalogFile::new(0, kind, name.to_owned(), len, method);
        CatalogFile { checksum: Some(checksum), ..file }
    };
    let table = file(FileKind::Table, "1", 4, 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f, Method::HardLink);
    let tree = CatalogTree { folder: String::new(), version_id: 7, folders: vec!["tables".to_owned()] };
    let catalog = Catalog {
        format: 2,
        identity: "db".to_owned(),
        seqno: Some(41),
        created: Duration::from_millis(1_700_000_000_123),
        trees: vec![tree],
        files: vec![
            CatalogFile { linkable: true, ..table },
            file(FileKind::Metadata, "current", 25, 1, Method::Written),
        ],
        attributes: Vec::new(),
    };
    assert_eq!(encode(&catalog), sections);
    assert_eq!(decode(&sections), Ok(catalog));
}
