use super::*;
use crate::{
    format::PIECE,
    id::{Nonce, WriterId},
    key::ObjectName,
};

fn catalog() -> BackupCatalog {
    let permissions = Some(Permissions { mode: 0o640, owner: 7, group: 8 });
    let name = |n: u8| ObjectName { writer: WriterId([n; 16]), nonce: Nonce([9; 16]) };
    let file = |path: &str, len: u64, object: Option<u32>| StoredFile {
        path: path.into(),
        len,
        object,
        checksum: object.map(u128::from),
        pieces: vec![[7; 32]; usize::try_from(pieces(len)).unwrap()],
        permissions: permissions.filter(|_| len > 0),
    };
    BackupCatalog {
        repository: RepositoryId([1; 16]),
        backup: BackupId([2; 16]),
        checkpoint: b"the catalog of the checkpoint".to_vec(),
        refs: vec![ObjectRef { name: name(3), len: 5 }, ObjectRef { name: name(4), len: PIECE + 1 }],
        files: vec![
            file("tables/1", 5, Some(0)),
            file("empty", 0, None),
            file("tables/2", PIECE + 1, Some(1)),
        ],
        folders: vec![StoredFolder { path: String::new(), permissions }],
    }
}

fn decoded(catalog: &BackupCatalog) -> Result<BackupCatalog, Defect> {
    BackupCatalog::decode(catalog.encode().unwrap().0)
}

#[test]
fn a_catalog_survives_the_round_trip_and_its_references_are_read_alone() {
    let catalog = catalog();
    let (bytes, place) = catalog.encode().unwrap();
    assert_eq!(BackupCatalog::decode(bytes.clone()).unwrap(), catalog);
    let range = usize::try_from(place.offset).unwrap()..usize::try_from(place.offset + place.len).unwrap();
    assert_eq!(place.decode(&bytes[range.clone()]).unwrap(), catalog.refs);
    for at in range {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        let start = usize::try_from(place.offset).unwrap();
        let blocks = &bad[start..start + usize::try_from(place.len).unwrap()];
        assert!(matches!(place.decode(blocks), Err(Defect::Digest)), "byte {at}");
    }
}

#[test]
fn names_that_lead_out_or_collide_are_refused() {
    let outside = ["../x", "/x", "a\0b"].map(|path| (path, "a path with an invalid name"));
    let collisions = ["tables/1", "tables/1/x", "tables", "CHECKPOINT", "CHECKPOINT/x"];
    let collisions = collisions.map(|path| (path, "the number of records is wrong, or one is listed twice"));
    for (path, reason) in outside.into_iter().chain(collisions) {
        let mut bad = catalog();
        bad.files[1].path = path.into();
        assert_eq!(decoded(&bad).unwrap_err().to_string(), reason, "a file {path:?}");
        if path != "tables" {
            let mut bad = catalog();
            bad.folders[0].path = path.into();
            assert_eq!(decoded(&bad).unwrap_err().to_string(), reason, "a directory {path:?}");
        }
    }
}

#[test]
fn claims_are_compared_with_the_bytes() {
    let mut bad = catalog();
    (bad.files[0].len, bad.refs[0].len) = (1 << 60, 1 << 60);
    assert!(matches!(decoded(&bad), Err(Defect::Records)), "a length without its digests");
    let mut bad = catalog();
    bad.files[0].object = Some(7);
    assert!(matches!(decoded(&bad), Err(Defect::Records)), "an object that is not listed");
    let mut bad = catalog();
    bad.refs[0].len = 6;
    assert!(matches!(decoded(&bad), Err(Defect::Records)), "an object of another length");
}

#[test]
fn a_catalog_without_objects_has_no_references() {
    let mut empty = catalog();
    empty.refs.clear();
    empty.files.truncate(2);
    empty.files.remove(0);
    let (_, place) = empty.encode().unwrap();
    assert_eq!((place.offset, place.len), (0, 0));
    assert_eq!(place.decode(&[]).unwrap(), []);
    assert_eq!(decoded(&empty).unwrap(), empty);
}
