//! Catalogs on a filesystem.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where something fails")]

use super::*;

/// Returns the catalog of a tree with this number of tables.
fn catalog_of(tables: usize) -> Catalog {
    let file =
        |n: usize| CatalogFile::new(0, FileKind::Table, format!("{n:0>1000}"), n as u64, Method::HardLink);
    Catalog {
        format: CATALOG_FORMAT,
        identity: "a test".to_owned(),
        seqno: Some(1),
        attributes: Vec::new(),
        created: Duration::ZERO,
        trees: vec![CatalogTree { folder: String::new(), version_id: 1, folders: vec!["tables".to_owned()] }],
        // The order differs from the order of the names: the last metadata file makes a tree readable.
        files: (0..tables).map(|n| file(n * 7_919 % tables)).collect(),
    }
}

/// The names are long and few. They take more than the 8 MiB of a section, and the budget still accepts them in a
/// directory that has none of them.
#[test]
fn a_catalog_of_several_sections_keeps_its_order() {
    let catalog = catalog_of(9_000);
    let fs = lsm_fs_mem::MemFs::new();
    catalog.write(&fs, Path::new("/")).unwrap();
    let archive = Path::new("/").join(CATALOG_FILE);
    let archive = ManifestArchiveReader::open(&fs, &archive, &ReadOptions::new()).unwrap();
    assert!(archive.footer().sections().len() > 2, "a head and several sections of files");
    let read = Catalog::read(&fs, Path::new("/")).unwrap();
    assert!(read == catalog, "the files of the sections came back in another order");
}

/// A path is `tables/` and 1,000 bytes. The tree and its folder take memory, too.
#[test]
fn bytes_are_decoded_within_the_memory_for_their_names() {
    let (catalog, fs) = (catalog_of(100), lsm_fs_mem::MemFs::new());
    catalog.write(&fs, Path::new("/")).unwrap();
    let file = Path::new("/").join(CATALOG_FILE);
    let bytes = lsm_fs::FsExt::read_to_vec(&fs, &file, 1 << 20).unwrap();
    let read = |memory| Catalog::from_bytes(&file, bytes.clone(), memory);
    assert!(read(102 * 400 + 100 * 2 * 1_006 + 2 * 6).unwrap() == catalog);
    let short = read(100 * 400 + 100 * 2 * 1_006).unwrap_err();
    assert!(
        matches!(&short, Error::BadCatalog { file: named, what: CatalogDefect::Excess } if *named == file)
    );
}

#[test]
fn attributes_of_the_catalog_take_precedence_field_by_field() {
    let there = Permissions { mode: 0o644, owner: 1, group: 2 };
    let says = Attributes { mode: Some(0o600), owner: None, group: Some(9) };
    assert_eq!(says.over(Some(there)), Some(Permissions { mode: 0o600, owner: 1, group: 9 }));
    assert_eq!(says.over(None), None);
    assert_eq!(Attributes::default().over(Some(there)), Some(there));
    assert_eq!(Attributes::from(there).over(None), Some(there));
}
