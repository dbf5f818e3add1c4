//! A limit of sealed archives: an old archive can be put back under a new number, without the key.

use std::{path::Path, sync::Arc};

use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_manifest::{
    Current, EncryptionProvider, FooterPayload, ReadOptions, TocEntry, WriteOptions,
    block::{BlockHeader, BlockType},
    format::{BLOCK_HEADER_LEN, HEAD_LEN},
    publish_current, recover,
};

use crate::{
    support::{DIR, LIMIT, mem_fs, version_path, write},
    toy_key::ToyKey,
};

/// The section in which an engine repeats the version, so that it is sealed.
const VERSION: &str = "version";
const TABLES: &str = "tables";

type Key = Arc<dyn EncryptionProvider>;

fn keys() -> Vec<Key> {
    vec![
        Arc::new(ToyKey(1)),
        #[cfg(feature = "aes-gcm")]
        Arc::new(lsm_manifest::Aes256GcmProvider::new(&[7; 32], lsm_manifest::Envelope::Bare)),
    ]
}

fn publish(fs: &dyn Fs, key: &Key, version: u64, tables: &[u8]) {
    let sections = [(VERSION, &version.to_le_bytes()[..]), (TABLES, tables)];
    let options = WriteOptions::new().encryption(Arc::clone(key));
    let archive = write(fs, &version_path(version), options, &sections).unwrap();
    let _ = publish_current(&archive).unwrap();
}

/// Builds the footer of a sealed archive from the block headers and the names of the sections, without a key.
fn footer_without_key(archive: &[u8], names: &[&str]) -> FooterPayload {
    let mut offset = HEAD_LEN;
    let entries = names.iter().map(|name| {
        let header = archive[offset..].first_chunk::<BLOCK_HEADER_LEN>().unwrap();
        let header = BlockHeader::decode(header, BlockType::Manifest).unwrap();
        let size = u32::try_from(header.block_len()).unwrap();
        let entry =
            TocEntry { name: (*name).to_owned(), offset: offset as u64, size, checksum: header.checksum };
        offset += size as usize;
        entry
    });
    FooterPayload::new(true, entries.collect()).unwrap()
}

#[test]
fn only_a_sealed_version_number_detects_a_rollback() {
    for key in keys() {
        let fs = mem_fs();
        publish(&fs, &key, 1, b"a key that was revoked later");
        publish(&fs, &key, 2, b"no such key");

        let old = fs.read_to_vec(&version_path(1), LIMIT).unwrap();
        let forged = Current::new(3, &footer_without_key(&old, &[VERSION, TABLES])).encode();
        fs.write_new(&version_path(3), &old, SyncMode::Normal).unwrap();
        let current = Path::new(DIR).join("current");
        let _ = fs.rewrite_atomic(&current, &forged, SyncMode::Normal).unwrap();

        let found = recover(&fs, Path::new(DIR), &ReadOptions::new().encryption(key)).unwrap().unwrap();
        assert_eq!(found.current.version_id, 3);
        let tables = found.archive.read_section(TABLES).unwrap().payload;
        assert!(tables.starts_with(b"a key that was revoked"));
        let sealed = found.archive.read_section(VERSION).unwrap().payload;
        assert_eq!(sealed[..], 1_u64.to_le_bytes(), "the engine compares this with the number in CURRENT");
    }
}
