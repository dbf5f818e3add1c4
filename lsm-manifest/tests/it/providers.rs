//! Sealed archives with any provider: the key that is required, the blocks that are refused, and the errors.

use std::{path::Path, sync::Arc};

use lsm_fs::FsExt;
use lsm_fs_mem::MemFs;
use lsm_manifest::{
    BlockIdentity, BlockState, CryptError, Defect, EncryptionProvider, Error, FooterPayload, FooterSource,
    ManifestArchiveReader, ManifestArchiveWriter, ReadOptions, RepairedPart, TocEntry, WriteOptions,
    block::{BlockHeader, BlockType},
    inspect, publish_current, recover, repair,
};
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    support::{
        DIR, LIMIT, SECTIONS, archive_bytes, mem_fs, open, owned, put_file, read_all, version_path, write,
    },
    toy_key::{OVERHEAD, ToyKey},
};

fn read_with(provider: impl EncryptionProvider + 'static) -> ReadOptions {
    ReadOptions::new().encryption(Arc::new(provider))
}

fn open_with(
    fs: &MemFs,
    provider: impl EncryptionProvider + 'static,
) -> Result<ManifestArchiveReader, Error> {
    ManifestArchiveReader::open(fs, &version_path(1), &read_with(provider))
}

/// A published archive that this provider sealed.
fn sealed(provider: impl EncryptionProvider + 'static, sections: &[(&str, &[u8])]) -> (MemFs, Vec<u8>) {
    let fs = mem_fs();
    let options = WriteOptions::new().encryption(Arc::new(provider));
    let _ = publish_current(&write(&fs, &version_path(1), options, sections).unwrap()).unwrap();
    let bytes = fs.read_to_vec(&version_path(1), LIMIT).unwrap();
    (fs, bytes)
}

#[test]
fn a_sealed_archive_requires_its_key() {
    let (fs, bytes) = sealed(ToyKey(1), &SECTIONS);
    let found = recover(&fs, Path::new(DIR), &read_with(ToyKey(1))).unwrap().unwrap();
    assert_eq!(read_all(&found.archive).unwrap(), owned(&SECTIONS));
    for plain in ["tables", "format_version", "levels", "default"] {
        assert!(!bytes.windows(plain.len()).any(|window| window == plain.as_bytes()), "{plain}");
    }
    let error = open(&fs, &version_path(1)).unwrap_err();
    assert!(matches!(error, Error::KeyRequired { .. }) && !error.is_corruption(), "{error}");
    // The tail is damaged and the mirror requires a key, so the error is about the key.
    put_file(&fs, &version_path(1), &bytes[..bytes.len() - 1]);
    let error = open(&fs, &version_path(1)).unwrap_err();
    assert!(matches!(error, Error::KeyRequired { offset: 0, .. }), "{error}");
}

#[test]
fn a_wrong_key_is_not_corruption_and_repairs_nothing() {
    let (fs, bytes) = sealed(ToyKey(1), &SECTIONS);
    let error = open_with(&fs, ToyKey(2)).unwrap_err();
    assert!(matches!(error, Error::Rejected { .. }) && !error.is_corruption(), "{error}");
    assert!(error.to_string().ends_with("cannot be opened: wrong key, or tampered with"), "{error}");
    let error = repair(&fs, &version_path(1), &read_with(ToyKey(2))).unwrap_err();
    assert!(matches!(error, Error::Rejected { .. }), "{error}");
    assert!(fs.read_to_vec(&version_path(1), LIMIT).unwrap() == bytes);
}

#[test]
fn every_flipped_bit_of_a_sealed_archive_is_corruption_or_harmless() {
    let (fs, good) = sealed(ToyKey(1), &SECTIONS);
    for at in (0..200).chain(4096..good.len()) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        put_file(&fs, &version_path(1), &bytes);
        let found = open_with(&fs, ToyKey(1)).and_then(|r| Ok((read_all(&r)?, r.verify()?.len())));
        match found {
            Ok(found) => assert_eq!(found, (owned(&SECTIONS), 0), "{at}"),
            Err(error) => assert!(error.is_corruption(), "{at}: {error}"),
        }
    }
}

#[test]
fn a_plain_archive_is_refused_if_a_key_is_given() {
    let fs = mem_fs();
    put_file(&fs, &version_path(1), &archive_bytes(WriteOptions::new(), &SECTIONS));
    assert!(matches!(open_with(&fs, ToyKey(1)), Err(Error::NotEncrypted { .. })));
}

