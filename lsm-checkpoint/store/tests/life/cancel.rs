//! Calls that are cancelled while they wait, and while there is nothing to report.

use std::{
    ops::ControlFlow,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use lsm_checkpoint_store::{
    CheckOptions, CollectOptions, Error, Location, OnProgress, PushOptions, Repository, VerifyOptions,
};
use object_store::{memory::InMemory, path::Path};

use crate::{
    clock::ModelClock,
    ground::{Db, Ground, noise, options, push, push_with, run},
    hooked::{Hooked, Seen, down},
};

/// The time after which the callers of these tests cancel.
const PATIENCE: u64 = 30;

/// A repository in memory with a backup, a forgotten one, and a checkpoint that was not pushed.
struct Fixture {
    _ground: Ground,
    store: Arc<InMemory>,
    checkpoint: PathBuf,
}

impl Fixture {
    /// Makes a fixture whose checkpoint has a file of this length.
    fn new(len: usize) -> Self {
        let (ground, store) = (Ground::new(), Arc::new(InMemory::new()));
        // The probe of the store has tests of its own.
        let place = Location::of_store(store.clone(), "");
        let repository = run(Repository::init(place, options().probe_rounds(1))).unwrap();
        let db = Db::new("db", &[("1", b"one")]);
        let first = run(push(&repository, &ground.checkpoint(&db, "first"))).backup.id;
        db.add("2", b"two");
        run(push(&repository, &ground.checkpoint(&db, "second")));
        run(repository.forget(&[first])).unwrap();
        db.add("3", &noise(3, len));
        let checkpoint = ground.checkpoint(&db, "third");
        Self { _ground: ground, store, checkpoint }
    }

    /// Calls a verb with a callback.
    fn call(&self, verb: &str, repository: &Repository, progress: OnProgress) -> Result<(), Error> {
        match verb {
            "push" => {
                let options = PushOptions::new().progress(progress);
                run(push_with(repository, &self.checkpoint, &options)).map(drop)
            }
            "collect" => {
                let options = CollectOptions::new().grace(Duration::ZERO).progress(progress);
                run(repository.collect(&options)).map(drop)
            }
            "check" => run(repository.check_with(&CheckOptions::new().progress(progress))).map(drop),
            "verify" => run(repository.verify(&VerifyOptions::new().progress(progress))).map(drop),
            verb => panic!("{verb}"),
        }
    }
}

/// Cancels once this much time has passed on the clock.
fn impatient(clock: &ModelClock) -> OnProgress {
    let clock = clock.clone();
    Arc::new(move |_| match clock.seconds() < PATIENCE {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    })
}

/// Returns the verbs, and the requests at which the store fails them.
fn cases() -> Vec<(&'static str, Seen, &'static str)> {
    let mut cases = Vec::new();
    for verb in ["push", "collect", "check", "verify"] {
        cases.extend([(verb, Seen::BeforeList, "head"), (verb, Seen::BeforeGet, "head/")]);
    }
    for (verb, request, folder) in [
        ("push", Seen::BeforePut, "repository"),
        ("push", Seen::BeforePut, "head/"),
        ("push", Seen::BeforePut, "data/"),
        ("push", Seen::BeforePut, "backup/"),
        ("push", Seen::BeforeGet, "backup/"),
        ("collect", Seen::BeforePut, "head/"),
        ("collect", Seen::BeforeDelete, "data/"),
        ("collect", Seen::BeforeGet, "backup/"),
        ("check", Seen::BeforeGet, "backup/"),
        ("verify", Seen::BeforeGet, "data/"),
    ] {
        cases.push((verb, request, folder));
    }
    cases
}

/// Opens a repository whose store fails from now on, calls a verb, and returns its error and the time that it took.
fn cancelled(verb: &str, clock: &ModelClock, open: impl FnOnce(&Arc<InMemory>) -> Location) -> (Error, u64) {
    // A push sends this file in parts.
    let fixture = Fixture::new(if verb == "push" { 9 << 20 } else { 9 });
    let repository = run(Repository::open(open(&fixture.store), clock.options())).unwrap();
    let error = fixture.call(verb, &repository, impatient(clock)).unwrap_err();
    (error, clock.seconds())
}

fn assert_cancelled(case: (&str, Seen, &str), (error, seconds): (Error, u64)) {
    // A state that was sent may still be committed.
    let is_open = case.1 == Seen::BeforePut && case.2 == "head/";
    let is_right =
        if is_open { matches!(error, Error::Unknown { .. }) } else { matches!(error, Error::Cancelled) };
    assert!(is_right, "{case:?}: {error}");
    // A push also fences its writer, for 10 seconds at most.
    assert!((PATIENCE..=PATIENCE + 15).contains(&seconds), "{case:?}: {seconds} seconds");
}

/// Cancels each call while its store, which `place` makes, does not serve one kind of request.
fn assert_each_is_cancelled(place: impl Fn(&Arc<InMemory>, Seen, &'static str) -> Location) {
    for case in cases() {
        let (verb, request, folder) = case;
        let clock = ModelClock::default();
        assert_cancelled(case, cancelled(verb, &clock, |store| place(store, request, folder)));
    }
}

#[test]
fn a_call_is_cancelled_while_the_store_is_down() {
    assert_each_is_cancelled(|store, request, folder| {
        Hooked::place(store, move |seen, path: &Path| match seen == request {
            true if path.as_ref().starts_with(folder) => Err(down()),
            _ => Ok(()),
        })
    });
}

#[test]
fn a_call_is_cancelled_while_the_store_does_not_answer() {
    assert_each_is_cancelled(|store, request, folder| {
        Hooked::hanging(store, move |seen, path: &Path| seen == request && path.as_ref().starts_with(folder))
    });
}

#[test]
fn a_cancel_during_the_last_attempt_is_heard() {
    let fixture = Fixture::new(9);
    let is_sent = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_sent);
    let place = Hooked::place(&fixture.store, move |request, path: &Path| {
        if request != Seen::BeforeGet || !path.as_ref().starts_with("head/") {
            return Ok(());
        }
        seen.store(true, Ordering::Relaxed);
        Err(down())
    });
    let repository = run(Repository::open(place, options().attempts(1, Duration::ZERO))).unwrap();
    let progress: OnProgress = Arc::new(move |_| match is_sent.load(Ordering::Relaxed) {
        false => ControlFlow::Continue(()),
        true => ControlFlow::Break(()),
    });
    let error = fixture.call("check", &repository, progress).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
}

/// Calls a verb with a callback that cancels at its call number `last`. Returns the outcome.
fn at_call(fixture: &Fixture, verb: &str, last: u64) -> Result<(), Error> {
    let repository = run(Repository::open(Location::of_store(fixture.store.clone(), ""), options())).unwrap();
    let calls = AtomicU64::new(0);
    let progress: OnProgress = Arc::new(move |_| match calls.fetch_add(1, Ordering::Relaxed) + 1 < last {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    });
    fixture.call(verb, &repository, progress)
}

/// Each call of the callback can cancel, and the backups of the repository are intact afterwards.
#[test]
fn a_call_is_cancelled_at_each_look() {
    for verb in ["collect", "check", "verify", "push"] {
        let fixture = Fixture::new(9);
        let mut looks = 0;
        loop {
            match at_call(&fixture, verb, looks + 1) {
                Ok(()) => break,
                Err(Error::Cancelled | Error::Unknown { .. }) => looks += 1,
                Err(error) => panic!("{verb}, look {looks}: {error}"),
            }
            let place = Location::of_store(fixture.store.clone(), "");
            let repository = run(Repository::open(place, options())).unwrap();
            assert!(run(repository.check()).unwrap().is_sound(), "{verb}, look {looks}");
        }
        assert!(looks > 3, "{verb} was cancelled at {looks} looks only");
    }
}

/// The first collect drops and deletes. The second one finds no garbage.
#[test]
fn a_collect_without_garbage_looks_too() {
    let fixture = Fixture::new(9);
    at_call(&fixture, "collect", u64::MAX).unwrap();
    for look in 1..8 {
        let outcome = at_call(&fixture, "collect", look);
        assert!(matches!(outcome, Err(Error::Cancelled)), "look {look}: {outcome:?}");
    }
}

#[test]
fn a_file_that_is_only_compared_looks_at_each_mib() {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", &noise(1, 12 << 20))]), "checkpoint");
    let db = Db::new("db", &[("1", &noise(1, 12 << 20)), ("2", b"two")]);
    let later = ground.checkpoint(&db, "later");
    let calls = |rehash: bool| {
        let repository = run(Repository::init(Location::memory(), options())).unwrap();
        run(push(&repository, &checkpoint));
        let calls = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&calls);
        let options = PushOptions::new().rehash(rehash).progress(Arc::new(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            ControlFlow::Continue(())
        }));
        run(push_with(&repository, &later, &options)).unwrap();
        calls.load(Ordering::Relaxed)
    };
    assert!(calls(true) >= calls(false) + 12);
}

#[test]
fn a_check_reports_the_objects_that_it_finds() {
    let fixture = Fixture::new(9);
    let place = Location::of_store(fixture.store.clone(), "");
    let repository = run(Repository::open(place, options())).unwrap();
    let (last, total) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (done, expected) = (Arc::clone(&last), Arc::clone(&total));
    let options = CheckOptions::new().progress(Arc::new(move |progress| {
        done.store(progress.files_done, Ordering::Relaxed);
        expected.store(progress.files_total, Ordering::Relaxed);
        ControlFlow::Continue(())
    }));
    let report = run(repository.check_with(&options)).unwrap();
    assert!(report.is_sound() && report.objects > 0);
    assert_eq!([last, total].map(|number| number.load(Ordering::Relaxed)), [report.objects; 2]);
}
