//! Turns each safeguard off. The backup must be wrong without it, and right with it.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{
    event::{Event, Subject, mark},
    world::{Contents, World, contents},
};
use crate::{
    Backup,
    steps::{Safeguards, Step},
};

/// Takes a backup with these safeguards, and runs `act` once after a step of it. Returns the contents of the restored
/// database, or the error of the backup.
fn backup_while(
    world: &World,
    subject: &Subject,
    safeguards: Safeguards,
    (at, act): (Step, &dyn Fn()),
) -> Result<Contents, String> {
    let is_done = AtomicBool::new(false);
    let after = |step| {
        if step == at && !is_done.swap(true, Ordering::SeqCst) {
            act();
        }
    };
    let mut backup = Backup::new();
    backup.steps.after = Some(&after);
    backup.steps.safeguards = safeguards;
    backup.create(&subject.db, world.path("backup")).map_err(|error| error.to_string())?;
    let found = world.restored("backup");
    assert!(is_done.into_inner());
    Ok(found)
}

#[test]
fn without_the_cut_a_batch_is_split() {
    for cut_journals in [true, false] {
        let world = World::new();
        let subject = Subject::new(&world, false);
        let before = contents(&subject.db);
        let act = || {
            Event::Creation.happen(&subject);
            let new = subject.db.keyspace("new", Default::default).unwrap();
            let mut batch = subject.db.batch();
            batch.insert(&subject.a, "batch", "1");
            batch.insert(&new, "batch", "1");
            batch.commit().unwrap();
        };
        let safeguards = Safeguards { cut_journals, ..Safeguards::ALL };
        let found = backup_while(&world, &subject, safeguards, (Step::Captured, &act)).unwrap();
        assert_eq!(found == before, cut_journals, "{found:?}");
        assert_eq!(found["a"].contains_key(&b"batch"[..]), !cut_journals);
        assert!(!found.contains_key("new"), "keyspace 0 was captured earlier");
    }
}

#[test]
fn without_a_second_reading_an_ingestion_is_lost() {
    for read_versions_again in [true, false] {
        let world = World::new();
        let subject = Subject::new(&world, false);
        let mut after = contents(&subject.db);
        Event::Ingestion.apply(&mut after);
        mark(&mut after);
        let act = || {
            Event::Ingestion.happen(&subject);
            subject.mark();
        };
        let safeguards = Safeguards { read_versions_again, ..Safeguards::ALL };
        let found = backup_while(&world, &subject, safeguards, (Step::VersionsRead, &act)).unwrap();
        assert_eq!(found == after, read_versions_again, "{found:?}");
        assert!(found["a"].contains_key(&b"mark"[..]));
        assert_eq!(found["b"].contains_key(&b"event"[..]), read_versions_again);
    }
}

#[test]
fn without_leaving_out_a_clear_later_ingested_data_is_lost() {
    for (leave_out_clears, is_before) in [(true, true), (false, true), (true, false), (false, false)] {
        let world = World::new();
        let subject = Subject::new(&world, false);
        let act = || {
            subject.b.clear().unwrap();
            Event::Ingestion.happen(&subject);
            // Write after the clear, so that it lies between two parts of the journal that the backup keeps.
            subject.mark();
        };
        if is_before {
            act();
        }
        let beside = || {
            if !is_before {
                act();
            }
        };
        let safeguards = Safeguards { leave_out_clears, ..Safeguards::ALL };
        let found = backup_while(&world, &subject, safeguards, (Step::JournalsOpened, &beside)).unwrap();
        let after = contents(&subject.db);
        assert_eq!(after["b"].len(), 2);
        assert_eq!(found == after, leave_out_clears, "{found:?}");
        assert_eq!(found["b"].is_empty(), !leave_out_clears);
    }
}

#[test]
fn without_the_handles_the_files_of_a_deleted_keyspace_are_gone() {
    for hold_keyspaces in [true, false] {
        let world = World::new();
        let subject = Subject::new(&world, false);
        let before = contents(&subject.db);
        let folder = subject.doomed.lock().unwrap().as_ref().unwrap().path().to_path_buf();
        let act = || {
            Event::Deletion.happen(&subject);
            // fjall removes the folder with the last handle. A worker may still hold one in a message.
            while !hold_keyspaces && folder.exists() {
                std::thread::yield_now();
            }
        };
        let safeguards = Safeguards { hold_keyspaces, ..Safeguards::ALL };
        match backup_while(&world, &subject, safeguards, (Step::JournalsCut, &act)) {
            Ok(found) => assert_eq!((found, true), (before, hold_keyspaces)),
            Err(error) => assert!(!hold_keyspaces && error.contains("the source file changed"), "{error}"),
        }
    }
}
