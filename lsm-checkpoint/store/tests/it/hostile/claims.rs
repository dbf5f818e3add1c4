//! Well-formed catalogs and states with false claims. All digests match them, as if a thief of the keys had made them:
//! paths that lead out, lengths that exceed the memory, and objects of others.

use std::sync::Arc;

use lsm_checkpoint_store::proof::{BackupCatalog, Head, StoredFile};
use lsm_checkpoint_store::{Defect, Key, PushOptions, RefsPlace};
use sha2::{Digest, Sha256};

use super::ends::{End, Ends};
use super::garden::{Garden, Objects, block_on, catalog_key, open, stored};

/// The maximum length of a catalog, from `FORMAT.md`.
const CATALOG_MAX: u64 = 256 << 20;
const HUGE: u64 = 1 << 60;

/// Returns the repository with a changed newest state.
fn with_head(garden: &Garden, change: impl FnOnce(&mut Head)) -> Objects {
    let mut head = garden.head();
    change(&mut head);
    garden.with(&garden.head_key(), head.encode().unwrap())
}

/// Returns the repository with a changed catalog of its first backup, and a newest state that has the digest of this
/// catalog.
fn with_catalog(garden: &Garden, change: impl FnOnce(&mut BackupCatalog)) -> Objects {
    with_catalog_of(garden, 0, change)
}

/// As [`with_catalog`], for the backup at this position.
fn with_catalog_of(garden: &Garden, at: usize, change: impl FnOnce(&mut BackupCatalog)) -> Objects {
    let backup = &garden.backups()[at];
    let mut catalog = garden.catalog(backup);
    change(&mut catalog);
    let (bytes, refs) = catalog.encode().unwrap();
    let mut objects = with_head(garden, |head| {
        let place = &mut head.backups[at].catalog;
        (place.len, place.refs) = (bytes.len() as u64, refs);
        place.sha256 = Sha256::digest(&bytes).into();
    });
    objects.insert(catalog_key(backup), bytes.into());
    objects
}

/// Returns the file with the bytes of a table.
fn file<'a>(garden: &Garden, catalog: &'a mut BackupCatalog, table: &[u8]) -> &'a mut StoredFile {
    let key = Key::parse(&garden.table(table)).unwrap().object();
    let at = catalog.refs.iter().position(|object| Some(object.name) == key).unwrap();
    catalog.files.iter_mut().find(|file| file.object.is_some_and(|object| object as usize == at)).unwrap()
}

/// The ends if the catalog of the first backup is refused by the verbs that read all of it.
fn refused(garden: &Garden, defect: &Defect) -> Ends {
    let key = catalog_key(&garden.backups()[0]);
    let restore = [End::corrupt(&key, defect), End::Sound];
    Ends { verify: End::reported(&key, defect), restore, ..Ends::sound() }
}

/// Paths that are no places for a file or a directory, and the reasons.
fn bad_paths(garden: &Garden) -> Vec<(String, Defect)> {
    let taken = garden.catalog(&garden.backups()[0]).files[1].path.clone();
    let outside = ["../out", "tables/../../out", "/etc/passwd", "tables/a\0b", "tables//b", ".", "C:\\x"];
    let long = ["x".repeat(10_000), "x".repeat(20_000), ["x"; 200].join("/")];
    let collisions = [format!("{taken}/x"), taken, "CHECKPOINT".to_owned(), "CHECKPOINT/x".to_owned()];
    let names = outside.map(str::to_owned).into_iter().chain(long).map(|path| (path, Defect::Name));
    names.chain(collisions.map(|path| (path, Defect::Records))).collect()
}

#[test]
fn a_file_with_a_bad_path_is_refused() {
    let garden = Garden::new(1);
    for (path, defect) in bad_paths(&garden).into_iter().chain([(String::new(), Defect::Name)]) {
        let objects = with_catalog(&garden, |catalog| catalog.files[0].path.clone_from(&path));
        garden.assert_tour(&objects, &refused(&garden, &defect), &format!("{path:.50}"));
    }
}

#[test]
fn a_directory_with_a_bad_path_is_refused() {
    let garden = Garden::new(1);
    for (path, defect) in bad_paths(&garden) {
        let objects = with_catalog(&garden, |catalog| {
            catalog.folders.last_mut().unwrap().path.clone_from(&path);
        });
        garden.assert_tour(&objects, &refused(&garden, &defect), &format!("{path:.50}"));
    }
}

/// The number of digests in the catalog shows that the length is false.
#[test]
fn a_catalog_that_claims_a_huge_file_is_refused() {
    let garden = Garden::new(1);
    let (one, found) = (garden.table(b"one"), b"one".len() as u64);
    for len in [HUGE, u64::MAX] {
        let objects = with_catalog(&garden, |catalog| {
            let file = file(&garden, catalog, b"one");
            file.len = len;
            let at = file.object.unwrap() as usize;
            catalog.refs[at].len = len;
        });
        let short = Defect::Length { expected: len, found };
        let defects = [(catalog_key(&garden.backups()[0]), &Defect::Records), (one.clone(), &short)];
        let ends = Ends {
            check: End::reported(&one, &short),
            verify: End::Reported(defects.map(|(key, defect)| (key, defect.to_string())).into()),
            ..refused(&garden, &Defect::Records)
        };
        garden.assert_tour(&objects, &ends, &format!("{len} bytes"));
    }
}

