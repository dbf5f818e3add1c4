//! Check and verify, and pushes that heal.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lsm_checkpoint::{Checkpoint, CheckpointDir, restore};
use lsm_checkpoint_store::{
    Backup, CheckReport, CollectOptions, Defect, Error, Key, Location, PushOptions, ReadOptions, Repository,
    VerifyOptions,
};
use lsm_fs::{Fs, StdFs};
use object_store::memory::InMemory;

use crate::{
    ground::{Db, Ground, objects, options, push, push_with, run},
    hooked::{Hooked, Seen},
};

#[test]
fn a_lost_object_is_found_and_the_next_push_heals_the_backup() {
    let ground = Ground::new();
    let db = Db::new("db", &[("1", b"one"), ("2", b"two")]);
    let first = ground.checkpoint(&db, "first");
    db.add("3", b"three");
    let second = ground.checkpoint(&db, "second");
    let [_, place] = ground.places();
    let repository = run(Repository::init(place, options())).unwrap();
    let [one, two] = [&first, &second].map(|checkpoint| run(push(&repository, checkpoint)).backup.id);
    assert!(run(repository.verify(&VerifyOptions::new())).unwrap().is_sound());

    // The first backup's table, which both need.
    let shared = objects(&ground.path("repository"), "data");
    let shared = shared.iter().find(|path| std::fs::read(path).unwrap() == b"one").unwrap();
    std::fs::remove_file(shared).unwrap();
    let report = run(repository.check()).unwrap();
    assert_eq!(report.damaged.len(), 1);
    assert!(matches!(report.damaged[0].what, Defect::Missing));
    assert_eq!(report.damaged[0].backups, [one, two]);

    let heal = PushOptions::new().distrust(report.damaged_objects());
    for checkpoint in [&second, &first] {
        assert!(!run(push_with(&repository, checkpoint, &heal)).unwrap().was_there);
    }
    assert_eq!(run(repository.list()).unwrap().len(), 2, "each backup is replaced");
    assert!(run(repository.verify(&VerifyOptions::new())).unwrap().is_sound());
    ground.check_restore(&repository, one, &first);
    ground.check_restore(&repository, two, &second);
}

#[test]
fn a_flipped_byte_is_found_by_the_part_that_reads_it() {
    let ground = Ground::new();
    let files: Vec<_> = (0..20).map(|n| (n.to_string(), vec![n; 100])).collect();
    let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let checkpoint = ground.checkpoint(&Db::new("db", &files), "checkpoint");
    let [_, place] = ground.places();
    let repository = run(Repository::init(place, options())).unwrap();
    let backup = run(push(&repository, &checkpoint)).backup.id;
    let victim = objects(&ground.path("repository"), "data").remove(3);
    let mut bytes = std::fs::read(&victim).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&victim, bytes).unwrap();
    assert!(run(repository.check()).unwrap().is_sound(), "a check compares lengths");
    let parts = (1..=4).map(|k| run(repository.verify(&VerifyOptions::new().part(k, 4))).unwrap());
    let (mut damaged, mut read) = (0, 0);
    for report in parts {
        damaged += report.damaged.len();
        read += report.read_bytes;
    }
    let all = run(repository.verify(&VerifyOptions::new().backups([backup]))).unwrap();
    assert_eq!((damaged, read), (1, all.read_bytes));
    assert!(matches!(all.damaged[0].what, Defect::Digest));
    let files = run(repository.files(backup, &ReadOptions::new())).unwrap();
    let opened = CheckpointDir::open(Arc::new(files.clone()), files.dir()).unwrap();
    let error = restore(&opened, &StdFs, &ground.path("restored")).unwrap_err().to_string();
    assert!(error.contains("SHA-256"), "{error}");
    assert!(!ground.path("restored").exists());
}

