//! Tests for single lines of the code that no other test covers. Each test fails without its line.

use std::{path::Path, sync::Arc};

use lsm_manifest::{
    BlockIdentity, CryptError, EncryptionProvider, Error, ManifestArchiveReader, ReadOptions, WriteOptions,
    open_highest,
};

use crate::support::{DIR, mem_fs, version_path, write};

/// An archive without a pointer is refused if its contents name a later version than its name, not only an earlier one.
#[test]
fn an_archive_of_a_later_version_than_its_name_is_refused() {
    let fs = mem_fs();
    let later = [("version_id", &[12, 0, 0, 0, 0, 0, 0, 0][..])];
    write(&fs, &version_path(11), WriteOptions::new(), &later).map(drop).unwrap();
    let refused = open_highest(&fs, Path::new(DIR), &ReadOptions::new()).unwrap_err();
    assert!(matches!(refused, Error::WrongVersion { found: 12, .. }), "{refused}");
}

/// A provider that does not remove its padding when it opens a payload.
#[derive(Debug)]
struct Padding;

impl EncryptionProvider for Padding {
    fn max_overhead(&self) -> usize {
        1
    }

    fn seal(&self, _: &BlockIdentity, plaintext: &[u8]) -> Result<Vec<u8>, CryptError> {
        Ok([plaintext, b"."].concat())
    }

    fn open(&self, _: &BlockIdentity, envelope: Vec<u8>) -> Result<Vec<u8>, CryptError> {
        Ok(envelope)
    }
}

#[test]
fn an_opened_block_longer_than_its_header_states_is_refused() {
    let fs = mem_fs();
    let options = WriteOptions::new().encryption(Arc::new(Padding));
    write(&fs, &version_path(1), options, &[("tables", b"rows")]).map(drop).unwrap();
    let options = ReadOptions::new().encryption(Arc::new(Padding));
    let refused = ManifestArchiveReader::open(&fs, &version_path(1), &options).unwrap_err();
    assert!(refused.to_string().contains("not as long as its header says"), "{refused}");
    assert!(refused.is_corruption(), "{refused}");
}