#[test]
fn a_state_that_claims_another_length_of_a_catalog_is_refused() {
    let garden = Garden::new(1);
    let [first, _] = garden.backups();
    let found = first.catalog.len;
    for len in [0, found - 1, HUGE, u64::MAX] {
        let objects = with_head(&garden, |head| head.backups[0].catalog.len = len);
        let defect = Defect::Length { expected: len, found };
        let check = End::reported(&catalog_key(&first), &defect);
        let ends = Ends { check, ..refused(&garden, &defect) };
        garden.assert_tour(&objects, &ends, &format!("{len} bytes"));
    }
}

/// A restore reads the whole catalog, and not this place in it.
#[test]
fn a_state_that_claims_another_place_of_references_stops_a_collect() {
    let garden = Garden::new(1);
    let [first, _] = garden.backups();
    let (key, place, found) = (catalog_key(&first), first.catalog.refs, first.catalog.len);
    let too_long = |found| Defect::TooLong { limit: CATALOG_MAX, found };
    let ends_before = |expected| Defect::Length { expected, found };
    for (refs, defect) in [
        (RefsPlace { len: 0, ..place }, Defect::Digest),
        (RefsPlace { len: place.len - 1, ..place }, Defect::Digest),
        (RefsPlace { len: CATALOG_MAX, ..place }, ends_before(place.offset + CATALOG_MAX)),
        (RefsPlace { len: HUGE, ..place }, too_long(HUGE)),
        (RefsPlace { len: u64::MAX, ..place }, too_long(u64::MAX)),
        (RefsPlace { offset: 0, ..place }, Defect::Digest),
        (RefsPlace { offset: HUGE, ..place }, ends_before(HUGE + place.len)),
        (RefsPlace { offset: u64::MAX, ..place }, ends_before(u64::MAX)),
        (RefsPlace { sha256: [0; 32], ..place }, Defect::Digest),
    ] {
        let objects = with_head(&garden, |head| head.backups[0].catalog.refs = refs);
        let (check, verify) = (End::reported(&key, &defect), End::reported(&key, &defect));
        let ends = Ends { check, verify, collect: End::corrupt(&key, &defect), ..Ends::sound() };
        garden.assert_tour(&objects, &ends, &format!("{refs:?}"));
    }
}

/// The numbers of files and bytes in a state are only shown to people.
#[test]
fn a_state_that_claims_many_files_costs_nothing() {
    let garden = Garden::new(1);
    let objects = with_head(&garden, |head| {
        for backup in &mut head.backups {
            (backup.files, backup.bytes) = (HUGE, u64::MAX);
        }
    });
    garden.assert_tour(&objects, &Ends::sound(), "many files");
}

#[test]
fn an_impossible_state_stops_all_verbs() {
    let garden = Garden::new(1);
    let (key, number) = (garden.head_key(), garden.head().number + 1);
    let states = [
        (with_head(&garden, |head| head.backups[0].source = "x".repeat(10_000)), Defect::Name),
        (with_head(&garden, |head| head.backups[0].source = "a\nb".to_owned()), Defect::Name),
        (with_head(&garden, |head| head.backups[1].id = head.backups[0].id), Defect::Records),
        (with_head(&garden, |head| head.repository.0 = [7; 16]), Defect::OtherRepository),
        (with_head(&garden, |head| head.number = number), Defect::Number { found: number }),
    ];
    for (objects, defect) in states {
        garden.assert_tour(&objects, &Ends::all(&End::corrupt(&key, &defect)), &defect.to_string());
    }
}

/// The identifier of a backup proves its file `CHECKPOINT`.
#[test]
fn a_catalog_of_another_backup_or_repository_is_refused() {
    let garden = Garden::new(1);
    let [_, second] = garden.backups();
    let other = garden.catalog(&second);
    let objects = with_catalog(&garden, |catalog| {
        let backup = catalog.backup;
        *catalog = BackupCatalog { backup, ..other };
    });
    // No catalog references this table now.
    let deleted = vec![garden.table(b"one")];
    let ends = Ends { deleted, ..refused(&garden, &Defect::OtherBackup) };
    garden.assert_tour(&objects, &ends, "the files of another backup");
    let objects = with_catalog(&garden, |catalog| catalog.checkpoint.push(0));
    garden.assert_tour(&objects, &refused(&garden, &Defect::OtherBackup), "another CHECKPOINT");
    let objects = with_catalog(&garden, |catalog| catalog.backup = second.id);
    garden.assert_tour(&objects, &refused(&garden, &Defect::OtherBackup), "another identifier");
    let objects = with_catalog(&garden, |catalog| catalog.repository.0 = [7; 16]);
    garden.assert_tour(&objects, &refused(&garden, &Defect::OtherRepository), "another repository");
}

