//! Bugs of fjall that affect backups. If a release of fjall fixes one, its test fails. Then remove it from the README.

use std::path::Path;

use fjall::KeyspaceCreateOptions;

use super::{
    event::Subject,
    world::{World, contents, open},
};
use crate::{Backup, restore};

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

/// fjall ignores the number of a clear when it opens a database, so the number is reused. A backup still has the clear.
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

/// Ingests a key into a new keyspace. Returns `true` if the key is there after a restart.
fn keeps_ingested_key(dir: &Path) -> bool {
    let db = open(dir);
    let keyspace = db.keyspace("later", KeyspaceCreateOptions::default).unwrap();
    let mut ingestion = keyspace.start_ingestion().unwrap();
    ingestion.write("key", "ingested").unwrap();
    ingestion.finish().unwrap();
    drop((keyspace, db));
    !contents(&open(dir))["later"].is_empty()
}

#[test]
fn a_clear_of_a_deleted_keyspace_reaches_the_next_one_but_not_in_a_copy() {
    let world = World::new();
    let db = world.open();
    let _ = db.keyspace("first", KeyspaceCreateOptions::default).unwrap();
    let doomed = db.keyspace("doomed", KeyspaceCreateOptions::default).unwrap();
    doomed.clear().unwrap();
    db.delete_keyspace(doomed).unwrap();
    world.backup(&Backup::new(), &db, "backup");
    drop(db);
    let _ = restore(world.path("backup"), world.path("copy")).unwrap();
    assert!(keeps_ingested_key(&world.path("copy")));
    assert!(!keeps_ingested_key(&world.path("db")), "fjall has mended it");
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
