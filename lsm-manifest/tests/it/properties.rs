//! Properties of all archives, pointers and bytes.

use lsm_fs_mem::MemFs;
use lsm_manifest::{
    Current, FooterPayload, ReadOptions, TocEntry, WriteOptions, block::BlockHeader, block::BlockType,
    current_digest, inspect, repair,
};
use proptest::{collection::vec, prelude::*};

use crate::support::{mem_fs, open, put_file, read_all, version_path, write};

fn sections() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let section = ("[a-z_é]{1,20}", vec(any::<u8>(), 0..300));
    vec(section, 0..12).prop_map(|mut all| {
        all.sort();
        all.dedup_by(|a, b| a.0 == b.0);
        all
    })
}

fn options() -> impl Strategy<Value = WriteOptions> {
    (any::<bool>(), any::<bool>()).prop_map(|(mirror, parity)| {
        let options = WriteOptions::new().mirror(mirror);
        #[cfg(feature = "parity")]
        let options = options.parity(parity);
        let _ = parity;
        options
    })
}

fn archive(sections: &[(String, Vec<u8>)], options: WriteOptions) -> (MemFs, Vec<u8>) {
    use lsm_fs::FsExt;

    let fs = mem_fs();
    let borrowed: Vec<_> = sections.iter().map(|(n, p)| (n.as_str(), p.as_slice())).collect();
    write(&fs, &version_path(1), options, &borrowed).map(drop).unwrap();
    let bytes = fs.read_to_vec(&version_path(1), 1 << 30).unwrap();
    (fs, bytes)
}

proptest! {
    #[test]
    fn an_archive_reads_as_written(sections in sections(), options in options()) {
        let (fs, _) = archive(&sections, options);
        let reader = open(&fs, &version_path(1)).unwrap();
        prop_assert_eq!(read_all(&reader).unwrap(), sections);
        prop_assert!(inspect(&fs, &version_path(1), &ReadOptions::new()).unwrap().is_healthy());
    }

    /// After any damage, every section that can be read is the written one. A repair that reports success restores the
    /// file.
    #[test]
    fn damage_is_never_returned_as_data(
        sections in sections(),
        options in options(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        use lsm_fs::FsExt;

        let (fs, good) = archive(&sections, options);
        let mut bytes = good.clone();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        put_file(&fs, &version_path(1), &bytes);
        if let Ok(reader) = open(&fs, &version_path(1)) {
            prop_assert_eq!(reader.footer().sections().len(), sections.len());
            for (name, payload) in &sections {
                if let Ok(section) = reader.read_section(name) {
                    prop_assert_eq!(&section.payload, payload);
                }
            }
        }
        if let Ok(done) = repair(&fs, &version_path(1), &ReadOptions::new()) {
            let repaired = fs.read_to_vec(&version_path(1), 1 << 30).unwrap();
            if done.damaged.is_empty() {
                prop_assert!(repaired == good);
            } else {
                prop_assert_eq!(done.parts.is_empty(), repaired == bytes);
            }
        }
    }

    #[test]
    fn random_bytes_are_refused_without_a_panic(bytes in vec(any::<u8>(), 0..9000)) {
        let fs = mem_fs();
        put_file(&fs, &version_path(1), &bytes);
        prop_assert!(open(&fs, &version_path(1)).is_err());
        prop_assert!(!inspect(&fs, &version_path(1), &ReadOptions::new()).unwrap().is_healthy());
        prop_assert!(repair(&fs, &version_path(1), &ReadOptions::new()).is_err());
        let _ = FooterPayload::decode(&bytes);
        let _ = Current::decode(&bytes);
        if let Some(header) = bytes.first_chunk() {
            let _ = BlockHeader::decode(header, BlockType::Manifest);
        }
    }

    #[test]
    fn a_footer_and_a_pointer_decode_to_the_encoded_values(
        names in prop::collection::btree_set("[a-z]{1,64}", 0..40),
        sizes in vec(34_u32..(16 << 20), 40),
        checksum in any::<u128>(),
        mirror in any::<bool>(),
        version in any::<u64>(),
    ) {
        let mut offset = 4096;
        let entries = names.into_iter().zip(sizes).map(|(name, size)| {
            let entry = TocEntry { name, offset, size, checksum };
            offset = entry.end();
            entry
        });
        let footer = FooterPayload::new(mirror, entries.collect()).unwrap();
        prop_assert_eq!(FooterPayload::decode(&footer.encode()), Ok(footer.clone()));
        let current = Current::new(version, &footer);
        prop_assert_eq!(Current::decode(&current.encode()), Ok(current));
        prop_assert_eq!(current.digest, current_digest(version, &footer));
    }

    #[test]
    fn a_header_decodes_to_the_encoded_value(
        checksum in any::<u128>(),
        len in any::<u32>(),
        less in any::<u32>(),
        sealed in any::<bool>(),
    ) {
        let plain_len = if sealed { len - less % len.max(1) } else { len };
        for block_type in [BlockType::Manifest, BlockType::ManifestFooter] {
            let header =
                BlockHeader { block_type, parity: len > 0, encrypted: sealed, checksum, data_len: len, plain_len };
            prop_assert_eq!(BlockHeader::decode(&header.encode(), block_type), Ok(header));
        }
    }
}