/// A catalog may name an object of another backup, as a reuse does, but not one that is missing.
#[test]
fn a_catalog_that_names_a_missing_object_is_noticed() {
    let garden = Garden::new(1);
    let one = garden.table(b"one");
    let mut name = Key::parse(&one).unwrap().object().unwrap();
    name.nonce.0 = [0xee; 16];
    let objects = with_catalog(&garden, |catalog| {
        let at = file(&garden, catalog, b"one").object.unwrap() as usize;
        catalog.refs[at].name = name;
    });
    let (key, missing) = (Key::Data(name).to_string(), Defect::Missing);
    let ends = Ends {
        check: End::reported(&key, &missing),
        verify: End::reported(&key, &missing),
        restore: [End::corrupt(&key, &missing), End::Sound],
        deleted: vec![one],
        ..Ends::sound()
    };
    garden.assert_tour(&objects, &ends, "a missing object");
}

/// Both backups need the table, and only one of them claims another length.
#[test]
fn a_false_length_is_blamed_on_the_backup_that_claims_it() {
    let garden = Garden::new(1);
    let shared = Key::parse(&garden.table(b"shared")).unwrap();
    let objects = with_catalog(&garden, |catalog| {
        let at = file(&garden, catalog, b"shared").object.unwrap() as usize;
        catalog.refs[at].len += 1;
    });
    let report = block_on(async { open(&stored(&objects).await, 9).await.unwrap().check().await.unwrap() });
    let [first, _] = garden.backups();
    let damaged: Vec<_> = report
        .damaged
        .iter()
        .map(|damaged| (damaged.key, damaged.what.to_string(), &damaged.backups))
        .collect();
    let found = b"shared".len() as u64;
    let what = Defect::Length { expected: found + 1, found }.to_string();
    assert_eq!(damaged, [(shared, what, &vec![first.id])]);
}

/// Both backups need the table, and only one of them has a false digest of it.
#[test]
fn a_false_digest_of_a_table_is_noticed() {
    let garden = Garden::new(1);
    let shared = garden.table(b"shared");
    let objects = with_catalog(&garden, |catalog| file(&garden, catalog, b"shared").pieces[0] = [7; 32]);
    let digest = &Defect::Digest;
    let restore = [End::corrupt(&shared, digest), End::Sound];
    let ends = Ends { verify: End::reported(&shared, digest), restore, ..Ends::sound() };
    garden.assert_tour(&objects, &ends, "a false digest");
}

/// `CHECKPOINT` proves the names, lengths and checksums of all files.
#[test]
fn a_catalog_that_lists_other_files_than_its_checkpoint_is_refused() {
    type Change = fn(&mut BackupCatalog, usize);
    let changes: [(&str, Change); 7] = [
        ("another name", |catalog, at| catalog.files[at].path = "tables/elsewhere".to_owned()),
        ("another checksum", |catalog, at| catalog.files[at].checksum = Some(7)),
        ("no checksum", |catalog, at| catalog.files[at].checksum = None),
        ("another length", |catalog, at| {
            // The empty file needs no object, so nothing else contradicts the length.
            let file = &mut catalog.files[at];
            (file.len, file.object, file.pieces) = (0, None, Vec::new());
        }),
        ("another order", |catalog, at| catalog.files.swap(at, (at + 1) % 2)),
        ("one file fewer", |catalog, at| drop(catalog.files.remove(at))),
        ("one more file", |catalog, _| {
            let empty = catalog.files.iter().find(|file| file.len == 0).unwrap().clone();
            catalog.files.push(StoredFile { path: "tables/more".to_owned(), ..empty });
        }),
    ];
    let garden = Garden::new(1);
    for (name, change) in changes {
        let objects = with_catalog(&garden, |catalog| {
            let one = file(&garden, catalog, b"one").path.clone();
            let at = catalog.files.iter().position(|file| file.path == one).unwrap();
            change(catalog, at);
        });
        garden.assert_tour(&objects, &refused(&garden, &Defect::OtherFiles), name);
    }
}

#[test]
fn a_push_reuses_no_file_of_a_forged_backup() {
    let garden = Garden::new(1);
    let forged = with_catalog_of(&garden, 1, |catalog| {
        file(&garden, catalog, b"two").path = "tables/elsewhere".to_owned();
    });
    for (objects, sent) in [(&garden.objects, 1), (&forged, 2)] {
        let pushed = block_on(async {
            let repository = open(&stored(objects).await, 9).await.unwrap();
            let source = &garden.sources[2];
            repository.push(Arc::clone(&source.fs), &source.dir, &PushOptions::new()).await.unwrap()
        });
        assert_eq!(pushed.sent_files, sent);
    }
}
