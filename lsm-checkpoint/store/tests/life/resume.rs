//! Pushes that are cancelled, resumed and fenced.

use std::{ops::ControlFlow, path::Path, sync::Arc, time::Duration};

use lsm_checkpoint_store::{
    CollectOptions, Error, Location, Options, PushOptions, Repository, VerifyOptions,
};
use lsm_fs::StdFs;

use crate::ground::{Db, Ground, objects, options, push_with, run};

const FILES: u64 = 20;

fn many() -> Db {
    let files: Vec<_> =
        (0..FILES - 1).map(|n| (n.to_string(), vec![u8::try_from(n).unwrap(); 1000])).collect();
    let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    Db::new("db", &files)
}

/// Cancels once half of the files are done.
fn until_half() -> PushOptions {
    PushOptions::new().progress(Arc::new(|progress| {
        if progress.files_done >= FILES / 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }))
}

fn with_state(dir: &Path) -> Options {
    std::fs::create_dir_all(dir).unwrap();
    options().concurrency(1).state(Arc::new(StdFs), dir)
}

/// Cancels a push half-way, calls `meanwhile`, and pushes again. Returns the number of files that the second push sent.
fn interrupted(meanwhile: impl Fn(&Repository)) -> u64 {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&many(), "checkpoint");
    let repository = run(Repository::init(Location::memory(), with_state(&ground.path("state")))).unwrap();
    let cancelled = run(push_with(&repository, &checkpoint, &until_half())).unwrap_err();
    assert!(matches!(cancelled, Error::Cancelled), "{cancelled}");
    assert_eq!(run(repository.status()).unwrap().writers.len(), 1, "it goes on under its writer");
    meanwhile(&repository);
    let pushed = run(push_with(&repository, &checkpoint, &PushOptions::new())).unwrap();
    assert_eq!(pushed.sent_files + pushed.reused_files, FILES);
    assert!(run(repository.check()).unwrap().is_sound());
    ground.check_restore(&repository, pushed.backup.id, &checkpoint);
    assert!(run(repository.status()).unwrap().writers.is_empty());
    let collected = run(repository.collect(&CollectOptions::new().grace(Duration::ZERO))).unwrap();
    assert_eq!(collected.spared_objects, 0);
    let report = run(repository.check()).unwrap();
    assert!(report.is_sound() && report.other_objects == 0, "no garbage is left");
    pushed.sent_files
}

#[test]
fn a_push_resumes_where_it_stopped() {
    assert_eq!(interrupted(|_| {}), FILES / 2);
}

#[test]
fn a_collector_spares_a_push_that_stopped() {
    let collect = |repository: &Repository| {
        let report = run(repository.collect(&CollectOptions::new().grace(Duration::ZERO))).unwrap();
        assert_eq!((report.spared_objects, report.deleted_objects), (FILES / 2, 0));
    };
    assert_eq!(interrupted(collect), FILES / 2);
}

fn fence(repository: &Repository) {
    let writer = run(repository.status()).unwrap().writers[0].id;
    assert!(run(repository.fence(writer)).unwrap());
    assert!(!run(repository.fence(writer)).unwrap());
}

#[test]
fn a_fenced_push_copies_its_objects_within_the_store() {
    assert_eq!(interrupted(fence), FILES / 2);
}

#[test]
fn a_fenced_and_collected_push_sends_everything_again() {
    let fence_and_collect = |repository: &Repository| {
        fence(repository);
        let report = run(repository.collect(&CollectOptions::new().grace(Duration::ZERO))).unwrap();
        assert_eq!(report.deleted_objects, FILES / 2);
    };
    assert_eq!(interrupted(fence_and_collect), FILES);
}

#[test]
fn an_idle_writer_is_fenced() {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&many(), "checkpoint");
    let repository = run(Repository::init(Location::memory(), with_state(&ground.path("state")))).unwrap();
    run(push_with(&repository, &checkpoint, &until_half())).unwrap_err();
    let idle = |time| CollectOptions::new().fence_idle(Some(time));
    let report = run(repository.collect(&idle(Duration::from_secs(86_400)))).unwrap();
    assert!(report.fenced_writers.is_empty());
    let report = run(repository.collect(&idle(Duration::ZERO))).unwrap();
    assert_eq!((report.fenced_writers.len() as u64, report.deleted_objects), (1, FILES / 2));
}

#[test]
fn a_cancelled_push_without_a_memory_leaves_no_writer() {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&many(), "checkpoint");
    let repository = run(Repository::init(Location::memory(), options())).unwrap();
    run(push_with(&repository, &checkpoint, &until_half())).unwrap_err();
    assert!(run(repository.status()).unwrap().writers.is_empty());
}

#[test]
fn a_heal_does_not_trust_the_notes_of_a_killed_push() {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&many(), "checkpoint");
    let [_, place] = ground.places();
    let state = ground.path("state");
    let repository = run(Repository::init(place, with_state(&state))).unwrap();
    run(push_with(&repository, &checkpoint, &until_half())).unwrap_err();
    let notes = objects(&state, "");
    let note = notes.iter().find(|path| path.to_string_lossy().contains("push-")).unwrap();
    let noted = std::fs::read(note).unwrap();
    run(push_with(&repository, &checkpoint, &PushOptions::new())).unwrap();
    // The push has committed, and was killed before it removed its notes.
    std::fs::write(note, &noted).unwrap();
    for victim in objects(&ground.path("repository"), "data") {
        let mut bytes = std::fs::read(&victim).unwrap();
        bytes[0] ^= 1;
        std::fs::write(&victim, bytes).unwrap();
    }
    let report = run(repository.verify(&VerifyOptions::new())).unwrap();
    let heal = PushOptions::new().distrust(report.damaged_objects());
    let pushed = run(push_with(&repository, &checkpoint, &heal)).unwrap();
    assert_eq!((pushed.was_there, pushed.sent_files), (false, FILES));
    assert!(run(repository.verify(&VerifyOptions::new())).unwrap().is_sound());
}
