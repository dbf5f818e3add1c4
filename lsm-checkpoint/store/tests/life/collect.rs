//! Forget, undo and collect.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lsm_checkpoint_store::{
    BackupId, CollectOptions, Error, Key, Location, PushOptions, Repository, VerifyOptions,
};
use object_store::{ObjectStoreExt, memory::InMemory};

use crate::{
    ground::{Db, Ground, objects, options, push, push_with, run},
    hooked::{Hooked, Seen},
};

fn now() -> CollectOptions {
    CollectOptions::new().grace(Duration::ZERO).batch(2)
}

#[test]
fn a_forgotten_backup_comes_back_until_it_is_collected() {
    let ground = Ground::new();
    let db = Db::new("db", &[("1", b"one")]);
    let first = ground.checkpoint(&db, "first");
    db.add("2", b"two");
    let second = ground.checkpoint(&db, "second");
    for place in ground.places() {
        let repository = run(Repository::init(place, options())).unwrap();
        let [one, two] = [&first, &second].map(|checkpoint| run(push(&repository, checkpoint)).backup.id);
        run(repository.forget(&[one])).unwrap();
        run(repository.forget(&[one])).unwrap();
        assert_eq!(run(repository.list()).unwrap().len(), 1);
        let collected = run(repository.collect(&CollectOptions::new())).unwrap();
        assert_eq!((collected.dropped_backups, collected.deleted_objects), (0, 0));
        let forgotten = run(repository.status()).unwrap().forgotten;
        assert!(forgotten[0].seen.is_some(), "the first collect stamps it");
        let again = run(push_with(&repository, &first, &PushOptions::new())).unwrap_err();
        assert!(matches!(again, Error::BackupExists { backup } if backup == one), "{again}");
        run(repository.undo(&[one])).unwrap();
        ground.check_restore(&repository, one, &first);

        run(repository.forget(&[one])).unwrap();
        let collected = run(repository.collect(&now())).unwrap();
        assert_eq!(collected.dropped_backups, 1);
        // Its CURRENT and its catalog were deleted. The table is shared.
        assert_eq!(collected.deleted_objects, 2);
        assert!(matches!(run(repository.undo(&[one])), Err(Error::NoSuchBackup { .. })));
        assert!(run(repository.check()).unwrap().is_sound());
        ground.check_restore(&repository, two, &second);
    }
}

#[test]
fn nothing_is_left_of_a_repository_without_backups() {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one"), ("2", b"two")]), "checkpoint");
    let [_, place] = ground.places();
    let repository = run(Repository::init(place, options())).unwrap();
    let backup = run(push(&repository, &checkpoint)).backup.id;
    run(repository.forget(&[backup])).unwrap();
    // A killed writer leaves a staging file.
    let folder = ground.path("repository");
    let writer = folder.join("data").join("11".repeat(16));
    std::fs::create_dir(&writer).unwrap();
    std::fs::write(writer.join(format!("{}#1", "22".repeat(16))), b"x").unwrap();
    std::fs::write(folder.join("data/a stranger"), b"x").unwrap();
    let collected = run(repository.collect(&now())).unwrap();
    assert_eq!((collected.deleted_objects, collected.deleted_staging_files), (4, 1));
    assert_eq!(
        (collected.strangers, collected.stranger_names.as_slice()),
        (1, &["data/a stranger".to_owned()][..])
    );
    assert_eq!(objects(&folder, "data"), [folder.join("data/a stranger")]);
    assert_eq!(objects(&folder, "backup"), [""; 0].map(std::path::PathBuf::from));
    assert_eq!(objects(&folder, "probe").len(), 0);
}

#[test]
fn an_unknown_backup_stops_a_forget_as_a_whole() {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint");
    let repository = run(Repository::init(Location::memory(), options())).unwrap();
    let backup = run(push(&repository, &checkpoint)).backup.id;
    let error = run(repository.forget(&[backup, BackupId([0; 16])])).unwrap_err();
    assert!(matches!(error, Error::NoSuchBackup { backup: BackupId([0, ..]) }), "{error}");
    assert_eq!(run(repository.list()).unwrap().len(), 1);
}

