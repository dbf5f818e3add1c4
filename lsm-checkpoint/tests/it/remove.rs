//! Removal: gone in one step, never half there, and away for good.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{Error, remove, run_checkpoint, sweep};
use lsm_fs::{Fs, FsExt, Op, SyncMode};
use lsm_fs_mem::{
    Budget, CrashSweep, Fault, FaultFs, ForeignSync, MemFs, MemFsOptions, Notes, SweepReport, VolumeOptions,
    fault_sweep,
};

use crate::{
    create::{DIR, TARGET, mem_db, prepared},
    db::Db,
    tweak::Tweak,
};

const REMOVED: &str = "removed";
const NORMAL: SyncMode = SyncMode::Normal;

/// A database with a checkpoint that is durable.
pub(crate) fn with_checkpoint(fs: &MemFs, trees: &[&'static str]) -> Db {
    let db = prepared(fs, trees);
    run_checkpoint(&db, fs, Path::new(TARGET)).unwrap();
    fs.settle();
    db
}

fn db_on(fs: &MemFs, trees: &[&'static str]) -> Db {
    Db::open(Arc::new(fs.clone()), Path::new(DIR), trees)
}

/// Names beside the database and the target.
pub(crate) fn debris(fs: &dyn Fs) -> Vec<String> {
    let names = fs.read_dir(Path::new("/")).unwrap().into_iter();
    names
        .map(|entry| entry.name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with('.'))
        .collect()
}

/// The target is absent or complete; the source is whole; a sweep removes what is left, and so does the next creator.
pub(crate) fn check(image: &MemFs, notes: &Notes, trees: &[&'static str]) -> Result<(), String> {
    let (db, target) = (db_on(image, trees), Path::new(TARGET));
    db.check_source(image)?;
    let complete = db.check_target(image, target)?;
    if complete && notes.contains(REMOVED) {
        return Err("it came back".to_owned());
    }
    let swept = sweep(image, Path::new("/"), NORMAL).map_err(|e| e.to_string())?;
    if !swept.failed.is_empty() || !debris(image).is_empty() {
        return Err(format!("the sweep failed: {swept:?}"));
    }
    if db.check_target(image, target)? != complete {
        return Err("the sweep changed the target".to_owned());
    }
    if !complete {
        run_checkpoint(&db_on(image, trees), image, target).map_err(|e| e.to_string())?;
    }
    db.check_source(image)
}

fn crash(start: &MemFs, trees: &'static [&'static str], foreign: &[ForeignSync]) -> SweepReport {
    let budget = if foreign.is_empty() { Budget::from_env() } else { Budget::Quick };
    let sweep = CrashSweep::new().start_from(start).budget(budget).foreign_syncs(foreign.iter().cloned());
    let report = sweep.run(
        |fs| {
            remove(fs, Path::new(TARGET), NORMAL)?;
            fs.note(REMOVED);
            Ok::<_, Error>(())
        },
        |image, notes| check(image, notes, trees),
    );
    let report = report.unwrap();
    println!("{report}");
    report
}

#[test]
fn a_removed_checkpoint_leaves_nothing() {
    let fs = MemFs::new();
    let db = with_checkpoint(&fs, &[""]);
    remove(&fs, Path::new(TARGET), NORMAL).unwrap();
    assert!(!fs.exists(Path::new(TARGET)).unwrap() && debris(&fs).is_empty());
    db.check_source(&fs).unwrap();
    assert!(matches!(remove(&fs, Path::new(TARGET), NORMAL), Err(Error::NotACheckpoint { .. })));
    run_checkpoint(&db, &fs, Path::new(TARGET)).unwrap();
}

#[test]
fn only_checkpoints_are_removed() {
    let (fs, db) = mem_db(&[""]);
    for path in [DIR, "/", "/nothing", "", "/db/tables/1"] {
        let refused = remove(&fs, Path::new(path), NORMAL);
        assert!(matches!(refused, Err(Error::NotACheckpoint { .. } | Error::InvalidTarget { .. })), "{path}");
    }
    db.check_source(&fs).unwrap();
}

#[test]
fn a_damaged_checkpoint_is_removed_as_well() {
    let fs = MemFs::new();
    let db = with_checkpoint(&fs, &[""]);
    let _ = fs.rewrite_atomic(Path::new("/checkpoint/CHECKPOINT"), b"damaged", NORMAL).unwrap();
    remove(&fs, Path::new(TARGET), NORMAL).unwrap();
    assert!(debris(&fs).is_empty());
    db.check_source(&fs).unwrap();
}

#[test]
fn one_that_is_owned_is_not_touched() {
    let fs = MemFs::new();
    let db = with_checkpoint(&fs, &[""]);
    let owner = fs.try_lock_directory(Path::new(TARGET)).unwrap().unwrap();
    assert!(matches!(remove(&fs, Path::new(TARGET), NORMAL), Err(Error::InProgress { .. })));
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
    drop(owner);
    // The next checkpoint of the name is under way elsewhere.
    let staged = Path::new("/.checkpoint.checkpoint-staged");
    fs.create_dir(staged).unwrap();
    let owner = fs.try_lock_directory(staged).unwrap().unwrap();
    assert!(matches!(remove(&fs, Path::new(TARGET), NORMAL), Err(Error::InProgress { .. })));
    drop(owner);
    remove(&fs, Path::new(TARGET), NORMAL).unwrap();
    assert!(debris(&fs).is_empty());
}

#[test]
fn a_crash_leaves_it_whole_or_gone() {
    for trees in [&[""][..], &["users", "orders"]] {
        let fs = MemFs::new();
        with_checkpoint(&fs, trees);
        assert!(crash(&fs, trees, &[]).states() > 100);
    }
}

#[test]
fn a_crash_beside_another_process_that_syncs() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    crash(&fs, &[""], &[ForeignSync::Each, ForeignSync::Everything]);
}

/// Whoever clears a removal that was killed before its rename was durable must not let a part of it come back.
#[test]
fn a_crash_in_the_sweep_of_a_removal_that_was_killed() {
    for op in [Op::SyncDirectory, Op::RemoveDirAll] {
        let fs = MemFs::new();
        with_checkpoint(&fs, &[""]);
        let report = CrashSweep::new().start_from(&fs).run(
            |fs| {
                let killed = FaultFs::new(fs.clone());
                killed.inject(Fault::on(op).nth(1).gone());
                remove(&killed, Path::new(TARGET), NORMAL).unwrap_err();
                let swept = sweep(fs, Path::new("/"), NORMAL)?;
                assert_eq!(swept.cleared, [Path::new(TARGET)]);
                fs.note(REMOVED);
                Ok::<_, Error>(())
            },
            |image, notes| check(image, notes, &[""]),
        );
        println!("{}", report.unwrap());
    }
}

#[test]
fn a_second_crash_in_the_sweep() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    let sweeping = CrashSweep::new().start_from(&fs).budget(Budget::Quick);
    let report = sweeping.recovery(|fs| sweep(fs, Path::new("/"), NORMAL).map(drop)).run(
        |fs| {
            remove(fs, Path::new(TARGET), NORMAL)?;
            fs.note(REMOVED);
            Ok::<_, Error>(())
        },
        |image, notes| check(image, notes, &[""]),
    );
    println!("{}", report.unwrap());
}

