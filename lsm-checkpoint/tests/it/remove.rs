//! Removal: one step, never a partial checkpoint, and permanent.

pub(crate) mod full;
mod interrupted;
pub(crate) mod strangers;

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{Error, Removal, remove, run_checkpoint, sweep};
use lsm_fs::{Fs, FsExt, Op, SyncMode, errno};
use lsm_fs_mem::{Budget, CrashSweep, Fault, FaultFs, ForeignSync, MemFs, Notes, SweepReport, fault_sweep};

use crate::{
    crash::{in_place::MARKER, tried},
    create::{DIR, TARGET, mem_db, prepared},
    db::Db,
    seeded::seeded_sweep,
    tweak::Tweak,
};

pub(crate) const REMOVED: &str = "removed";
const NORMAL: SyncMode = SyncMode::Normal;
const STAGED: &str = "/.checkpoint.checkpoint-staged";

/// Creates a database with a durable checkpoint.
pub(crate) fn with_checkpoint(fs: &MemFs, trees: &[&'static str]) -> Db {
    let db = prepared(fs, trees);
    run_checkpoint(&db, fs, Path::new(TARGET)).unwrap();
    fs.settle();
    db
}

fn db_on(fs: &MemFs, trees: &[&'static str]) -> Db {
    Db::open(Arc::new(fs.clone()), Path::new(DIR), trees)
}

/// Returns the names of debris in the root directory.
pub(crate) fn debris(fs: &dyn Fs) -> Vec<String> {
    let names = fs.read_dir(Path::new("/")).unwrap().into_iter();
    names
        .map(|entry| entry.name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with('.'))
        .collect()
}

/// Checks that the target is absent or complete, and that the source is intact. A sweep must clear the debris, and a
/// creator must succeed afterwards.
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

/// Checks the same as [`check`] where directories cannot be renamed. A partial target must be marked, and its staged
/// directory must exist.
pub(crate) fn check_in_place(image: &MemFs, notes: &Notes) -> Result<(), String> {
    let target = Path::new(TARGET);
    if db_on(image, &[""]).check_target(image, target).is_err() {
        let names = image.read_dir(target).map_err(|e| e.to_string())?;
        let is_marked = names.is_empty() || names.iter().any(|entry| entry.name == MARKER);
        if !is_marked || debris(image).is_empty() {
            return Err(format!("half removed, and not known as such: {names:?}"));
        }
    }
    let swept = sweep(image, Path::new("/"), NORMAL).map_err(|e| e.to_string())?;
    if !swept.failed.is_empty() {
        return Err(format!("{swept:?}"));
    }
    check(image, notes, &[""])
}

fn remove_and_note(fs: &MemFs) -> Result<(), Error> {
    remove(fs, Path::new(TARGET), NORMAL)?;
    fs.note(REMOVED);
    Ok(())
}

fn remove_in_place(fs: &MemFs) -> Result<(), Error> {
    remove(&Tweak::new(fs.clone()).without_directory_renames(), Path::new(TARGET), NORMAL)?;
    fs.note(REMOVED);
    Ok(())
}

fn crash(scenario: &str, trees: &'static [&'static str], sweep: CrashSweep<'_>) -> SweepReport {
    let fs = MemFs::new();
    with_checkpoint(&fs, trees);
    tried(scenario, sweep.start_from(&fs).run(remove_and_note, |image, notes| check(image, notes, trees)))
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
fn an_owned_checkpoint_is_not_touched() {
    let fs = MemFs::new();
    let db = with_checkpoint(&fs, &[""]);
    let owner = fs.try_lock_directory(Path::new(TARGET)).unwrap().unwrap();
    assert!(matches!(remove(&fs, Path::new(TARGET), NORMAL), Err(Error::InProgress { .. })));
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
    drop(owner);
    // The next checkpoint with this name is in progress elsewhere.
    let staged = Path::new("/.checkpoint.checkpoint-staged");
    fs.create_dir(staged).unwrap();
    let owner = fs.try_lock_directory(staged).unwrap().unwrap();
    assert!(matches!(remove(&fs, Path::new(TARGET), NORMAL), Err(Error::InProgress { .. })));
    drop(owner);
    remove(&fs, Path::new(TARGET), NORMAL).unwrap();
    assert!(debris(&fs).is_empty());
}

#[test]
fn a_crash_leaves_the_checkpoint_whole_or_gone() {
    for (scenario, trees) in [("remove", &[""][..]), ("remove, two trees", &["users", "orders"])] {
        assert!(crash(scenario, trees, seeded_sweep()).states() > 100);
    }
}

#[test]
fn a_crash_beside_another_process_that_syncs() {
    let foreign = [ForeignSync::Each, ForeignSync::Everything];
    let sweep = seeded_sweep().budget(Budget::Quick).foreign_syncs(foreign);
    crash("remove, beside syncs of others", &[""], sweep);
}

/// A sweep that clears a killed removal, whose rename was not durable, must not let a part of the checkpoint come back.
#[test]
fn a_crash_in_the_sweep_of_a_removal_that_was_killed() {
    for op in [Op::SyncDirectory, Op::RemoveDirAll] {
        let fs = MemFs::new();
        with_checkpoint(&fs, &[""]);
        let report = seeded_sweep().start_from(&fs).run(
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
        tried("sweep of a removal that was killed", report);
    }
}

fn sweep_once(fs: &MemFs) -> Result<(), Error> {
    sweep(fs, Path::new("/"), NORMAL).map(drop)
}

#[test]
fn a_second_crash_in_the_sweep() {
    let sweep = seeded_sweep().budget(Budget::Quick).recovery(sweep_once);
    crash("remove, second crash in a sweep", &[""], sweep);
}

#[test]
fn a_second_crash_in_the_next_call() {
    let sweep = seeded_sweep().budget(Budget::Quick).recovery(|fs| match remove_and_note(fs) {
        // The name is gone, and the debris is left to the sweep.
        Err(Error::NotACheckpoint { .. }) => Ok(()),
        removed => removed,
    });
    crash("remove, second crash in the next call", &[""], sweep);
}

/// If directories cannot be renamed, a crash may leave a marked and partial target. A sweep finishes the removal, even
/// after a crash of the first sweep.
#[test]
fn a_crash_where_directories_cannot_be_renamed() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    let once = seeded_sweep().start_from(&fs).run(remove_in_place, check_in_place);
    tried("remove in place", once);
    let twice = seeded_sweep().start_from(&fs).budget(Budget::Quick).recovery(sweep_once);
    tried("remove in place, second crash in a sweep", twice.run(remove_in_place, check_in_place));
}

/// If directories cannot be renamed, the next call finishes the removal of a dead process.
#[test]
fn the_next_removal_finishes_a_killed_one() {
    for (op, nth) in [(Op::CreateDir, 1), (Op::WriteAt, 1), (Op::RemoveFile, 1), (Op::RemoveFile, 2)] {
        let fs = MemFs::new();
        with_checkpoint(&fs, &[""]);
        let killed = FaultFs::new(fs.clone());
        killed.inject(Fault::on(op).nth(nth).gone());
        let tweaked = Tweak::new(killed).without_directory_renames();
        remove(&tweaked, Path::new(TARGET), NORMAL).unwrap_err();
        let again = remove(&Tweak::new(fs.clone()).without_directory_renames(), Path::new(TARGET), NORMAL);
        assert!(again.is_ok(), "{op:?} {nth}: {again:?}");
        assert!(!fs.exists(Path::new(TARGET)).unwrap() && debris(&fs).is_empty());
    }
}

#[test]
fn any_failure_leaves_the_checkpoint_whole_or_gone() {
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
                Ok(_) => assert!(!complete && debris(fs).is_empty(), "{fault}"),
                Err(Error::RemovedNotDurable { .. }) => assert!(!complete, "{fault}"),
                // The filesystem failed before the result of the rename could be determined.
                Err(Error::LeftBehind { .. }) => {}
                Err(_) => assert!(complete, "{fault}: {result:?}"),
            }
            match remove(fs, target, NORMAL) {
                Ok(_) => assert!(complete),
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

/// Between the check and the lock, another process removes the checkpoint and restores a live directory under its name.
#[test]
fn a_directory_that_takes_the_name_meanwhile_is_not_removed() {
    for forced in [false, true] {
        let fs = MemFs::new();
        let db = with_checkpoint(&fs, &[""]);
        let beside_others = Tweak::new(fs.clone()).before(Op::TryLockDirectory, TARGET, |fs| {
            let _ = fs.remove_file(Path::new("/checkpoint/CHECKPOINT"));
        });
        let refused = Removal::new().force(forced).run(&beside_others, Path::new(TARGET));
        assert!(matches!(refused, Err(Error::NotACheckpoint { .. })), "{refused:?}");
        assert!(fs.exists(Path::new("/checkpoint/tables/1")).unwrap() && debris(&fs).is_empty());
        db.check_source(&fs).unwrap();
    }
}

/// Until the marker exists nothing has been removed, so a failure up to there is undone.
#[test]
fn a_removal_in_place_that_could_not_begin_leaves_no_trace() {
    let marker = Path::new(TARGET).join(MARKER);
    for fault in [
        Fault::on(Op::SyncDirectory).at("/"),
        Fault::on(Op::Open).at(&marker),
        Fault::on(Op::WriteAt).at(&marker),
        Fault::on(Op::SyncAll).at(&marker),
        Fault::on(Op::SyncDirectory).at(TARGET),
    ] {
        let fs = MemFs::new();
        let db = with_checkpoint(&fs, &[""]);
        let before = fs.read_dir(Path::new(TARGET)).unwrap();
        let faulty = FaultFs::new(fs.clone());
        faulty.inject(fault.clone().nth(1).before(errno::EIO));
        let refused =
            remove(&Tweak::new(faulty).without_directory_renames(), Path::new(TARGET), NORMAL).unwrap_err();
        assert!(matches!(refused, Error::Fs(_)), "{fault:?}: {refused:?}");
        assert_eq!(fs.read_dir(Path::new(TARGET)).unwrap(), before, "{fault:?}");
        assert!(debris(&fs).is_empty() && db.check_target(&fs, Path::new(TARGET)).unwrap(), "{fault:?}");
    }
}

#[test]
fn one_of_several_removers_succeeds() {
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

/// Each call fails where directories cannot be renamed. A sweep may have to finish the removal.
#[test]
fn any_failure_where_directories_cannot_be_renamed() {
    let make = || {
        let fs = MemFs::new();
        with_checkpoint(&fs, &[""]);
        fs
    };
    let report = fault_sweep(
        make,
        |fs| remove(&Tweak::new(fs.clone()).without_directory_renames(), Path::new(TARGET), NORMAL),
        |fault, result, fs| {
            let (db, target) = (db_on(fs, &[""]), Path::new(TARGET));
            db.check_source(fs)?;
            match &result {
                Ok(_) => assert!(!fs.exists(target)? && debris(fs).is_empty(), "{fault}"),
                Err(Error::LeftBehind { left, .. }) => assert_eq!(left, Path::new(STAGED), "{fault}"),
                Err(_) => assert!(db.check_target(fs, target)?, "{fault}: {result:?}"),
            }
            check_in_place(fs, &Notes::default())?;
            Ok(())
        },
    );
    println!("{}", report.unwrap());
}
