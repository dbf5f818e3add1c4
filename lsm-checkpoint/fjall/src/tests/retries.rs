//! Backups of a database that keeps changing. The number of attempts is bounded, and the error names the changing part.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{
    event::{Event, Subject, fill_journal},
    world::{World, contents},
};
use crate::{Backup, Changing, Error, steps::Step};

#[test]
fn a_keyspace_that_always_changes_ends_the_backup() {
    let world = World::new();
    let subject = Subject::new(&world, false);
    let after = |step| {
        if step == Step::NumberRead {
            Event::Ingestion.happen(&subject);
        }
    };
    let mut backup = Backup::new().attempts(1);
    backup.steps.after = Some(&after);
    let error = backup.create(&subject.db, world.path("backup")).unwrap_err();
    let Error::KeptChanging { changing, attempts } = &error else { panic!("{error}") };
    assert_eq!((changing, *attempts), (&Changing::Keyspace("b".to_owned()), 1));
    assert_eq!(error.to_string(), "keyspace b changed at each of 1 attempts");
    assert!(!world.path("backup").exists());
}

#[test]
fn a_keyspace_that_changes_once_is_read_again() {
    let world = World::new();
    let subject = Subject::new(&world, false);
    let readings = AtomicU32::new(0);
    let after = |step| {
        if step == Step::NumberRead && readings.fetch_add(1, Ordering::SeqCst) == 0 {
            Event::Ingestion.happen(&subject);
        }
    };
    let mut backup = Backup::new().attempts(1);
    backup.steps.after = Some(&after);
    world.backup(&backup, &subject.db, "backup");
    assert!(readings.load(Ordering::SeqCst) >= 2);
    assert_eq!(world.restored("backup"), contents(&subject.db));
}

/// Rotates the journal, and flushes every keyspace until the old journal is removed.
fn rotate(subject: &Subject, journal: &std::path::Path) {
    fill_journal(&subject.b);
    let doomed = subject.doomed.lock().unwrap().clone().unwrap();
    let mut rounds = 0;
    while journal.exists() {
        rounds += 1;
        assert!(rounds < 100, "{} stays", journal.display());
        // fjall looks for journals to remove at the end of each flush.
        for keyspace in [&subject.b, &subject.a, &subject.c, &doomed] {
            keyspace.insert("filler", "").unwrap();
            keyspace.rotate_memtable_and_wait().unwrap();
        }
    }
}

#[test]
fn a_journal_that_was_made_and_removed_starts_the_capture_again() {
    let world = World::new();
    let subject = Subject::new(&world, false);
    let attempts = AtomicU32::new(0);
    let after = |step| {
        if step != Step::JournalsOpened {
            return;
        }
        // The first two attempts find that a journal was made and removed meanwhile.
        let first = 2 * attempts.fetch_add(1, Ordering::SeqCst);
        for number in (first..first + 2).filter(|&number| number < 4) {
            rotate(&subject, &world.path(format!("db/{number}.jnl")));
        }
    };
    let mut backup = Backup::new();
    backup.steps.after = Some(&after);
    let error = backup.clone().attempts(1).create(&subject.db, world.path("never")).unwrap_err();
    assert_eq!(error.to_string(), "journal 1 was removed at each of 1 attempts");
    let info = backup.create(&subject.db, world.path("backup")).unwrap();
    assert_eq!(info.attempts, 2);
    assert_eq!(world.restored("backup"), contents(&subject.db));
}
