//! Tests of encrypted archives.

use std::{path::Path, sync::Arc};

use lsm_fs::{FsExt, StdFs};
use lsm_fs_mem::MemFs;
use lsm_manifest::{
    Aes256GcmProvider, BlockIdentity, BlockState, CryptError, Defect, EncryptionProvider, Envelope, Error,
    FooterSource, ManifestArchiveReader, ManifestArchiveWriter, ReadOptions, RepairedPart, WriteOptions,
    block::{BlockHeader, BlockType},
    inspect, publish_current, recover, repair,
};
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    fixed_nonce::{FixedNonce, KEY},
    support::{DIR, LIMIT, SECTIONS, fixture, mem_fs, open, owned, put_file, read_all, version_path, write},
};

const ENVELOPES: [Envelope; 2] = [Envelope::Framed, Envelope::Bare];

/// The framed envelope cannot hold an empty payload.
fn sections(envelope: Envelope) -> Vec<(&'static str, &'static [u8])> {
    SECTIONS.into_iter().filter(|s| envelope == Envelope::Bare || !s.1.is_empty()).collect()
}

fn key(key: [u8; 32], envelope: Envelope) -> Arc<dyn EncryptionProvider> {
    Arc::new(Aes256GcmProvider::new(&key, envelope))
}

fn read_with(provider: Arc<dyn EncryptionProvider>) -> ReadOptions {
    ReadOptions::new().encryption(provider)
}

fn sealed(envelope: Envelope) -> (MemFs, Vec<u8>) {
    let fs = mem_fs();
    let options = WriteOptions::new().encryption(key(KEY, envelope));
    let archive = write(&fs, &version_path(1), options, &sections(envelope)).unwrap();
    let _ = publish_current(&archive).unwrap();
    let bytes = fs.read_to_vec(&version_path(1), LIMIT).unwrap();
    (fs, bytes)
}

#[test]
fn a_sealed_archive_shows_nothing_without_its_key() {
    for envelope in ENVELOPES {
        let (fs, bytes) = sealed(envelope);
        let found = recover(&fs, Path::new(DIR), &read_with(key(KEY, envelope))).unwrap().unwrap();
        assert_eq!(read_all(&found.archive).unwrap(), owned(&sections(envelope)));
        for plain in ["tables", "format_version", "levels", "default"] {
            assert!(!bytes.windows(plain.len()).any(|window| window == plain.as_bytes()), "{plain}");
        }
        let error = open(&fs, &version_path(1)).unwrap_err();
        assert!(matches!(error, Error::KeyRequired { .. }), "{error}");
        assert!(!error.is_corruption());
    }
}

#[test]
fn a_wrong_key_is_not_corruption() {
    for envelope in ENVELOPES {
        let (fs, bytes) = sealed(envelope);
        let options = read_with(key([0; 32], envelope));
        let error = ManifestArchiveReader::open(&fs, &version_path(1), &options).unwrap_err();
        assert!(matches!(error, Error::Rejected { .. }) && !error.is_corruption(), "{error}");
        assert!(error.to_string().ends_with("cannot be opened: wrong key, or tampered with"), "{error}");
        let error = repair(&fs, &version_path(1), &options).unwrap_err();
        assert!(matches!(error, Error::Rejected { .. }), "{error}");
        assert!(fs.read_to_vec(&version_path(1), LIMIT).unwrap() == bytes);
        // The other envelope cannot open it either, with any key.
        let other = if envelope == Envelope::Bare { Envelope::Framed } else { Envelope::Bare };
        let error =
            ManifestArchiveReader::open(&fs, &version_path(1), &read_with(key(KEY, other))).unwrap_err();
        assert!(!error.is_corruption(), "{error}");
    }
}

#[test]
fn every_flipped_bit_of_a_sealed_archive_is_corruption_or_harmless() {
    for envelope in ENVELOPES {
        let (fs, good) = sealed(envelope);
        let options = read_with(key(KEY, envelope));
        for at in (0..200).chain(4096..good.len()) {
            let mut bytes = good.clone();
            bytes[at] ^= 0x10;
            put_file(&fs, &version_path(1), &bytes);
            let found = ManifestArchiveReader::open(&fs, &version_path(1), &options)
                .and_then(|reader| Ok((reader.source(), read_all(&reader)?, reader.verify()?.len())));
            match found {
                Ok((_, found, 0)) => assert_eq!(found, owned(&sections(envelope)), "{at}"),
                Ok(other) => panic!("{at}: {other:?}"),
                Err(error) => assert!(error.is_corruption(), "{at}: {error}"),
            }
        }
    }
}

