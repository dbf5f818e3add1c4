//! Bugs of fjall that affect backups. If a release of fjall fixes one, most of these tests fail with "fjall has mended
//! it". Then remove the bug from the README and from `UPSTREAM.md`.

use std::{fs, path::Path};

use fjall::{CompressionType, Database, KeyspaceCreateOptions};

use super::{
    event::{Subject, fill_journal},
    world::{World, contents, keeps_ingested_key, open},
};
use crate::{Backup, backup_closed, restore};

#[test]
fn a_clear_loses_later_ingested_data_at_an_open_but_not_in_a_backup() {
    let world = World::new();
    let subject = Subject::new(&world, false);
    subject.b.clear().unwrap();
    let mut ingestion = subject.b.start_ingestion().unwrap();
    ingestion.write("key", "ingested").unwrap();
    ingestion.finish().unwrap();
    world.backup(&Backup::new(), &subject.db, "backup");
    let before = contents(&subject.db);
    drop(subject);
    assert!(contents(&world.open())["b"].is_empty(), "fjall has mended it");
    assert_eq!(world.restored("backup"), before);
}

/// fjall ignores the number of a clear when it opens a database, so the number is reused. In a backup, the keyspace is
/// still empty.
#[test]
fn a_clear_before_a_restart_is_in_a_backup() {
    let world = World::new();
    let db = world.open();
    let [a, b] = ["a", "b"].map(|name| db.keyspace(name, KeyspaceCreateOptions::default).unwrap());
    a.insert("key", "old").unwrap();
    b.insert("key", "old").unwrap();
    for _ in 0..5 {
        a.clear().unwrap();
    }
    drop((a, b, db));
    let db = world.open();
    let before = contents(&db);
    assert!(before["a"].is_empty());
    world.backup(&Backup::new(), &db, "backup");
    assert_eq!(world.restored("backup"), before);
    db.keyspace("b", KeyspaceCreateOptions::default).unwrap().insert("later", "new").unwrap();
    let before = contents(&db);
    world.backup(&Backup::new(), &db, "second");
    assert_eq!(world.restored("second"), before);
}

/// Makes a database, clears its keyspace `a`, and opens the database again. fjall forgets the numbers of the clears, so
/// the next writes get lower numbers than the last clear.
fn cleared_before_a_restart(world: &World) -> Database {
    let db = world.open();
    let [a, b] = ["a", "b"].map(|name| db.keyspace(name, KeyspaceCreateOptions::default).unwrap());
    a.insert("key", "old").unwrap();
    let mut batch = db.batch();
    batch.insert(&a, "batch", "old");
    batch.insert(&b, "batch", "old");
    batch.insert(&a, "batch again", "old");
    batch.commit().unwrap();
    for _ in 0..10 {
        a.clear().unwrap();
    }
    drop((a, b, db));
    world.open()
}

#[test]
fn data_that_is_ingested_after_a_clear_and_a_restart_is_in_a_backup() {
    let world = World::new();
    let db = cleared_before_a_restart(&world);
    let a = db.keyspace("a", KeyspaceCreateOptions::default).unwrap();
    let mut ingestion = a.start_ingestion().unwrap();
    ingestion.write("key", "ingested").unwrap();
    ingestion.finish().unwrap();
    let before = contents(&db);
    assert_eq!((before["a"].len(), before["b"].len()), (1, 1));
    world.backup(&Backup::new(), &db, "backup");
    assert_eq!(world.restored("backup"), before);
    drop((a, db));
    assert!(contents(&world.open())["a"].is_empty(), "fjall has mended it");
}

#[test]
fn a_sealed_journal_with_a_clear_before_a_restart_does_not_stop_a_copy() {
    let world = World::new();
    let db = cleared_before_a_restart(&world);
    let a = db.keyspace("a", KeyspaceCreateOptions::default).unwrap();
    a.insert("key", "new").unwrap();
    let options = || KeyspaceCreateOptions::default().max_memtable_size(128 << 20);
    let large = db.keyspace("large", options).unwrap();
    fill_journal(&large);
    large.rotate_memtable_and_wait().unwrap();
    assert_eq!(db.journal_count(), 2);
    let before = contents(&db);
    world.backup(&Backup::new(), &db, "backup");
    assert_eq!(world.restored("backup"), before);
    // An open of the source would abort this process. A program in UPSTREAM.md shows that.
}

