//! Creating and opening a repository.

use std::sync::Arc;

use lsm_checkpoint_store::{Error, Location, Repository};
use lsm_fs::StdFs;

use crate::ground::{Db, Ground, options, push, run};

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
    let store = Arc::new(object_store::memory::InMemory::new());
    let [one, two] = ["one", "two/deep"].map(|prefix| {
        let place = Location::of_store(store.clone(), prefix);
        run(Repository::init(place, options())).unwrap()
    });
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint");
    run(push(&one, &checkpoint));
    assert_eq!([&one, &two].map(|repository| run(repository.list()).unwrap().len()), [1, 0]);
    run(two.collect(&lsm_checkpoint_store::CollectOptions::new())).unwrap();
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
    let mut heads = crate::ground::objects(&ground.path("repository"), "head");
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
        for error in [
            run(repository.list()).map(drop),
            run(repository.collect(&lsm_checkpoint_store::CollectOptions::new())).map(drop),
        ] {
            assert!(matches!(error, Err(Error::Corrupt { .. })), "{error:?}");
        }
    }
    assert!(heads.join(format!("{:020}", 0)).exists());
}
