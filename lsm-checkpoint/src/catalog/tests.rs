//! Catalogs on a filesystem.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where something fails")]

use super::*;

/// The names are long and few. They take more than the 8 MiB of a section, and the budget still accepts them in a
/// directory that has none of them.
#[test]
fn a_catalog_of_several_sections_keeps_its_order() {
    let file =
        |n: usize| CatalogFile::new(0, FileKind::Table, format!("{n:0>1000}"), n as u64, Method::HardLink);
    let catalog = Catalog {
        format: CATALOG_FORMAT,
        identity: "a test".to_owned(),
        seqno: Some(1),
        attributes: Vec::new(),
        created: Duration::ZERO,
        trees: vec![CatalogTree { folder: String::new(), version_id: 1, folders: vec!["tables".to_owned()] }],
        // The order differs from the order of the names: the last metadata file makes a tree readable.
        files: (0..9_000).map(|n| file(n * 7_919 % 9_000)).collect(),
    };
    let fs = lsm_fs_mem::MemFs::new();
    catalog.write(&fs, Path::new("/")).unwrap();
    let archive = Path::new("/").join(CATALOG_FILE);
    let archive = ManifestArchiveReader::open(&fs, &archive, &ReadOptions::new()).unwrap();
    assert!(archive.footer().sections().len() > 2, "a head and several sections of files");
    let read = Catalog::read(&fs, Path::new("/")).unwrap();
    assert!(read == catalog, "the files of the sections came back in another order");
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
