//! Clears between the first reading of the journals and the cut. A backup has their effect, and not their records.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use fjall::KeyspaceCreateOptions;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    event::{Event, Subject, fill_journal},
    world::{World, contents, keeps_ingested_key, open},
};
use crate::{Backup, BackupInfo, Result, backup_closed, restore, steps::Step};

/// Takes a backup, and runs `act` once, after the first reading of the journals. Checks that the restored database is
/// equal to the source, and returns the directory of a restored database.
fn restored_beside(world: &World, subject: &Subject, act: impl Fn()) -> PathBuf {
    let is_done = AtomicBool::new(false);
    let after = |step| {
        if step == Step::JournalsOpened && !is_done.swap(true, Ordering::SeqCst) {
            act();
        }
    };
    let mut backup = Backup::new().attempts(1);
    backup.steps.after = Some(&after);
    world.backup(&backup, &subject.db, "backup");
    assert_eq!(world.restored("backup"), contents(&subject.db));
    let copy = world.path("copy");
    let _ = restore(world.path("backup"), &copy).unwrap();
    copy
}

/// Ingests a key into the keyspace `b` of a restored database. Checks that this adds a key, and that all keys are there
/// after a restart.
fn check_ingestion(copy: &Path) {
    let mut expected = contents(&open(copy));
    assert!(keeps_ingested_key(copy, "b"), "{expected:?}");
    expected.get_mut("b").unwrap().insert("key".into(), "ingested".into());
    assert_eq!(contents(&open(copy)), expected);
}

#[test]
fn data_ingested_into_a_copy_after_a_clear_beside_the_backup_stays() {
    let world = World::new();
    let subject = Subject::new(&world, false);
    let copy = restored_beside(&world, &subject, || subject.b.clear().unwrap());
    assert!(contents(&open(&copy))["b"].is_empty());
    check_ingestion(&copy);
}

#[test]
fn puts_and_batches_around_clears_beside_the_backup_are_right() {
    let world = World::new();
    let subject = Subject::new(&world, false);
    let Subject { db, a, b, c, .. } = &subject;
    let batch = |value: &str| {
        let mut batch = db.batch();
        for (key, keyspace) in [("one", b), ("one", a), ("two", b), ("two", c)] {
            batch.insert(keyspace, key, value);
        }
        batch.commit().unwrap();
    };
    let copy = restored_beside(&world, &subject, || {
        batch("before");
        b.clear().unwrap();
        b.insert("between", "put").unwrap();
        b.clear().unwrap();
        b.insert("after", "put").unwrap();
        c.clear().unwrap();
        batch("after");
        subject.mark();
    });
    let found = contents(&open(&copy));
    assert_eq!((found["a"].len(), found["b"].len(), found["c"].len()), (4, 3, 1), "{found:?}");
    check_ingestion(&copy);
}

/// The clears have higher numbers than later writes into the restored database. An assertion of fjall compares these
/// numbers for each sealed journal.
#[test]
fn a_restored_database_with_a_full_journal_opens_after_clears_beside_the_backup() {
    let world = World::new();
    let subject = Subject::new(&world, false);
    let clears = || (0..10).for_each(|_| subject.b.clear().unwrap());
    let copy = restored_beside(&world, &subject, clears);
    let db = open(&copy);
    let [a, b] = ["a", "b"].map(|name| db.keyspace(name, KeyspaceCreateOptions::default).unwrap());
    b.insert("key", "new").unwrap();
    fill_journal(&a);
    a.rotate_memtable_and_wait().unwrap();
    assert_eq!(db.journal_count(), 2);
    let before = contents(&db);
    drop((a, b, db));
    assert_eq!(contents(&open(&copy)), before);
}

#[test]
fn a_clear_makes_records_in_an_earlier_journal_void() {
    let world = World::new();
    let subject = Subject::new(&world, true);
    let copy = restored_beside(&world, &subject, || {
        Event::Rotation.happen(&subject);
        subject.c.clear().unwrap();
    });
    assert!(contents(&open(&copy))["c"].is_empty());
}