#[test]
fn a_clear_of_a_deleted_keyspace_reaches_the_next_one_but_not_in_a_copy() {
    let world = World::new();
    let db = world.open();
    let first = db.keyspace("first", KeyspaceCreateOptions::default).unwrap();
    let doomed = db.keyspace("doomed", KeyspaceCreateOptions::default).unwrap();
    doomed.clear().unwrap();
    db.delete_keyspace(doomed).unwrap();
    // This clear is void. So the backup looks at each earlier batch, and must leave out the clear of `doomed` there,
    // too.
    first.clear().unwrap();
    drop(first);
    world.backup(&Backup::new(), &db, "backup");
    drop(db);
    let _ = backup_closed(world.path("db"), world.path("closed")).unwrap();
    for backup in ["backup", "closed"] {
        let copy = world.path(format!("{backup}-copy"));
        let _ = restore(world.path(backup), &copy).unwrap();
        assert!(keeps_ingested_key(&copy, "later"), "{backup}");
    }
    assert!(!keeps_ingested_key(&world.path("db"), "later"), "fjall has mended it");
}

#[test]
fn a_keyspace_with_the_id_of_a_deleted_one_vanishes_in_the_source_and_in_a_copy() {
    let world = World::new();
    let db = world.open();
    let create = |db: &Database, name| db.keyspace(name, KeyspaceCreateOptions::default).unwrap();
    let first = create(&db, "first");
    db.delete_keyspace(create(&db, "doomed")).unwrap();
    world.backup(&Backup::new(), &db, "backup");
    drop((first, db));
    let _ = restore(world.path("backup"), world.path("copy")).unwrap();
    for dir in ["db", "copy"] {
        let db = open(&world.path(dir));
        create(&db, "later").insert("key", "value").unwrap();
        // This compacts keyspace 0.
        drop((create(&db, "last"), db));
        assert!(!contents(&open(&world.path(dir))).contains_key("later"), "{dir}: fjall has mended it");
    }
}

#[test]
fn a_key_under_an_ingested_tombstone_comes_back_in_the_source_and_in_a_copy() {
    let world = World::new();
    let db = world.open();
    let [a, b] = ["a", "b"].map(|name| db.keyspace(name, KeyspaceCreateOptions::default).unwrap());
    a.insert("key", "value").unwrap();
    let mut ingestion = a.start_ingestion().unwrap();
    ingestion.write_tombstone("key").unwrap();
    ingestion.finish().unwrap();
    // After a rotation, the compaction may drop everything that no reader sees.
    b.insert("key", "value").unwrap();
    b.rotate_memtable_and_wait().unwrap();
    a.major_compact().unwrap();
    assert!(!a.contains_key("key").unwrap());
    world.backup(&Backup::new(), &db, "backup");
    drop((a, b, db));
    let source = contents(&world.open());
    assert!(source["a"].contains_key(&b"key"[..]), "fjall has mended it");
    assert_eq!(world.restored("backup"), source);
}

/// Copies a directory, as a killed process would leave it.
fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &to);
        } else {
            let _ = fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_batch_that_fjall_splits_in_a_crash_is_split_in_a_later_backup() {
    let world = World::new();
    let db = Database::builder(world.path("live")).manual_journal_persist(true);
    // Without workers, no file goes while the directory is copied.
    let db = db.worker_threads_unchecked(0).open().unwrap();
    let options = || KeyspaceCreateOptions::default().manual_journal_persist(true);
    let [a, b] = ["a", "b"].map(|name| db.keyspace(name, options).unwrap());
    let mut batch = db.batch();
    batch.insert(&a, "key", "value");
    batch.insert(&b, "key", "value");
    batch.commit().unwrap();
    // The ingestion writes the memtable of `a` to a table, while the journal is still in memory.
    let mut ingestion = a.start_ingestion().unwrap();
    ingestion.write("other", "ingested").unwrap();
    ingestion.finish().unwrap();
    copy_dir(&world.path("live"), &world.path("db"));
    world.backup(&Backup::new(), &db, "whole");
    assert!(world.restored("whole")["b"].contains_key(&b"key"[..]), "a backup of the live database is whole");
    let db = world.open();
    let killed = contents(&db);
    assert!(killed["a"].contains_key(&b"key"[..]), "the ingestion has written it to a table");
    assert!(!killed["b"].contains_key(&b"key"[..]), "fjall has mended it");
    world.backup(&Backup::new(), &db, "backup");
    assert_eq!(world.restored("backup"), killed);
}

#[test]
fn a_cleared_keyspace_keeps_journals_in_the_source_and_in_a_backup() {
    let world = World::new();
    let db = Database::builder(world.path("db")).journal_compression(CompressionType::None).open().unwrap();
    let options = || KeyspaceCreateOptions::default().max_memtable_size(128 << 20);
    let [a, b] = ["a", "b"].map(|name| db.keyspace(name, options).unwrap());
    a.insert("key", "value").unwrap();
    for _ in 0..2 {
        fill_journal(&b);
        b.rotate_memtable_and_wait().unwrap();
        a.clear().unwrap();
    }
    a.rotate_memtable_and_wait().unwrap();
    assert_eq!(db.journal_count(), 3, "fjall has mended it");
    let info = Backup::new().create(&db, world.path("backup")).unwrap();
    assert!(info.journal_bytes > 128_000_000, "both sealed journals: {info:?}");
    assert_eq!(world.restored("backup"), contents(&db));
}