/// Where directories cannot be renamed, a crash may leave a target that is marked and not whole; a sweep finishes it.
#[test]
fn a_crash_where_directories_cannot_be_renamed() {
    let refusing = MemFsOptions::new().root(VolumeOptions::new().rename_noreplace(false)).build().unwrap();
    with_checkpoint(&refusing, &[""]);
    let report = CrashSweep::new().start_from(&refusing).run(
        |fs| {
            remove(&Tweak::new(fs.clone()).without_directory_renames(), Path::new(TARGET), NORMAL)?;
            fs.note(REMOVED);
            Ok::<_, Error>(())
        },
        |image, notes| {
            let swept = sweep(image, Path::new("/"), NORMAL).map_err(|e| e.to_string())?;
            if !swept.failed.is_empty() {
                return Err(format!("{swept:?}"));
            }
            check(image, notes, &[""])
        },
    );
    println!("{}", report.unwrap());
}

/// Each sync of a removal is missed by some crash state.
#[test]
fn each_sync_is_needed() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    let needed = |nth: Option<usize>| {
        let mut syncs = 0;
        let swept = CrashSweep::new().start_from(&fs).run(
            |fs| {
                let tweaked = Tweak::new(fs.clone()).without_sync(nth);
                remove(&tweaked, Path::new(TARGET), NORMAL)?;
                syncs = tweaked.syncs();
                fs.note(REMOVED);
                Ok::<_, Error>(())
            },
            |image, notes| {
                if notes.contains(REMOVED) && !debris(image).is_empty() {
                    return Err("debris came back".to_owned());
                }
                check(image, notes, &[""])
            },
        );
        (syncs, swept.is_err())
    };
    assert_eq!(needed(None), (2, false), "the parent before the files go, and after");
    assert!(needed(Some(0)).1 && needed(Some(1)).1);
}

#[test]
fn any_failure_leaves_it_whole_or_gone() {
    let make = || {
        let fs = MemFs::new();
        with_checkpoint(&fs, &[""]);
        fs
    };
    let report = fault_sweep(
        make,
        |fs| remove(fs, Path::new(TARGET), NORMAL),
        |fault, result, fs| {
            let (db, target) = (db_on(fs, &[""]), Path::new(TARGET));
            db.check_source(fs)?;
            let complete = db.check_target(fs, target)?;
            match &result {
                Ok(()) => assert!(!complete && debris(fs).is_empty(), "{fault}"),
                Err(Error::RemovedNotDurable { .. }) => assert!(!complete, "{fault}"),
                // The filesystem did not let it find out what became of the rename.
                Err(Error::LeftBehind { .. }) => {}
                Err(_) => assert!(complete, "{fault}: {result:?}"),
            }
            match remove(fs, target, NORMAL) {
                Ok(()) => assert!(complete),
                Err(Error::NotACheckpoint { .. }) => assert!(!complete),
                Err(error) => return Err(error.into()),
            }
            let swept = sweep(fs, Path::new("/"), NORMAL)?;
            assert!(swept.failed.is_empty() && swept.in_progress.is_empty(), "{fault}: {swept:?}");
            assert!(debris(fs).is_empty() && !fs.exists(target)?, "{fault}");
            db.check_source(fs)?;
            run_checkpoint(&db, fs, target)?;
            Ok(())
        },
    );
    println!("{}", report.unwrap());
}

#[test]
fn of_several_removers_one_succeeds() {
    for _ in 0..20 {
        let fs = MemFs::new();
        let db = with_checkpoint(&fs, &[""]);
        let results: Vec<_> = std::thread::scope(|scope| {
            let removers: Vec<_> =
                (0..4).map(|_| scope.spawn(|| remove(&fs, Path::new(TARGET), NORMAL))).collect();
            removers.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
        let lost = |error: &Error| matches!(error, Error::NotACheckpoint { .. } | Error::InProgress { .. });
        assert!(results.iter().filter_map(|result| result.as_ref().err()).all(lost), "{results:?}");
        assert!(debris(&fs).is_empty());
        db.check_source(&fs).unwrap();
    }
}