/// fjall skips records of `b` as long as the tables of `b` have higher numbers. A compaction can remove these tables.
#[test]
fn records_before_a_clear_do_not_come_back_when_the_tables_are_gone() {
    let world = World::new();
    let subject = Subject::new(&world, false);
    let copy = restored_beside(&world, &subject, || {
        subject.b.clear().unwrap();
        Event::Ingestion.happen(&subject);
    });
    let db = open(&copy);
    let [a, b] = ["a", "b"].map(|name| db.keyspace(name, KeyspaceCreateOptions::default).unwrap());
    let mut ingestion = b.start_ingestion().unwrap();
    ingestion.write_tombstone("event").unwrap();
    ingestion.write_tombstone("old").unwrap();
    ingestion.finish().unwrap();
    // After a rotation, the compaction may drop everything that no reader sees.
    a.insert("key", "value").unwrap();
    a.rotate_memtable_and_wait().unwrap();
    b.major_compact().unwrap();
    assert_eq!(b.table_count(), 0);
    drop((a, b, db));
    assert!(contents(&open(&copy))["b"].is_empty());
}

#[test]
fn a_clear_of_a_keyspace_that_is_deleted_beside_the_backup_does_not_reach_the_next_one() {
    let world = World::new();
    let subject = Subject::new(&world, false);
    let copy = restored_beside(&world, &subject, || {
        let brief = subject.db.keyspace("brief", KeyspaceCreateOptions::default).unwrap();
        brief.clear().unwrap();
        subject.db.delete_keyspace(brief).unwrap();
        subject.mark();
    });
    assert!(keeps_ingested_key(&copy, "later"));
}

/// Writes the record of a clear to the first journal, as fjall does before it empties the tables.
fn write_clear(world: &World, keyspace: u64, seqno: u64) {
    let path = world.path("db/0.jnl");
    let mut bytes = fs::read(&path).unwrap();
    // Zeros follow the end of the last batch.
    let end = bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    let clear = [&[4][..], &keyspace.to_le_bytes()].concat();
    let start = [&[1][..], &1_u32.to_le_bytes(), &seqno.to_le_bytes()].concat();
    let record =
        [start, clear.clone(), vec![3], xxh3_64(&clear).to_le_bytes().into(), b"FJL\x03".into()].concat();
    bytes[end..end + record.len()].copy_from_slice(&record);
    fs::write(path, bytes).unwrap();
}

/// Takes a backup while `b` is being cleared. fjall draws the number of the clear and writes its record before it
/// empties the tables, and the versions and S are read in between.
fn backup_inside_a_clear(world: &World, subject: &Subject, attempts: u32) -> Result<BackupInfo> {
    let (writes, cuts) = (AtomicU32::new(0), AtomicU32::new(0));
    let after = |step| match step {
        Step::VersionsRead if writes.fetch_add(1, Ordering::SeqCst) == 0 => {
            write_clear(world, subject.b.id(), subject.db.supervisor.seqno.next());
        }
        Step::JournalsListed if cuts.fetch_add(1, Ordering::SeqCst) == 0 => {
            fjall::AbstractTree::clear(&subject.b.tree).unwrap();
        }
        _ => {}
    };
    let mut backup = Backup::new().attempts(attempts);
    backup.steps.after = Some(&after);
    backup.create(&subject.db, world.path("backup"))
}

#[test]
fn a_clear_that_has_not_emptied_the_captured_tables_starts_the_capture_again() {
    let world = World::new();
    let subject = Subject::new(&world, false);
    let info = backup_inside_a_clear(&world, &subject, 2).unwrap();
    let expected = contents(&subject.db);
    assert!(expected["b"].is_empty());
    assert_eq!(world.restored("backup"), expected);
    assert_eq!(info.attempts, 2);
    let copy = world.path("copy");
    let _ = restore(world.path("backup"), &copy).unwrap();
    check_ingestion(&copy);
}

#[test]
fn a_clear_that_has_not_emptied_the_captured_tables_ends_the_last_attempt() {
    let world = World::new();
    let subject = Subject::new(&world, false);
    let error = backup_inside_a_clear(&world, &subject, 1).unwrap_err();
    assert_eq!(error.to_string(), "keyspace b changed at each of 1 attempts");
    assert!(!world.path("backup").exists());
}

/// fjall replays the clear when it opens the source.
#[test]
fn a_clear_that_a_crash_interrupts_is_in_a_backup_of_the_closed_database() {
    let world = World::new();
    let subject = Subject::new(&world, false);
    let mut expected = contents(&subject.db);
    expected.get_mut("b").unwrap().clear();
    let (id, seqno) = (subject.b.id(), subject.db.seqno());
    drop(subject);
    write_clear(&world, id, seqno);
    let _ = backup_closed(world.path("db"), world.path("backup")).unwrap();
    assert_eq!(world.restored("backup"), expected);
    assert_eq!(contents(&world.open()), expected);
}
