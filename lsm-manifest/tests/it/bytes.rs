//! Tests of archives as bytes: they equal the files, and are read in the same way.

use std::path::Path;

use lsm_fs::FsExt;
use lsm_manifest::{Error, ManifestArchiveReader, NameProblem, ReadOptions, WriteOptions, encode_archive};

use crate::support::{
    LIMIT, SECTIONS, archive_bytes, mem_fs, open, owned, put_file, read_all, version_path, write,
};

fn encode(options: &WriteOptions, sections: &[(&str, &[u8])]) -> Vec<u8> {
    encode_archive(&version_path(1), options, sections.iter().copied()).unwrap()
}

fn forms() -> Vec<WriteOptions> {
    vec![
        WriteOptions::new(),
        WriteOptions::new().mirror(false),
        #[cfg(feature = "parity")]
        WriteOptions::new().parity(true),
        WriteOptions::new().encryption(std::sync::Arc::new(crate::toy_key::ToyKey(7))),
    ]
}

/// A section that the writer writes separately, and one after it. In such an archive the mirror is written last.
#[test]
fn encoded_bytes_equal_the_written_file() {
    let long: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let sections: [&[(&str, &[u8])]; 3] =
        [&[], &SECTIONS, &[("a", b"1"), ("b", &long), ("c", &[]), ("d", &long)]];
    for options in forms() {
        for sections in sections {
            let bytes = encode(&options, sections);
            assert!(bytes == archive_bytes(options.clone(), sections), "{options:?}");
        }
    }
}

#[test]
fn bytes_are_read_without_a_file() {
    let name = Path::new("from the network");
    for options in forms().into_iter().take(2) {
        let bytes = encode(&options, &SECTIONS);
        let reader = ManifestArchiveReader::from_bytes(name, bytes.clone(), &ReadOptions::new()).unwrap();
        assert_eq!(reader.path(), name);
        assert_eq!(read_all(&reader).unwrap(), owned(&SECTIONS));
        assert_eq!(reader.verify().unwrap(), [""; 0]);
        let cut = ManifestArchiveReader::from_bytes(name, bytes[..100].to_vec(), &ReadOptions::new());
        let error = cut.unwrap_err().to_string();
        assert!(error.starts_with("from the network: cannot read a footer"), "{error}");
    }
}

/// An archive too long to be read whole. The file is read in parts, unlike the bytes.
#[test]
fn truncated_bytes_read_like_a_truncated_file() {
    let long = vec![3; 150_000];
    let good = encode(&WriteOptions::new(), &[("a", b"1"), ("b", &long), ("c", b"3")]);
    let outcome = |reader: lsm_manifest::Result<ManifestArchiveReader>| match reader {
        Ok(reader) => {
            let names = reader.footer().sections().iter().map(|entry| entry.name.clone());
            let all: Vec<_> = names.map(|name| format!("{:?}", reader.read_section(&name))).collect();
            format!("{:?} {all:?} {:?}", reader.source(), reader.verify())
        }
        Err(error) => error.to_string(),
    };
    let fs = mem_fs();
    for len in (0..good.len()).rev().step_by(997).chain([4095, 4096, good.len()]) {
        let bytes = good[..len].to_vec();
        put_file(&fs, &version_path(1), &bytes);
        let in_memory = ManifestArchiveReader::from_bytes(&version_path(1), bytes, &ReadOptions::new());
        assert_eq!(outcome(in_memory), outcome(open(&fs, &version_path(1))), "{len}");
    }
}

#[test]
fn invalid_sections_are_refused() {
    let encode = |sections: &[(&str, &[u8])]| {
        encode_archive(Path::new("x"), &WriteOptions::new(), sections.iter().copied()).map(drop)
    };
    let twice = encode(&[("a", b""), ("a", b"")]);
    assert!(matches!(twice, Err(Error::InvalidName { problem: NameProblem::Duplicate, .. })), "{twice:?}");
    let long = vec![0; 16 << 20];
    let too_long = encode(&[("a", &long)]);
    assert!(matches!(too_long, Err(Error::SectionTooLong { .. })), "{too_long:?}");
    let names: Vec<_> = (0..200).map(|at| format!("section {at}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    assert!(matches!(encode(&many), Err(Error::TooManySections { .. })));
}

/// Files that were written and bytes that were encoded are interchangeable.
#[test]
fn a_file_is_read_as_bytes() {
    let fs = mem_fs();
    write(&fs, &version_path(1), WriteOptions::new(), &SECTIONS).map(drop).unwrap();
    let bytes = fs.read_to_vec(&version_path(1), LIMIT).unwrap();
    let reader = ManifestArchiveReader::from_bytes(Path::new("copy"), bytes, &ReadOptions::new()).unwrap();
    assert_eq!(reader.digest(1), open(&fs, &version_path(1)).unwrap().digest(1));
}
