//! The entry points of the fuzzer, and tests that replay its corpus. Arbitrary bytes go in, and an assertion fails if
//! the result is wrong.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{CATALOG_FILE, Catalog, CheckpointDir, Error, FileKind, VerifyOptions, restore, verify};
use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_fs_mem::MemFs;
use lsm_manifest::{ManifestArchiveReader, ManifestArchiveWriter, ReadOptions, WriteOptions};

const DIR: &str = "/c";
/// Longer lengths are only claims, for which no file is created.
const LEN_MAX: u64 = 1 << 16;

/// Writes a catalog with these sections into a directory that has none.
pub(crate) fn write_catalog(fs: &dyn Fs, dir: &Path, sections: &[(&str, &[u8])]) {
    let mut writer = ManifestArchiveWriter::create(fs, &dir.join(CATALOG_FILE), WriteOptions::new()).unwrap();
    for (name, payload) in sections {
        writer.add_section(name, payload).unwrap();
    }
    let _ = writer.finish().unwrap();
}

/// Reads the sections of a catalog.
pub(crate) fn read_catalog(fs: &dyn Fs, dir: &Path) -> Vec<(String, Vec<u8>)> {
    let archive = ManifestArchiveReader::open(fs, &dir.join(CATALOG_FILE), &ReadOptions::new()).unwrap();
    let names = archive.footer().sections().iter().map(|entry| entry.name.clone());
    names.map(|name| (name.clone(), archive.read_section(&name).unwrap().payload)).collect()
}

/// Decodes the input of the fuzzer into sections, which get valid checksums. Each is a byte that selects the section,
/// its length (2), and its payload.
pub(crate) fn catalog(data: &[u8]) {
    let names = ["checkpoint", "trees.0", "files.0", "folders.0", "files.1", "later"];
    let (mut sections, mut left) = (Vec::new(), data);
    while let Some(([which, low, high], rest)) = left.split_first_chunk() {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (payload, rest) = rest.split_at(len);
        let name = names[usize::from(*which) % names.len()];
        if sections.iter().all(|(known, _)| *known != name) {
            sections.push((name, payload));
        }
        left = rest;
    }
    let fs = MemFs::new();
    fs.create_dir(Path::new(DIR)).unwrap();
    write_catalog(&fs, Path::new(DIR), &sections);
    match Catalog::read(&fs, Path::new(DIR)) {
        Ok(catalog) => examine(&fs, &catalog),
        Err(
            Error::BadCatalog { .. }
            | Error::UnsupportedFormat { .. }
            | Error::UnsupportedFeatures { .. }
            | Error::Manifest(_),
        ) => {}
        Err(error) => panic!("{error:?}"),
    }
}

/// Checks that every catalog that decodes can be planned, and can be restored if verify reports it as sound.
fn examine(fs: &MemFs, catalog: &Catalog) {
    let has_files = make_files(fs, catalog).is_some();
    let report = verify(fs, Path::new(DIR), &VerifyOptions::full()).unwrap();
    let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), DIR).unwrap();
    let restored = restore(&checkpoint, fs, Path::new("/restored"));
    assert!(!matches!(restored, Err(Error::InvalidSnapshot { .. })), "{restored:?}");
    assert!(!has_files || !report.is_sound() || restored.is_ok(), "{report}: {restored:?}");
    if let Ok(info) = restored {
        assert_eq!(info.total_bytes, catalog.total_bytes());
    }
}

/// Creates the listed files as holes. Returns `None` if this filesystem cannot hold the names or lengths.
fn make_files(fs: &MemFs, catalog: &Catalog) -> Option<()> {
    let dir = Path::new(DIR);
    for tree in &catalog.trees {
        fs.create_dir_all(&dir.join(&tree.folder)).ok()?;
        for folder in &tree.folders {
            fs.create_dir_all(&dir.join(&tree.folder).join(folder)).ok()?;
        }
    }
    for file in &catalog.files {
        let path = dir.join(catalog.path_of(file));
        if file.kind != FileKind::Metadata {
            fs.create_dir_all(path.parent()?).ok()?;
        }
        fs.write_new(&path, &[], SyncMode::Normal).ok()?;
        fs.truncate_file(&path, Some(file.len).filter(|&len| len <= LEN_MAX)?).ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replays the corpus and its neighbours, which have one byte changed or removed.
    #[test]
    fn catalogs() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/catalog");
        let names = lsm_fs::StdFs.read_dir(&corpus).unwrap();
        assert!(names.len() >= 5, "the corpus is gone");
        for name in names {
            let bytes = lsm_fs::StdFs.read_to_vec(&corpus.join(&name.name), 1 << 16).unwrap();
            catalog(&bytes);
            for at in 0..bytes.len() {
                catalog(&bytes[..at]);
                let mut changed = bytes.clone();
                for bit in [0, 7] {
                    changed[at] ^= 1 << bit;
                    catalog(&changed);
                }
            }
        }
    }
}