#[test]
fn a_damaged_catalog_stops_a_collect() {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint");
    let [_, place] = ground.places();
    let repository = run(Repository::init(place, options())).unwrap();
    run(push(&repository, &checkpoint));
    let before = objects(&ground.path("repository"), "data");
    let catalog = objects(&ground.path("repository"), "backup").remove(0);
    let good = std::fs::read(&catalog).unwrap();
    for len in [0, 100, good.len() - 1] {
        std::fs::write(&catalog, &good[..len]).unwrap();
        let options = CollectOptions::new();
        let outcome = run(repository.collect(&options));
        // The references come first. A collector does not notice a loss after them.
        assert!(len == good.len() - 1 || matches!(outcome, Err(Error::Corrupt { .. })), "{len}: {outcome:?}");
        assert_eq!(objects(&ground.path("repository"), "data"), before);
        assert!(!run(repository.check()).unwrap().is_sound());
    }
}

#[test]
fn a_healed_catalog_survives_a_collect_under_way() {
    let ground = Ground::new();
    let db = Db::new("db", &[("1", b"one")]);
    let first = ground.checkpoint(&db, "first");
    db.add("2", b"two");
    let second = ground.checkpoint(&db, "second");
    let [_, place] = ground.places();
    let repository = run(Repository::init(place, options())).unwrap();
    let forgotten = run(push(&repository, &first)).backup.id;
    let backup = run(push(&repository, &second)).backup;
    run(repository.forget(&[forgotten])).unwrap();
    // Once the collect deletes objects below `data/`, it has read the catalog that the heal replaces.
    let (is_first, healed) = (AtomicBool::new(true), Arc::new(Mutex::new(None)));
    let heal = PushOptions::new().distrust([backup.catalog.name]);
    let (folder, found) = (ground.path("repository"), Arc::clone(&healed));
    let collect = CollectOptions::new().grace(Duration::ZERO).progress(Arc::new(move |progress| {
        if progress.files_done > 0 && is_first.swap(false, Ordering::Relaxed) {
            let work = || {
                let repository = run(Repository::open(Location::local(&folder).unwrap(), options())).unwrap();
                run(push_with(&repository, &second, &heal)).unwrap().backup
            };
            *found.lock().unwrap() = Some(std::thread::scope(|scope| scope.spawn(work).join().unwrap()));
        }
        ControlFlow::Continue(())
    }));
    run(repository.collect(&collect)).unwrap();
    let healed = healed.lock().unwrap().take().unwrap();
    assert_ne!(healed.catalog.name, backup.catalog.name);
    assert_eq!(healed.catalog.sha256, backup.catalog.sha256, "the same bytes under another name");
    assert!(run(repository.verify(&VerifyOptions::new())).unwrap().is_sound());
}

/// A table for each backup, so that none of them shares its objects.
fn pushed_apart(ground: &Ground) -> (Repository, [(PathBuf, Backup); 2]) {
    let checkpoints = ["one", "two"].map(|name| {
        let tables = ["1", "2", "3"].map(|table| (table, format!("{name} {table}")));
        let tables = tables.each_ref().map(|(table, bytes)| (*table, bytes.as_bytes()));
        ground.checkpoint(&Db::new(name, &tables), name)
    });
    let [_, place] = ground.places();
    let repository = run(Repository::init(place, options().concurrency(1))).unwrap();
    let pushed = checkpoints.map(|checkpoint| {
        let backup = run(push(&repository, &checkpoint)).backup;
        (checkpoint, backup)
    });
    (repository, pushed)
}

/// Heals a backup from another thread, with none of its objects or only without its catalog, and deletes the old ones.
fn replace(folder: &Path, checkpoint: &Path, backup: &Backup, is_whole: bool) {
    let work = || {
        let repository = run(Repository::open(Location::local(folder).unwrap(), options())).unwrap();
        let data = objects(folder, "data").into_iter().filter(|_| is_whole).filter_map(|path| {
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            Key::parse(&name).and_then(|key| key.object())
        });
        let heal = PushOptions::new().distrust(data.chain([backup.catalog.name]));
        assert!(!run(push_with(&repository, checkpoint, &heal)).unwrap().was_there);
        run(repository.collect(&CollectOptions::new().grace(Duration::ZERO))).unwrap();
    };
    std::thread::scope(|scope| scope.spawn(work).join().unwrap());
}

