//! Entry points of the fuzzers and of the tests that replay their corpus. They accept any bytes, and an assertion fails
//! if the result is wrong.

use std::path::Path;

use lsm_fs::{Fs, FsExt, FsOpenOptions};
use lsm_fs_mem::MemFs;
use lsm_manifest::{
    Current, FooterPayload, ManifestArchiveReader, ReadOptions, Result,
    block::{BlockHeader, BlockType},
    canonical_input, inspect, open_current, repair,
};
use xxhash_rust::xxh3::xxh3_128;

const OPTIONS: ReadOptions = ReadOptions::new();
const LIMIT: u64 = 1 << 24;

/// Decodes a header, and the block that follows it.
pub(crate) fn block(data: &[u8]) {
    for block_type in [BlockType::Manifest, BlockType::ManifestFooter] {
        let Some((head, body)) = data.split_first_chunk() else { return };
        // First as it is, and then with correct checksums.
        let mut forged = *head;
        forged[4] = block_type.code();
        let seal = u128::to_le_bytes(xxh3_128(&forged[..30]));
        forged[30..].copy_from_slice(&seal[..4]);
        for bytes in [head, &forged] {
            let Ok(header) = BlockHeader::decode(bytes, block_type) else { continue };
            assert_eq!(header.encode(), *bytes);
            // The checksum may have any value.
            let _ = header.restore(&mut body.to_vec());
            let header = BlockHeader { checksum: xxh3_128(body), ..header };
            let mut payload = body.to_vec();
            if let Ok(healed) = header.restore(&mut payload) {
                assert_eq!(payload.len(), header.data_len as usize);
                assert!(healed == (payload != body[..payload.len()]));
                assert_eq!(xxh3_128(&payload), header.checksum);
            }
        }
    }
}

/// Decodes the payload of a footer.
pub(crate) fn footer(data: &[u8]) {
    if let Ok(footer) = FooterPayload::decode(data) {
        assert_eq!(footer.encode(), data);
        assert_eq!(canonical_input(1, &footer).len(), data.len() + 10);
        assert!(footer.sections().iter().all(|entry| entry.end() <= footer.sections_end()));
    }
}

/// Decodes a pointer, as bytes and as the file of a directory with data.
pub(crate) fn current(data: &[u8]) {
    if let Ok(current) = Current::decode(data) {
        assert_eq!(current.encode(), data);
    }
    let fs = MemFs::new();
    put(&fs, "/current", data);
    put(&fs, "/v0", b"");
    assert!(open_current(&fs, Path::new("/"), &OPTIONS).is_err());
}

/// Reads the data as a whole file, and as the footer and sections of a file with correct checksums.
pub(crate) fn archive(data: &[u8]) {
    examine(data);
    if let Some(forged) = forge(data) {
        examine(&forged);
    }
}

fn put(fs: &MemFs, path: &str, bytes: &[u8]) {
    let options = FsOpenOptions::new().write(true).create(true).truncate(true);
    fs.open(Path::new(path), &options).unwrap().write_at(bytes, 0).unwrap();
}

fn examine(bytes: &[u8]) {
    let (fs, path) = (MemFs::new(), Path::new("/v1"));
    put(&fs, "/v1", bytes);
    let read = || -> Result<Vec<_>> {
        let reader = ManifestArchiveReader::open(&fs, path, &OPTIONS)?;
        let names: Vec<_> = reader.footer().sections().iter().map(|entry| entry.name.clone()).collect();
        let sections: Vec<_> = names.iter().map(|name| reader.read_section(name)).collect();
        let all: Vec<_> = names.iter().map(String::as_str).collect();
        let sound = sections.iter().all(Result::is_ok);
        assert_eq!((reader.verify().is_ok(), reader.read_sections(&all).is_ok()), (sound, sound));
        Ok(names.into_iter().zip(sections.into_iter().map(|found| found.ok().map(|s| s.payload))).collect())
    };
    let before = read();
    assert_eq!(in_memory(bytes).is_ok(), before.is_ok(), "bytes are read like the file");
    let healthy = inspect(&fs, path, &OPTIONS).unwrap().is_healthy();
    let repaired = repair(&fs, path, &OPTIONS);
    let after = fs.read_to_vec(path, LIMIT).unwrap();
    match repaired {
        Ok(done) => {
            assert_eq!(done.parts.is_empty(), after == bytes);
            assert_eq!(healthy, done.parts.is_empty() && done.damaged.is_empty());
            assert_eq!(inspect(&fs, path, &OPTIONS).unwrap().is_healthy(), done.damaged.is_empty());
            assert_eq!(read().unwrap(), before.unwrap(), "what a repair leaves reads as before");
        }
        Err(_) => assert!(after == bytes && !healthy),
    }
}

/// Returns the payloads of an archive in memory.
fn in_memory(bytes: &[u8]) -> Result<Vec<Result<Vec<u8>>>> {
    let reader = ManifestArchiveReader::from_bytes(Path::new("bytes"), bytes.to_vec(), &OPTIONS)?;
    let entries = reader.footer().sections().iter();
    Ok(entries.map(|entry| Ok(reader.read_section(&entry.name)?.payload)).collect())
}

/// The data consists of flags, the length of the footer, the footer and the sections.
fn forge(data: &[u8]) -> Option<Vec<u8>> {
    let ([flags, len, high], rest) = data.split_first_chunk()?;
    let (payload, sections) = rest.split_at_checked(usize::from(u16::from_le_bytes([*len, *high])))?;
    let data_len = u32::try_from(payload.len()).ok()?;
    let header = BlockHeader {
        block_type: BlockType::ManifestFooter,
        parity: false,
        encrypted: false,
        checksum: xxh3_128(payload),
        data_len,
        plain_len: data_len,
    };
    let footer = [&header.encode()[..], payload].concat();
    let mut file = vec![0; 4096];
    if flags & 1 == 1 {
        file.get_mut(..footer.len())?.copy_from_slice(&footer);
    }
    file.extend_from_slice(sections);
    file.extend_from_slice(&footer);
    // If the second flag is set, the tail is damaged.
    file.extend_from_slice(&(u32::try_from(footer.len()).ok()? ^ u32::from(flags & 2)).to_le_bytes());
    Some(file)
}
