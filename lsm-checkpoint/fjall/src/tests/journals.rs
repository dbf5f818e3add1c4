//! Damaged and incomplete journals of a closed database.

use std::{fs, path::PathBuf};

use fjall::KeyspaceCreateOptions;

use super::world::{Contents, World, contents, open};
use crate::{Backup, Error, backup_closed, restore};

/// The place of the sequence number in a batch. fjall's checksum does not cover it.
const SEQNO: std::ops::Range<usize> = 5..13;

/// Stands for a failed debug assertion of fjall, in place of an error.
const PANICKED: &str = "it panicked";

/// Makes a closed database with ten batches in its only journal, and returns the states after each batch.
fn ten_batches(world: &World) -> (PathBuf, Vec<u8>, Vec<Contents>) {
    let db = world.open();
    let keyspace = db.keyspace("a", KeyspaceCreateOptions::default).unwrap();
    let mut states = vec![contents(&db)];
    for n in 0..10_u8 {
        let mut batch = db.batch();
        batch.insert(&keyspace, [b'x', n], vec![n; 20]);
        batch.insert(&keyspace, [b'y', n], vec![n; 20]);
        batch.commit().unwrap();
        states.push(contents(&db));
    }
    drop((keyspace, db));
    // The next open cuts off the preallocated end of the journal.
    drop(world.open());
    let journal = world.path("db/0.jnl");
    let bytes = fs::read(&journal).unwrap();
    assert!(bytes.len() < 4096, "{} bytes", bytes.len());
    (journal, bytes, states)
}

#[test]
fn a_cut_journal_is_restored_to_the_last_whole_batch_as_fjall_does() {
    let world = World::new();
    let (journal, bytes, states) = ten_batches(&world);
    let step = bytes.len() / 10;
    for len in (0..=bytes.len()).step_by(step / 3 + 1) {
        fs::write(&journal, &bytes[..len]).unwrap();
        let _ = backup_closed(world.path("db"), world.path("backup")).unwrap();
        assert_eq!(world.restored("backup"), states[len / step], "cut at {len}");
        assert_eq!(fs::read(&journal).unwrap(), bytes[..len], "the source is untouched");
        fs::remove_dir_all(world.path("backup")).unwrap();
    }
}

#[test]
fn a_flipped_byte_is_an_error_or_ends_the_journal_where_fjall_ends_it() {
    let world = World::new();
    let (journal, bytes, _) = ten_batches(&world);
    // All bytes of the third batch: its markers, its items and its checksum.
    let step = bytes.len() / 10;
    let mut refused = 0;
    for at in 2 * step..3 * step {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        fs::write(&journal, &damaged).unwrap();
        let ours = backup_closed(world.path("db"), world.path("backup"));
        // fjall changes the journal that it opens.
        let open = || fjall::Database::builder(world.path("db")).worker_threads(1).open();
        // fjall also checks some lengths with a debug assertion.
        let theirs = std::panic::catch_unwind(open).map_err(|_| PANICKED.to_owned());
        let theirs = theirs.and_then(|opened| opened.map_err(|error| error.to_string()));
        match (ours, theirs) {
            (Ok(_), Ok(db)) => {
                assert_eq!(world.restored("backup"), contents(&db), "byte {at}");
                fs::remove_dir_all(world.path("backup")).unwrap();
            }
            (Err(Error::DamagedJournal { offset, .. }), Err(_)) => {
                assert_eq!(offset, 2 * step as u64);
                refused += 1;
            }
            // Without the assertion, a release build has one of the other two outcomes.
            (_, Err(panicked)) if panicked == PANICKED => drop(fs::remove_dir_all(world.path("backup"))),
            (ours, theirs) => panic!("byte {at}: {ours:?}, and fjall says {:?}", theirs.map(drop)),
        }
    }
    assert!(refused > 20, "{refused} of {step} were refused");
}

#[test]
fn an_open_database_with_a_damaged_journal_is_refused() {
    let world = World::new();
    let (journal, bytes, _) = ten_batches(&world);
    let db = world.open();
    let step = bytes.len() / 10;
    // Flip a bit in every byte of a batch. A flip in the first byte makes it look like the preallocated end.
    for at in (5 * step..6 * step).filter(|at| !SEQNO.contains(&(at - 5 * step))) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        fs::write(&journal, &damaged).unwrap();
        match Backup::new().create(&db, world.path("backup")) {
            Err(Error::DamagedJournal { offset, .. }) => assert_eq!(offset, 5 * step as u64, "byte {at}"),
            other => panic!("byte {at}: {other:?}"),
        }
    }
    fs::write(&journal, bytes).unwrap();
    world.backup(&Backup::new(), &db, "backup");
}

#[test]
fn a_database_that_was_never_written_to_keeps_an_empty_journal() {
    let world = World::new();
    drop(world.open());
    let info = backup_closed(world.path("db"), world.path("backup")).unwrap();
    assert_eq!((info.journals, info.journal_bytes, info.cut), (1, 0, None));
    let _ = restore(world.path("backup"), world.path("copy")).unwrap();
    assert!(contents(&open(&world.path("copy"))).is_empty());
}
