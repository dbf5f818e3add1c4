//! Creating and opening a repository.

use std::{
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use futures::FutureExt;
use lsm_checkpoint_store::{CollectOptions, Defect, Error, Location, Repository};
use lsm_fs::StdFs;
use object_store::{ObjectStoreExt, memory::InMemory, path::Path};

use crate::{
    ground::{Db, Ground, objects, options, push, run},
    hooked::{Hooked, Seen},
};

#[test]
fn a_repository_is_created_once() {
    let ground = Ground::new();
    for place in [Location::memory(), Location::local(ground.path("a/b/repository")).unwrap()] {
        let missing = run(Repository::open(place.clone(), options())).unwrap_err();
        assert!(matches!(missing, Error::NotARepository { .. }), "{missing}");
        let repository = run(Repository::init(place.clone(), options())).unwrap();
        let again = run(Repository::init(place.clone(), options())).unwrap_err();
        assert!(matches!(again, Error::RepositoryExists { .. }), "{again}");
        let opened = run(Repository::open(place, options())).unwrap();
        assert_eq!(opened.constants(), repository.constants());
    }
}

#[test]
fn two_repositories_share_a_store() {
    let store = Arc::new(InMemory::new());
    let [one, two] = ["one", "two/deep"].map(|prefix| {
        let place = Location::of_store(store.clone(), prefix);
        run(Repository::init(place, options())).unwrap()
    });
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint");
    run(push(&one, &checkpoint));
    assert_eq!([&one, &two].map(|repository| run(repository.list()).unwrap().len()), [1, 0]);
    run(two.collect(&CollectOptions::new())).unwrap();
    assert!(run(one.check()).unwrap().is_sound());
}

#[test]
fn a_repository_without_states_is_an_error() {
    let ground = Ground::new();
    let [_, place] = ground.places();
    let repository = run(Repository::init(place, options())).unwrap();
    std::fs::remove_dir_all(ground.path("repository/head")).unwrap();
    let error = run(repository.list()).unwrap_err();
    assert!(matches!(error, Error::NoState { .. }), "{error}");
}

fn is_lost(error: &Error) -> bool {
    matches!(error, Error::Corrupt { key, what: Defect::Missing } if key == "repository")
}

/// A collect has deleted state 0, so a create of it would succeed.
#[test]
fn a_repository_that_lost_its_constants_is_left_as_it_is() {
    let ground = Ground::new();
    let [_, place] = ground.places();
    let few = options().kept_heads(NonZeroU64::MIN);
    let repository = run(Repository::init(place.clone(), few.clone())).unwrap();
    run(push(&repository, &ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint")));
    run(repository.collect(&CollectOptions::new())).unwrap();
    let folder = ground.path("repository");
    assert!(!folder.join(format!("head/{:020}", 0)).exists());
    let constants = std::fs::read(folder.join("repository")).unwrap();
    std::fs::remove_file(folder.join("repository")).unwrap();
    let before = objects(&folder, "");
    let error = run(Repository::init(place.clone(), few)).unwrap_err();
    assert!(is_lost(&error), "{error}");
    assert_eq!(objects(&folder, ""), before, "nothing was written");
    let error = run(Repository::open(place.clone(), options())).unwrap_err();
    assert!(is_lost(&error), "{error}");
    std::fs::write(folder.join("repository"), constants).unwrap();
    let back = run(Repository::open(place, options())).unwrap();
    assert_eq!(run(back.list()).unwrap().len(), 1);
}

/// Initializes a place where the states `head/0` and `head/5`, and with `is_whole` the constants, appear between the
/// first list and the create of state 0.
fn overtaken(is_whole: bool) -> (Error, Arc<InMemory>) {
    let (store, is_first) = (Arc::new(InMemory::new()), AtomicBool::new(true));
    let inner = Arc::clone(&store);
    let place = Hooked::place(&store, move |seen, path| {
        if seen == Seen::AfterPut
            && path.as_ref().starts_with("head/")
            && is_first.swap(false, Ordering::Relaxed)
        {
            let put =
                |key: &str| inner.put(&Path::from(key), "another's".into()).now_or_never().unwrap().map(drop);
            put(&format!("head/{:020}", 5))?;
            if is_whole {
                put("repository")?;
            }
        }
        Ok(())
    });
    (run(Repository::init(place, options())).unwrap_err(), store)
}

#[test]
fn constants_are_not_created_beside_states_of_another_client() {
    let (error, store) = overtaken(false);
    assert!(is_lost(&error), "{error}");
    assert!(run(store.head(&Path::from("repository"))).is_err());
    let (error, _) = overtaken(true);
    assert!(matches!(error, Error::RepositoryExists { .. }), "{error}");
}

#[test]
fn a_rolled_back_repository_is_noticed() {
    let ground = Ground::new();
    let [_, place] = ground.places();
    let state = ground.path("state");
    std::fs::create_dir(&state).unwrap();
    let options = options().state(Arc::new(StdFs), &state);
    let repository = run(Repository::init(place.clone(), options.clone())).unwrap();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint");
    run(push(&repository, &checkpoint));
    let mut heads = objects(&ground.path("repository"), "head");
    std::fs::remove_file(heads.pop().unwrap()).unwrap();
    let error = run(repository.list()).unwrap_err();
    assert!(matches!(error, Error::WentBack { seen: 2, found: 1, .. }), "{error}");
    let later = run(Repository::open(place, options)).unwrap();
    let error = run(later.list()).unwrap_err();
    assert!(matches!(error, Error::WentBack { seen: 2, found: 1, .. }), "{error}");
}

#[test]
fn a_state_under_a_wrong_number_stops_everything() {
    let ground = Ground::new();
    let [_, place] = ground.places();
    let repository = run(Repository::init(place, options())).unwrap();
    let heads = ground.path("repository/head");
    let good = std::fs::read(heads.join(format!("{:020}", 0))).unwrap();
    let high = heads.join(format!("{:020}", u64::MAX));
    for junk in [good.as_slice(), b"junk", b""] {
        std::fs::write(&high, junk).unwrap();
        for error in
            [run(repository.list()).map(drop), run(repository.collect(&CollectOptions::new())).map(drop)]
        {
            assert!(matches!(error, Err(Error::Corrupt { .. })), "{error:?}");
        }
    }
    assert!(heads.join(format!("{:020}", 0)).exists());
}

/// Makes the store lose the answers to creates of probes after their effect. The client repeats such a request by
/// itself, and is told that the object exists. `lost` decides for each object that was created.
fn init_with_lost_answers(lost: impl Fn(u64) -> bool + Send + Sync + 'static) -> Result<Repository, Error> {
    let (store, created) = (Arc::new(InMemory::new()), AtomicU64::new(0));
    let place = Hooked::place(&store, move |seen, path| {
        let is_probe = seen == Seen::AfterPut && path.as_ref().starts_with("probe/");
        if is_probe && lost(created.fetch_add(1, Ordering::Relaxed)) {
            let (path, source) = (path.to_string(), "it exists".into());
            return Err(object_store::Error::AlreadyExists { path, source });
        }
        Ok(())
    });
    run(Repository::init(place, options()))
}

#[test]
fn a_lost_answer_does_not_condemn_a_store() {
    assert!(init_with_lost_answers(|number| number % 3 == 1).is_ok());
}

#[test]
fn a_store_that_lets_nobody_win_is_refused() {
    let error = init_with_lost_answers(|_| true).unwrap_err();
    assert!(matches!(error, Error::StoreLacks { .. }), "{error}");
    assert!(error.to_string().contains("0 of 8 concurrent creates"), "{error}");
}
