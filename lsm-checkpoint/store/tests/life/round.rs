//! Push and restore.

use std::{os::unix::fs::PermissionsExt, path::Path};

use lsm_checkpoint_store::{Error, Location, Options, PushOptions, Repository};

use crate::ground::{Db, Ground, noise, options, push, push_with, run};

const MIB: usize = 1 << 20;

#[test]
fn files_of_all_lengths_come_back() {
    let ground = Ground::new();
    let db = Db::new(
        "db",
        &[("empty", b""), ("one", b"1"), ("piece", &noise(1, MIB)), ("more", &noise(2, MIB + 1))],
    );
    db.add("parts", &noise(3, 12 * MIB + 5));
    let checkpoint = ground.checkpoint(&db, "checkpoint");
    for place in ground.places() {
        let repository = run(Repository::init(place, options().part_bytes(0))).unwrap();
        let pushed = run(push(&repository, &checkpoint));
        // The empty file has no object, and is not sent.
        assert_eq!((pushed.sent_files, pushed.reused_files), (5, 1));
        assert_eq!(pushed.backup.bytes, pushed.sent_bytes);
        assert_eq!(run(repository.list()).unwrap(), std::slice::from_ref(&pushed.backup));
        ground.check_restore(&repository, pushed.backup.id, &checkpoint);
    }
}

#[test]
fn an_incremental_push_sends_new_files_only() {
    let ground = Ground::new();
    let db = Db::new("db", &[("1", b"one"), ("2", b"two")]);
    let first = ground.checkpoint(&db, "first");
    db.add("3", b"three");
    let second = ground.checkpoint(&db, "second");
    for place in ground.places() {
        let repository = run(Repository::init(place, options())).unwrap();
        run(push(&repository, &first));
        let pushed = run(push(&repository, &second));
        assert_eq!((pushed.sent_files, pushed.reused_files), (2, 2), "3 and CURRENT are new");
        ground.check_restore(&repository, pushed.backup.id, &second);
        let again = run(push(&repository, &second));
        assert!(again.was_there);
        assert_eq!(run(repository.list()).unwrap().len(), 2);
    }
}

#[test]
fn rehash_reads_known_files_and_does_not_send_them() {
    let ground = Ground::new();
    let db = Db::new("db", &[("1", b"one")]);
    let first = ground.checkpoint(&db, "first");
    db.add("2", b"two");
    let second = ground.checkpoint(&db, "second");
    let repository = run(Repository::init(Location::memory(), options())).unwrap();
    run(push(&repository, &first));
    // The length stays the same, so only a push that reads the file notices.
    std::fs::write(second.join("tables/1"), b"eno").unwrap();
    let rehash = PushOptions::new().rehash(true);
    let refused = run(push_with(&repository, &second, &rehash)).unwrap_err();
    assert!(matches!(refused, Error::SourceDamaged { .. }), "{refused}");
    std::fs::write(second.join("tables/1"), b"one").unwrap();
    let pushed = run(push_with(&repository, &second, &rehash)).unwrap();
    assert_eq!((pushed.sent_files, pushed.reused_files), (2, 1));
}

#[test]
fn modes_come_back() {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for (path, mode) in [("tables", 0o750), ("tables/1", 0o640)] {
        std::fs::set_permissions(checkpoint.join(path), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let repository = run(Repository::init(Location::memory(), options())).unwrap();
    let backup = run(push(&repository, &checkpoint)).backup.id;
    let files = run(repository.files(backup, &lsm_checkpoint_store::ReadOptions::new())).unwrap();
    let seen = |path: &str| {
        let found = lsm_fs::Fs::metadata(&files, &files.dir().join(path)).unwrap();
        found.permissions.unwrap().mode & 0o7777
    };
    assert_eq!([seen("tables"), seen("tables/1")], [0o750, 0o640]);
    let target = ground.path("restored");
    let opened =
        lsm_checkpoint::CheckpointDir::open(std::sync::Arc::new(files.clone()), files.dir()).unwrap();
    lsm_checkpoint::restore(&opened, &lsm_fs::StdFs, &target).unwrap();
    let local = ground.path("local");
    let opened =
        lsm_checkpoint::CheckpointDir::open(std::sync::Arc::new(lsm_fs::StdFs), &checkpoint).unwrap();
    lsm_checkpoint::restore(&opened, &lsm_fs::StdFs, &local).unwrap();
    for path in ["", "tables", "tables/1", "CURRENT"] {
        assert_eq!(mode(&target.join(path)), mode(&local.join(path)), "{path}: as a restore from a disk");
    }
}

#[test]
fn a_damaged_source_is_not_pushed() {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint");
    std::fs::write(checkpoint.join("tables/1"), b"eno").unwrap();
    let repository = run(Repository::init(Location::memory(), options())).unwrap();
    let error = run(push_with(&repository, &checkpoint, &PushOptions::new())).unwrap_err();
    assert!(matches!(error, Error::SourceDamaged { .. }), "{error}");
    let status = run(repository.status()).unwrap();
    assert!(status.sources.is_empty() && status.writers.is_empty(), "no writer is left behind");
}

#[test]
fn sources_have_their_last_backup() {
    let ground = Ground::new();
    let repository = run(Repository::init(Location::memory(), Options::new())).unwrap();
    for (identity, name) in [("a", "1"), ("b", "2"), ("a", "3")] {
        let checkpoint = ground.checkpoint(&Db::new(identity, &[(name, b"x")]), name);
        run(push(&repository, &checkpoint));
    }
    let status = run(repository.status()).unwrap();
    let sources: Vec<_> =
        status.sources.iter().map(|source| (source.source.as_str(), source.backups)).collect();
    assert_eq!(sources, [("a", 2), ("b", 1)]);
    assert_eq!(status.sources[0].last, run(repository.list()).unwrap()[2]);
}
