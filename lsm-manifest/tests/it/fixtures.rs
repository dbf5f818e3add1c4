//! Files of a real engine are read, checked, and written again byte for byte.

use lsm_fs::StdFs;
use lsm_manifest::{
    Current, Error, FooterSource, ManifestArchiveWriter, ReadOptions, WriteOptions, canonical_input, inspect,
    open_current, open_highest, publish_current, recover,
};

use crate::support::{FIXTURES, fixture, open, read_all, read_file};

#[test]
fn every_fixture_is_read_and_its_checksums_match() {
    for (name, version) in FIXTURES {
        let path = fixture(name).join(format!("v{version}"));
        let reader = open(&StdFs, &path).unwrap();
        assert_eq!(reader.source(), FooterSource::Tail, "{name}");
        assert_eq!(reader.verify().unwrap(), Vec::<&str>::new(), "{name}");
        let sections = read_all(&reader).unwrap();
        assert_eq!(sections.first().map(|s| s.0.as_str()), Some("format_version"), "{name}");
        assert_eq!(sections[0].1, [if name.starts_with("v6") { 6 } else { 5 }], "{name}");
        let report = inspect(&StdFs, &path, &ReadOptions::new()).unwrap();
        assert!(report.is_healthy(), "{name}: {report}");
        assert_eq!(report.sections.len(), sections.len());
    }
}

#[test]
fn the_current_of_every_fixture_names_its_archive() {
    for (name, version) in FIXTURES {
        let dir = fixture(name);
        if name.starts_with("v6") {
            let found = open_current(&StdFs, &dir, &ReadOptions::new());
            assert!(matches!(found, Err(Error::MissingCurrent { .. })), "{name}: {found:?}");
            let (found, _) = open_highest(&StdFs, &dir, &ReadOptions::new()).unwrap().unwrap();
            assert_eq!(found, version);
            continue;
        }
        let recovered = recover(&StdFs, &dir, &ReadOptions::new()).unwrap().unwrap();
        assert_eq!(recovered.current.version_id, version, "{name}");
        assert_eq!(recovered.current.digest, recovered.archive.digest(version), "{name}");
        assert_eq!(recovered.stale, Vec::<u64>::new(), "{name}");
        assert_eq!(recovered.current.encode(), *read_file(&dir.join("current")), "{name}");
        let highest = open_highest(&StdFs, &dir, &ReadOptions::new());
        assert!(matches!(highest, Err(Error::SectionNotFound { .. })), "{name}: it has a CURRENT");
    }
}

#[test]
fn the_digest_has_the_known_value() {
    let reader = open(&StdFs, &fixture("v5-plain-5.ckpt").join("v5")).unwrap();
    assert_eq!(canonical_input(5, reader.footer()).len(), 433);
    let current = Current::new(5, reader.footer());
    assert_eq!(current.digest, 0x10d8_9255_0459_a825_afc5_5585_2027_ad0b);
}

/// Writes the sections of a fixture under the same name, and publishes them.
fn rewrite(name: &str, version: u64, options: WriteOptions) -> (Vec<u8>, Vec<u8>) {
    let reader = open(&StdFs, &fixture(name).join(format!("v{version}"))).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(format!("v{version}"));
    let mut writer = ManifestArchiveWriter::create(&StdFs, &path, options).unwrap();
    for (section, payload) in read_all(&reader).unwrap() {
        writer.add_section(&section, &payload).unwrap();
    }
    let _ = publish_current(&writer.finish().unwrap()).unwrap();
    (read_file(&path), read_file(&dir.path().join("current")))
}

#[test]
fn a_fixture_written_again_is_the_same_file() {
    for (name, version) in FIXTURES.into_iter().filter(|(name, _)| !name.contains("ecc")) {
        let (archive, current) = rewrite(name, version, WriteOptions::new());
        assert!(archive == read_file(&fixture(name).join(format!("v{version}"))), "{name}");
        if !name.starts_with("v6") {
            assert_eq!(current, read_file(&fixture(name).join("current")), "{name}");
        }
    }
}

#[cfg(feature = "parity")]
#[test]
fn a_fixture_with_parity_written_again_is_the_same_file() {
    let (archive, current) = rewrite("v5-ecc-5.ckpt", 5, WriteOptions::new().parity(true));
    assert!(archive == read_file(&fixture("v5-ecc-5.ckpt").join("v5")));
    assert_eq!(current, read_file(&fixture("v5-ecc-5.ckpt").join("current")));
}