#[test]
fn a_sealed_archive_is_repaired_with_its_key_only() {
    let (fs, good) = sealed(ToyKey(1), &SECTIONS);
    put_file(&fs, &version_path(1), &good[..good.len() - 3]);
    let error = repair(&fs, &version_path(1), &ReadOptions::new()).unwrap_err();
    assert!(matches!(error, Error::KeyRequired { .. }), "{error}");
    let options = read_with(ToyKey(1));
    assert_eq!(open_with(&fs, ToyKey(1)).unwrap().source(), FooterSource::Mirror);
    assert_eq!(repair(&fs, &version_path(1), &options).unwrap().parts, [RepairedPart::Tail]);
    assert!(fs.read_to_vec(&version_path(1), LIMIT).unwrap() == good);
    let report = inspect(&fs, &version_path(1), &options).unwrap();
    assert!(report.is_healthy() && report.to_string().contains(", encrypted: good"), "{report}");
    // Without the key, the payload cannot be read, and the report shows that it is encrypted.
    let report = inspect(&fs, &version_path(1), &ReadOptions::new()).unwrap();
    assert!(matches!(report.tail, BlockState::Bad(Error::KeyRequired { .. })), "{report}");
}

#[test]
fn the_footer_may_grow_while_its_envelope_has_room() {
    let fs = mem_fs();
    let options = WriteOptions::new().encryption(Arc::new(ToyKey(1)));
    let mut writer = ManifestArchiveWriter::create(&fs, &version_path(1), options).unwrap();
    let mut count = 0_usize;
    while writer.add_section(&format!("{count:0300}")[240..], b"x").is_ok() {
        count += 1;
    }
    assert_eq!(count, (4096 - 34 - OVERHEAD - 4) / (2 + 60 + 28));
    writer.finish().map(drop).unwrap();
    assert_eq!(open_with(&fs, ToyKey(1)).unwrap().footer().sections().len(), count);
}

/// An unsealed payload of this length is written directly from the caller's slice. A sealed one must not be.
#[test]
fn a_long_section_is_sealed_too() {
    let payload = b"not for every eye; ".repeat(20_000);
    let sections: [(&str, &[u8]); 1] = [("tables", &payload)];
    let (fs, bytes) = sealed(ToyKey(1), &sections);
    assert!(!bytes.windows(payload.len()).any(|window| window == payload));
    let reader = open_with(&fs, ToyKey(1)).unwrap();
    assert_eq!(read_all(&reader).unwrap(), owned(&sections));
    assert_eq!(reader.verify().unwrap(), Vec::<&str>::new());
}

fn block(block_type: BlockType, payload: &[u8], plain_len: usize, encrypted: bool) -> Vec<u8> {
    let header = BlockHeader {
        block_type,
        parity: false,
        encrypted,
        checksum: xxh3_128(payload),
        data_len: u32::try_from(payload.len()).unwrap(),
        plain_len: u32::try_from(plain_len).unwrap(),
    };
    [&header.encode()[..], payload].concat()
}

/// An archive with one section, which is this block, and a sealed footer. The payload of the block has the checksum.
fn with_section(block_bytes: &[u8], checksum: u128) -> MemFs {
    let size = u32::try_from(block_bytes.len()).unwrap();
    let entry = TocEntry { name: "tables".into(), offset: 4096, size, checksum };
    let footer = FooterPayload::new(false, vec![entry]).unwrap().encode();
    let sealed = ToyKey(1).seal(&BlockIdentity::manifest(BlockType::ManifestFooter), &footer).unwrap();
    let footer = block(BlockType::ManifestFooter, &sealed, footer.len(), true);
    let hint = u32::try_from(footer.len()).unwrap().to_le_bytes();
    let fs = mem_fs();
    put_file(&fs, &version_path(1), &[&[0; 4096][..], block_bytes, &footer, &hint].concat());
    fs
}

#[test]
fn a_plain_section_of_a_sealed_archive_is_refused_by_readers_and_by_verify() {
    let payload = b"tables";
    let fs = with_section(&block(BlockType::Manifest, payload, payload.len(), false), xxh3_128(payload));
    let reader = open_with(&fs, ToyKey(1)).unwrap();
    assert!(matches!(reader.read_section("tables"), Err(Error::NotEncrypted { .. })));
    assert!(matches!(reader.verify(), Err(Error::NotEncrypted { .. })));
}

/// The checksums are correct, so only the key detects the change.
#[test]
fn a_section_sealed_for_another_key_or_place_is_refused_by_readers_and_by_verify() {
    for (key, block_type) in [(ToyKey(2), BlockType::Manifest), (ToyKey(1), BlockType::ManifestFooter)] {
        let payload = key.seal(&BlockIdentity::manifest(block_type), b"tables").unwrap();
        let fs = with_section(&block(BlockType::Manifest, &payload, 6, true), xxh3_128(&payload));
        let reader = open_with(&fs, ToyKey(1)).unwrap();
        assert!(matches!(reader.read_section("tables"), Err(Error::Rejected { offset: 4096, .. })));
        assert!(matches!(reader.verify(), Err(Error::Rejected { offset: 4096, .. })));
    }
}

