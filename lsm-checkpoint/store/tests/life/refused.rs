//! Changes that the store refuses.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use lsm_checkpoint_store::{Error, Location, Repository};
use object_store::{memory::InMemory, path::Path};

use crate::{
    ground::{Db, Ground, options, push, run},
    hooked::{Hooked, Seen, denied},
};

/// Forgets a backup while the store refuses one create of a state at this moment. Returns the outcome and the number of
/// backups.
fn refused(moment: Seen) -> (Result<(), Error>, usize) {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint");
    let store = Arc::new(InMemory::new());
    let other = run(Repository::init(Location::of_store(store.clone(), ""), options())).unwrap();
    let backup = run(push(&other, &checkpoint)).backup.id;
    let is_first = AtomicBool::new(true);
    let is_state = |path: &Path| path.as_ref().starts_with("head/");
    let place = Hooked::place(&store, move |seen, path| {
        let is_refused = seen == moment && is_state(path) && is_first.swap(false, Ordering::Relaxed);
        if is_refused { Err(denied(path)) } else { Ok(()) }
    });
    let repository = run(Repository::open(place, options())).unwrap();
    let outcome = run(repository.forget(&[backup]));
    (outcome, run(other.list()).unwrap().len())
}

#[test]
fn a_refused_change_is_not_made() {
    let (outcome, backups) = refused(Seen::BeforePut);
    assert!(matches!(outcome, Err(Error::Denied { .. })), "{outcome:?}");
    assert_eq!(backups, 1);
}

#[test]
fn a_refused_retry_does_not_hide_a_made_change() {
    let (outcome, backups) = refused(Seen::AfterPut);
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(backups, 0);
}