#[test]
fn a_grace_is_measured_by_the_clock_of_the_store() {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint");
    let repository = run(Repository::init(Location::memory(), options())).unwrap();
    let backup = run(push(&repository, &checkpoint)).backup.id;
    run(repository.forget(&[backup])).unwrap();
    let day = CollectOptions::new().grace(Duration::from_secs(86_400));
    for _ in 0..2 {
        assert_eq!(run(repository.collect(&day)).unwrap().dropped_backups, 0);
    }
    // The second collect sees a later store time than the stamp of the first.
    let nanosecond = CollectOptions::new().grace(Duration::from_nanos(1));
    let dropped: u64 = (0..100).map(|_| run(repository.collect(&nanosecond)).unwrap().dropped_backups).sum();
    assert_eq!(dropped, 1);
}

/// Returns options of a push that call `work` once, on another thread, while the push is under way.
fn meanwhile(work: impl Fn() + Send + Sync + 'static) -> PushOptions {
    let is_first = AtomicBool::new(true);
    PushOptions::new().progress(Arc::new(move |progress| {
        if progress.files_done > 0 && is_first.swap(false, Ordering::Relaxed) {
            std::thread::scope(|scope| scope.spawn(&work).join().unwrap());
        }
        ControlFlow::Continue(())
    }))
}

#[test]
fn a_push_does_not_undo_a_forget_of_its_checkpoint() {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one"), ("2", b"two")]), "checkpoint");
    let [_, place] = ground.places();
    let repository = run(Repository::init(place, options())).unwrap();
    let (folder, same) = (ground.path("repository"), checkpoint.clone());
    let push_and_forget = move || {
        let repository = run(Repository::open(Location::local(&folder).unwrap(), options())).unwrap();
        let backup = run(push(&repository, &same)).backup.id;
        run(repository.forget(&[backup])).unwrap();
    };
    let error = run(push_with(&repository, &checkpoint, &meanwhile(push_and_forget))).unwrap_err();
    assert!(matches!(error, Error::BackupExists { .. }), "{error}");
    let status = run(repository.status()).unwrap();
    assert_eq!((status.forgotten.len(), status.writers.len()), (1, 0), "the writer is removed");

    // The same holds while the backup is replaced.
    let forgotten = status.forgotten[0].backup.clone();
    run(repository.undo(&[forgotten.id])).unwrap();
    let (folder, id) = (ground.path("repository"), forgotten.id);
    let forget = move || {
        let repository = run(Repository::open(Location::local(&folder).unwrap(), options())).unwrap();
        run(repository.forget(&[id])).unwrap();
    };
    let heal = meanwhile(forget).distrust([forgotten.catalog.name]);
    let error = run(push_with(&repository, &checkpoint, &heal)).unwrap_err();
    assert!(matches!(error, Error::BackupExists { .. }), "{error}");
    let status = run(repository.status()).unwrap();
    assert_eq!((status.forgotten.len(), status.writers.len()), (1, 0));
    assert_eq!(run(repository.list()).unwrap().len(), 0);
}

#[test]
fn a_dropped_backup_without_a_catalog_does_not_stop_a_collect() {
    let ground = Ground::new();
    let files: Vec<_> = (0..100).map(|n| (n.to_string(), vec![n; 10])).collect();
    let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let sound = ground.checkpoint(&Db::new("sound", &files), "sound");
    let broken = ground.checkpoint(&Db::new("broken", &[("1", b"one")]), "broken");
    let store = Arc::new(InMemory::new());
    let other = run(Repository::init(Location::of_store(store.clone(), ""), options())).unwrap();
    run(push(&other, &sound));
    let broken = run(push(&other, &broken)).backup;
    let catalog = object_store::path::Path::from(Key::Catalog(broken.catalog.name).to_string());
    run(store.delete(&catalog)).unwrap();
    let is_first = AtomicBool::new(true);
    let place = Hooked::place(&store.clone(), move |seen, path| {
        if seen == Seen::BeforeGet && *path == catalog && is_first.swap(false, Ordering::Relaxed) {
            let work = || {
                let other = Location::of_store(store.clone(), "");
                let other = run(Repository::open(other, options())).unwrap();
                run(other.forget(&[broken.id])).unwrap();
                run(other.collect(&CollectOptions::new().grace(Duration::ZERO))).unwrap();
            };
            std::thread::scope(|scope| scope.spawn(work).join().unwrap());
        }
        Ok(())
    });
    let repository = run(Repository::open(place, options())).unwrap();
    run(repository.collect(&CollectOptions::new())).unwrap();
    assert_eq!(run(repository.list()).unwrap().len(), 1);
    assert!(run(repository.verify(&VerifyOptions::new())).unwrap().is_sound());
}