/// A sealed section and an unsealed footer: a reader without a key must not return the envelope as the payload.
#[test]
fn a_sealed_section_behind_a_plain_footer_requires_a_key() {
    let payload = ToyKey(1).seal(&BlockIdentity::manifest(BlockType::Manifest), b"tables").unwrap();
    let sealed = block(BlockType::Manifest, &payload, 6, true);
    let size = u32::try_from(sealed.len()).unwrap();
    let entry = TocEntry { name: "tables".into(), offset: 4096, size, checksum: xxh3_128(&payload) };
    let footer = FooterPayload::new(false, vec![entry]).unwrap().encode();
    let footer = block(BlockType::ManifestFooter, &footer, footer.len(), false);
    let hint = u32::try_from(footer.len()).unwrap().to_le_bytes();
    let fs = mem_fs();
    put_file(&fs, &version_path(1), &[&[0; 4096][..], &sealed, &footer, &hint].concat());
    let reader = open(&fs, &version_path(1)).unwrap();
    assert!(matches!(reader.read_section("tables"), Err(Error::KeyRequired { offset: 4096, .. })));
    assert!(matches!(reader.verify(), Err(Error::KeyRequired { offset: 4096, .. })));
}

/// Cannot seal an empty payload.
#[derive(Debug)]
struct NotEmpty;

impl EncryptionProvider for NotEmpty {
    fn max_overhead(&self) -> usize {
        OVERHEAD
    }
    fn seal(&self, identity: &BlockIdentity, plaintext: &[u8]) -> Result<Vec<u8>, CryptError> {
        if plaintext.is_empty() { Err(CryptError::Empty) } else { ToyKey(1).seal(identity, plaintext) }
    }
    fn open(&self, identity: &BlockIdentity, envelope: Vec<u8>) -> Result<Vec<u8>, CryptError> {
        ToyKey(1).open(identity, envelope)
    }
}

#[test]
fn a_section_that_cannot_be_sealed_leaves_the_writer_usable() {
    let fs = mem_fs();
    let options = WriteOptions::new().encryption(Arc::new(NotEmpty));
    let mut writer = ManifestArchiveWriter::create(&fs, &version_path(1), options).unwrap();
    writer.add_section("first", b"1").unwrap();
    let error = writer.add_section("nothing", b"").unwrap_err();
    assert!(matches!(&error, Error::Encryption { source: CryptError::Empty, .. }), "{error}");
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "the envelope cannot hold an empty payload"
    );
    writer.add_section("something", b"x").unwrap();
    writer.finish().map(drop).unwrap();
    let sections: [(&str, &[u8]); 2] = [("first", b"1"), ("something", b"x")];
    assert_eq!(read_all(&open_with(&fs, NotEmpty).unwrap()).unwrap(), owned(&sections));
}

/// Returns a payload that differs from the sealed one.
#[derive(Debug)]
struct Forgetful;

impl EncryptionProvider for Forgetful {
    fn max_overhead(&self) -> usize {
        1
    }
    fn seal(&self, _: &BlockIdentity, plaintext: &[u8]) -> Result<Vec<u8>, CryptError> {
        Ok([plaintext, &[0]].concat())
    }
    fn open(&self, identity: &BlockIdentity, mut envelope: Vec<u8>) -> Result<Vec<u8>, CryptError> {
        envelope.pop();
        if identity.block_type == BlockType::Manifest {
            envelope.pop();
        }
        Ok(envelope)
    }
}

#[test]
fn an_unsealed_payload_of_another_length_is_refused() {
    let (fs, _) = sealed(Forgetful, &SECTIONS[..1]);
    let reader = open_with(&fs, Forgetful).unwrap();
    let error = reader.read_section("format_version").unwrap_err();
    assert!(matches!(error, Error::Corrupt { what: Defect::PlainLength, .. }), "{error}");
}

#[derive(Debug)]
struct Broken;

impl EncryptionProvider for Broken {
    fn max_overhead(&self) -> usize {
        0
    }
    fn seal(&self, _: &BlockIdentity, plaintext: &[u8]) -> Result<Vec<u8>, CryptError> {
        Ok([plaintext, &[0; 5000]].concat())
    }
    fn open(&self, _: &BlockIdentity, _: Vec<u8>) -> Result<Vec<u8>, CryptError> {
        Err(CryptError::Other("the key store does not answer".into()))
    }
}

#[test]
fn a_faulty_provider_causes_no_file_and_no_panic() {
    let fs = mem_fs();
    let options = WriteOptions::new().encryption(Arc::new(Broken));
    let error = write(&fs, &version_path(2), options, &SECTIONS).unwrap_err();
    assert!(matches!(error, Error::TooManySections { .. }), "{error}");
    assert!(!fs.exists(&version_path(2)).unwrap());
    let (fs, _) = sealed(ToyKey(1), &SECTIONS);
    let error = open_with(&fs, Broken).unwrap_err();
    assert!(matches!(&error, Error::Encryption { source: CryptError::Other(_), .. }), "{error}");
}
