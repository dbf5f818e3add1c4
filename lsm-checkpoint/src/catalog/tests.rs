//! Catalogs on a filesystem.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where something fails")]

mod properties;

use super::*;

/// Names are as long as most filesystems allow: more than 8 MiB of them are more than one section holds.
#[test]
fn a_catalog_of_several_sections_keeps_its_order() {
    let file = |n: usize| CatalogFile {
        tree: 0,
        kind: FileKind::Table,
        name: format!("{n:0>250}"),
        len: n as u64,
        checksum: None,
        method: Method::HardLink,
    };
    let catalog = Catalog {
        identity: String::new(),
        seqno: 1,
        created: Duration::ZERO,
        trees: vec![CatalogTree { folder: String::new(), version_id: 1, folders: vec!["tables".to_owned()] }],
        // Not the order of their names: the last metadata file of a tree is what makes it readable.
        files: (0..32_000).map(|n| file(n * 7_919 % 32_000)).collect(),
    };
    let fs = lsm_fs_mem::MemFs::new();
    catalog.write(&fs, Path::new("/")).unwrap();
    let archive = Path::new("/").join(CATALOG_FILE);
    let archive = ManifestArchiveReader::open(&fs, &archive, &ReadOptions::new()).unwrap();
    assert!(archive.footer().sections().len() > 2, "a head and several sections of files");
    let read = Catalog::read(&fs, Path::new("/")).unwrap();
    assert!(read == catalog, "the files of the sections came back in another order");
}
