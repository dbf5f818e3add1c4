//! Well-formed catalogs and states with false claims: paths that lead out, and lengths that exceed the memory.

use lsm_checkpoint_store::proof::{BackupCatalog, Head, StoredFile};
use lsm_checkpoint_store::{Key, ObjectName};
use sha2::{Digest, Sha256};

use super::garden::{Garden, Objects, assert_clear, errors};

/// Returns the repository with a changed newest state.
fn with_head(garden: &Garden, change: impl FnOnce(&mut Head)) -> Objects {
    let (key, mut head) = garden.head();
    change(&mut head);
    let mut objects = garden.objects.clone();
    objects.insert(key, head.encode().unwrap().into());
    objects
}

/// Returns the repository with a changed catalog of its first backup, and a newest state that has the digest of this
/// catalog.
fn with_catalog(garden: &Garden, change: impl FnOnce(&mut BackupCatalog)) -> Objects {
    let (_, head) = garden.head();
    let name: ObjectName = head.backups[0].catalog.name;
    let key = Key::Catalog(name).to_string();
    let mut catalog = BackupCatalog::decode(garden.objects[&key].to_vec()).unwrap();
    change(&mut catalog);
    let (bytes, refs) = catalog.encode().unwrap();
    let mut objects = with_head(garden, |head| {
        let place = &mut head.backups[0].catalog;
        (place.len, place.refs) = (bytes.len() as u64, refs);
        place.sha256 = Sha256::digest(&bytes).into();
    });
    objects.insert(key, bytes.into());
    objects
}

fn first(catalog: &mut BackupCatalog) -> &mut StoredFile {
    &mut catalog.files[0]
}

#[test]
fn a_path_that_leads_out_is_refused() {
    let garden = Garden::new(1);
    let long = "x".repeat(10_000);
    let deep = ["x"; 200].join("/");
    for path in [
        "../out",
        "tables/../../out",
        "/etc/passwd",
        "tables/a\0b",
        "",
        ".",
        "C:\\x",
        "CHECKPOINT",
        &long,
        &deep,
    ] {
        let objects = with_catalog(&garden, |catalog| first(catalog).path = path.to_owned());
        let outcomes = garden.tour(&objects);
        assert_clear(&outcomes, path);
        assert_eq!(errors(&outcomes, "restore").len(), 1, "{path:?}: {outcomes:?}");
    }
}

#[test]
fn a_catalog_that_claims_a_huge_file_is_refused() {
    let garden = Garden::new(1);
    for len in [1_u64 << 60, u64::MAX] {
        let objects = with_catalog(&garden, |catalog| {
            first(catalog).len = len;
            catalog.refs[0].len = len;
        });
        let outcomes = garden.tour(&objects);
        assert_clear(&outcomes, "huge");
        assert_eq!(errors(&outcomes, "restore").len(), 1, "{len}: {outcomes:?}");
    }
}

#[test]
fn a_head_that_claims_a_huge_catalog_is_refused() {
    let garden = Garden::new(1);
    for len in [0, 1_u64 << 60, u64::MAX] {
        for change in [
            (|head, len| head.backups[0].catalog.len = len) as fn(&mut Head, u64),
            |head, len| head.backups[0].catalog.refs.len = len,
            |head, len| head.backups[0].catalog.refs.offset = len,
        ] {
            let objects = with_head(&garden, |head| change(head, len));
            let outcomes = garden.tour(&objects);
            assert_clear(&outcomes, "huge");
        }
    }
}

/// The numbers of files and bytes in a state are only shown to people.
#[test]
fn a_head_that_claims_many_files_costs_nothing() {
    let garden = Garden::new(1);
    let objects = with_head(&garden, |head| {
        (head.backups[0].files, head.backups[0].bytes) = (1 << 60, u64::MAX);
        (head.backups[1].files, head.backups[1].bytes) = (1 << 60, u64::MAX);
    });
    let outcomes = garden.tour(&objects);
    assert_clear(&outcomes, "many");
    assert!(errors(&outcomes, "list").is_empty(), "{outcomes:?}");
}

/// A state that a thief of the keys has written can have digests that match. The identifier of a backup still proves
/// its file `CHECKPOINT`.
#[test]
fn the_files_of_another_backup_under_a_known_identifier_are_refused() {
    let garden = Garden::new(1);
    let (_, head) = garden.head();
    let other = Key::Catalog(head.backups[1].catalog.name).to_string();
    let other = BackupCatalog::decode(garden.objects[&other].to_vec()).unwrap();
    let objects = with_catalog(&garden, |catalog| {
        let backup = catalog.backup;
        *catalog = BackupCatalog { backup, ..other };
    });
    let outcomes = garden.tour_of_lies(&objects);
    assert_clear(&outcomes, "another backup");
    let errors = errors(&outcomes, "restore");
    assert!(errors.len() == 1 && errors[0].contains("another backup"), "{outcomes:?}");
}

/// A catalog may name an object of another backup, as a reuse does, but not one that is missing.
#[test]
fn a_catalog_that_names_a_missing_object_is_noticed() {
    let garden = Garden::new(1);
    let objects = with_catalog(&garden, |catalog| catalog.refs[0].name.nonce.0 = [0xee; 16]);
    let outcomes = garden.tour_of_lies(&objects);
    assert_clear(&outcomes, "missing");
    assert_eq!(errors(&outcomes, "restore").len(), 1, "{outcomes:?}");
}
