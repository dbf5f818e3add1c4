//! Forces each event after each step. The backup must be a prefix of the writes, with the whole event or nothing of it.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{
    event::{Event, Subject, mark},
    world::{World, contents},
};
use crate::{Backup, steps::Step};

const STEPS: [Step; 7] = [
    Step::JournalsOpened,
    Step::VersionsRead,
    Step::NumberRead,
    Step::Captured,
    Step::Persisted,
    Step::JournalsListed,
    Step::JournalsCut,
];

/// Forces an event and a later write after a step of a backup, and checks the backup.
fn force(event: Event, at: Step) {
    let world = World::new();
    let subject = Subject::new(&world, event == Event::Rotation);
    let before = contents(&subject.db);
    let holds_map = matches!(at, Step::VersionsRead | Step::NumberRead);
    let waits = holds_map && event.waits_for_map();
    let (subject, is_done) = (&subject, AtomicBool::new(false));
    std::thread::scope(|scope| {
        let act = move || {
            event.happen(subject);
            subject.mark();
        };
        let after = |step| {
            if step == at && !is_done.swap(true, Ordering::SeqCst) {
                // An event that waits for the map goes on when the map is unlocked, and races with the next steps.
                if waits { drop(scope.spawn(act)) } else { act() }
            }
        };
        let mut backup = Backup::new();
        backup.steps.after = Some(&after);
        world.backup(&backup, &subject.db, "backup");
    });
    assert!(is_done.into_inner());
    let mut states = vec![before.clone(), before];
    event.apply(&mut states[1]);
    states.push(states[1].clone());
    mark(&mut states[2]);
    let found = world.restored("backup");
    let expected = match at {
        _ if waits => &states[..],
        Step::JournalsOpened | Step::VersionsRead => &states[2..],
        // If the event changes a version, the versions and the number are read again and may hold the event.
        Step::NumberRead => &states[..],
        _ => &states[..1],
    };
    assert!(expected.contains(&found), "{event:?} after {at:?}: {found:?}");
    assert_eq!(contents(&subject.db), states[2], "{event:?} after {at:?}: the source changed");
}

macro_rules! events {
    ($($test:ident: $event:ident,)*) => {
        $(#[test]
        fn $test() {
            for step in STEPS {
                force(Event::$event, step);
            }
        })*

        #[test]
        fn every_event_has_a_test() {
            assert_eq!(Event::ALL, [$(Event::$event),*]);
        }
    };
}

events! {
    a_put_after_each_step: Put,
    a_batch_over_three_keyspaces_after_each_step: Batch,
    an_ingestion_after_each_step: Ingestion,
    a_new_keyspace_after_each_step: Creation,
    a_deleted_keyspace_after_each_step: Deletion,
    a_cleared_keyspace_after_each_step: Clear,
    a_flush_after_each_step: Flush,
    a_compaction_after_each_step: Compaction,
    a_rotated_journal_after_each_step: Rotation,
}