#[test]
fn archives_that_a_real_engine_has_sealed_are_read() {
    for (name, envelope) in [
        ("v5-sealed-bare-2.ckpt", Envelope::Bare),
        ("v5-sealed-framed-2.ckpt", Envelope::Framed),
        ("v5-sealed-framed-ecc-2.ckpt", Envelope::Framed),
    ] {
        let found = recover(&StdFs, &fixture(name), &read_with(key(KEY, envelope))).unwrap().unwrap();
        assert_eq!(found.current.version_id, 2, "{name}");
        let sections = read_all(&found.archive).unwrap();
        assert_eq!((sections[0].0.as_str(), &*sections[0].1), ("format_version", &[5][..]), "{name}");
        let report = inspect(&StdFs, found.archive.path(), &read_with(key(KEY, envelope))).unwrap();
        assert!(report.is_healthy(), "{report}");
        let headers = report.sections.iter().filter_map(|section| section.header);
        assert_eq!(
            headers.filter(|h| h.encrypted && h.parity == name.contains("ecc")).count(),
            sections.len()
        );
    }
}

/// Replaces the payload of a section, with correct checksums in the header of the block.
fn tamper(bytes: &mut [u8], at: usize, edit: impl FnOnce(&mut [u8])) {
    let header = BlockHeader::decode(bytes[at..].first_chunk().unwrap(), BlockType::Manifest).unwrap();
    let payload = at + 34..at + 34 + header.data_len as usize;
    edit(&mut bytes[payload.clone()]);
    let checksum = xxh3_128(&bytes[payload]);
    let forged = BlockHeader { checksum, ..header };
    bytes[at..at + 34].copy_from_slice(&forged.encode());
}

#[test]
fn a_block_changed_together_with_its_checksum_is_refused() {
    let (fs, mut bytes) = sealed(Envelope::Framed);
    tamper(&mut bytes, 4096, |payload| *payload.last_mut().unwrap() ^= 1);
    put_file(&fs, &version_path(1), &bytes);
    let reader =
        ManifestArchiveReader::open(&fs, &version_path(1), &read_with(key(KEY, Envelope::Framed))).unwrap();
    let error = reader.read_section("format_version").unwrap_err();
    assert!(matches!(error, Error::Corrupt { what: Defect::NotTheListedBlock, .. }), "{error}");
}

#[test]
fn an_empty_section_that_cannot_be_sealed_leaves_the_writer_usable() {
    let fs = mem_fs();
    let options = WriteOptions::new().encryption(key(KEY, Envelope::Framed));
    let mut writer = ManifestArchiveWriter::create(&fs, &version_path(1), options).unwrap();
    let error = writer.add_section("nothing", b"").unwrap_err();
    assert!(matches!(&error, Error::Encryption { source: CryptError::Empty, .. }), "{error}");
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "the envelope cannot hold an empty payload"
    );
    writer.add_section("something", b"x").unwrap();
    writer.finish().map(drop).unwrap();
}

#[test]
fn a_sealed_archive_is_repaired_with_its_key() {
    let (fs, good) = sealed(Envelope::Framed);
    let options = read_with(key(KEY, Envelope::Framed));
    put_file(&fs, &version_path(1), &good[..good.len() - 3]);
    let reader = ManifestArchiveReader::open(&fs, &version_path(1), &options).unwrap();
    assert_eq!(reader.source(), FooterSource::Mirror);
    assert_eq!(repair(&fs, &version_path(1), &options).unwrap().parts, [RepairedPart::Tail]);
    assert!(fs.read_to_vec(&version_path(1), LIMIT).unwrap() == good);
    let report = inspect(&fs, &version_path(1), &options).unwrap();
    assert!(report.is_healthy() && report.to_string().contains(", encrypted: good"), "{report}");
    // Without the key, the payload cannot be read, and the report shows that it is encrypted.
    let report = inspect(&fs, &version_path(1), &ReadOptions::new()).unwrap();
    assert!(matches!(report.tail, BlockState::Bad(Error::KeyRequired { .. })), "{report}");
}

#[test]
fn the_provider_opens_envelopes_of_a_second_implementation() {
    for envelope in ENVELOPES {
        let other = FixedNonce::new(envelope);
        for block_type in [BlockType::Manifest, BlockType::ManifestFooter] {
            let identity = BlockIdentity::manifest(block_type);
            let envelope_bytes = other.seal(&identity, b"tables").unwrap();
            assert_eq!(key(KEY, envelope).open(&identity, envelope_bytes).unwrap(), b"tables");
        }
    }
}

#[test]
fn the_footer_may_grow_while_its_envelope_has_room() {
    for (envelope, overhead) in [(Envelope::Framed, 55), (Envelope::Bare, 28)] {
        let fs = mem_fs();
        let options = WriteOptions::new().encryption(key(KEY, envelope));
        let mut writer = ManifestArchiveWriter::create(&fs, &version_path(1), options).unwrap();
        let mut count = 0_usize;
        while writer.add_section(&format!("{count:0300}")[240..], b"x").is_ok() {
            count += 1;
        }
        assert_eq!(count, (4096 - 34 - overhead - 4) / (2 + 60 + 28));
        writer.finish().map(drop).unwrap();
        let reader = ManifestArchiveReader::open(&fs, &version_path(1), &read_with(key(KEY, envelope)));
        assert_eq!(reader.unwrap().footer().sections().len(), count);
    }
}