/// Verifies both backups, and calls `meanwhile` once the first file was read.
fn verify_while(repository: &Repository, meanwhile: impl Fn() + Send + Sync + 'static) -> CheckReport {
    let is_first = AtomicBool::new(true);
    let options = VerifyOptions::new().progress(Arc::new(move |progress| {
        if progress.files_done > 0 && is_first.swap(false, Ordering::Relaxed) {
            meanwhile();
        }
        ControlFlow::Continue(())
    }));
    run(repository.verify(&options)).unwrap()
}

#[test]
fn a_backup_that_was_replaced_during_a_verification_is_not_damaged() {
    for late in [0, 1] {
        let ground = Ground::new();
        let (repository, pushed) = pushed_apart(&ground);
        let ((checkpoint, backup), folder) = (pushed[late].clone(), ground.path("repository"));
        let report = verify_while(&repository, move || replace(&folder, &checkpoint, &backup, true));
        assert!(report.is_sound(), "{report:?}");
    }
}

#[test]
fn damage_that_a_replaced_backup_still_has_is_reported() {
    let ground = Ground::new();
    let (repository, [(checkpoint, backup), _]) = pushed_apart(&ground);
    let (folder, id) = (ground.path("repository"), backup.id);
    let report = verify_while(&repository, move || {
        for victim in objects(&folder, "data") {
            if std::fs::read(&victim).unwrap().starts_with(b"one ") {
                std::fs::write(&victim, b"ONE 0").unwrap();
            }
        }
        replace(&folder, &checkpoint, &backup, false);
    });
    assert!(!report.is_sound());
    assert!(report.damaged.iter().all(|object| object.backups == [id]), "{report:?}");
    assert!(report.damaged.iter().all(|object| matches!(object.what, Defect::Digest)), "{report:?}");
}

#[test]
fn a_reader_of_a_replaced_backup_is_told_to_open_it_again() {
    let ground = Ground::new();
    let (repository, [(checkpoint, backup), _]) = pushed_apart(&ground);
    let files = run(repository.files(backup.id, &ReadOptions::new())).unwrap();
    replace(&ground.path("repository"), &checkpoint, &backup, true);
    let fs: Arc<dyn Fs> = Arc::new(StdFs);
    let error = files.restore(&fs, &ground.path("restored"), &Checkpoint::new()).unwrap_err();
    assert!(matches!(error, Error::BackupGone { backup: gone } if gone == backup.id), "{error}");
    ground.check_restore(&repository, backup.id, &checkpoint);
}

#[test]
fn a_backup_that_is_replaced_while_it_is_opened_is_opened() {
    let ground = Ground::new();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint");
    let store = Arc::new(InMemory::new());
    let other = run(Repository::init(Location::of_store(store.clone(), ""), options())).unwrap();
    let backup = run(push(&other, &checkpoint)).backup;
    let (is_first, id, old) = (AtomicBool::new(true), backup.id, backup.catalog.name);
    let place = Hooked::place(&store, move |seen, path| {
        let is_catalog = seen == Seen::BeforeGet && path.as_ref().starts_with("backup/");
        if is_catalog && is_first.swap(false, Ordering::Relaxed) {
            let heal = PushOptions::new().distrust([old]);
            let work = || {
                let _ = run(push_with(&other, &checkpoint, &heal)).unwrap();
                run(other.collect(&CollectOptions::new().grace(Duration::ZERO))).unwrap();
            };
            std::thread::scope(|scope| scope.spawn(work).join().unwrap());
        }
        Ok(())
    });
    let repository = run(Repository::open(place, options())).unwrap();
    let files = run(repository.files(id, &ReadOptions::new())).unwrap();
    assert_ne!(files.backup().catalog.name, old);
}
