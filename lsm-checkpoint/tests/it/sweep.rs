//! Sweeps: debris of dead processes is removed, and directories of live processes stay, even with several processes.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use lsm_checkpoint::{Checkpoint, Error, SweepReport, run_checkpoint, sweep};
use lsm_fs::{Fs, FsExt, Op, SyncMode};
use lsm_fs_mem::{Budget, Fault, FaultFs, ForeignSync, MemFs, fault_sweep};

use crate::{
    crash::tried,
    create::{DIR, TARGET, mem_db, prepared},
    db::Db,
    remove::{check, debris},
    seeded::seeded_sweep,
    tweak::Tweak,
};

const ROOT: &str = "/";
const NORMAL: SyncMode = SyncMode::Normal;

fn swept(fs: &dyn Fs) -> SweepReport {
    sweep(fs, Path::new(ROOT), NORMAL).unwrap()
}

/// Creates a database next to which a creator died at its n-th call of this kind.
fn with_debris(op: Op, nth: u64) -> MemFs {
    let fs = MemFs::new();
    let db = prepared(&fs, &[""]);
    let killed = FaultFs::new(fs.clone());
    killed.inject(Fault::on(op).nth(nth).gone());
    Checkpoint::new().create(&db, &killed, Path::new(TARGET)).unwrap_err();
    assert!(!debris(&fs).is_empty());
    fs
}

#[test]
fn a_directory_without_debris_is_unchanged() {
    let (fs, db) = mem_db(&[""]);
    run_checkpoint(&db, &fs, Path::new(TARGET)).unwrap();
    let report = swept(&fs);
    assert!(report.cleared.is_empty() && report.in_progress.is_empty() && report.failed.is_empty());
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
    assert!(matches!(sweep(&fs, Path::new("/nothing"), NORMAL), Err(Error::Fs(_))));
}

#[test]
fn debris_is_removed_and_other_hidden_names_stay() {
    let fs = with_debris(Op::RenameNoreplace, 1);
    fs.create_dir(Path::new("/.other")).unwrap();
    fs.write_new(Path::new("/.file.checkpoint-staged"), b"not a directory", NORMAL).unwrap();
    assert_eq!(swept(&fs).cleared, [Path::new(TARGET)]);
    assert_eq!(debris(&fs), [".file.checkpoint-staged", ".other"]);
    assert!(swept(&fs).cleared.is_empty());
}

#[test]
fn a_living_owner_is_not_touched() {
    let fs = with_debris(Op::RenameNoreplace, 1);
    let staged = Path::new("/.checkpoint.checkpoint-staged");
    let files = fs.read_dir(staged).unwrap();
    let owner = fs.try_lock_directory(staged).unwrap().unwrap();
    let report = swept(&fs);
    assert_eq!((report.in_progress.as_slice(), report.cleared.len()), (&[TARGET.into()][..], 0));
    assert_eq!(fs.read_dir(staged).unwrap(), files);
    drop(owner);
    assert_eq!(swept(&fs).cleared, [Path::new(TARGET)]);
}

#[test]
fn a_crash_in_a_sweep_and_a_second_crash_in_the_next() {
    for (op, nth) in [(Op::HardLink, 2), (Op::SyncDirectory, 2), (Op::RenameNoreplace, 1)] {
        let start = with_debris(op, nth);
        for foreign in [&[][..], &[ForeignSync::Each, ForeignSync::Everything]] {
            let report = seeded_sweep()
                .start_from(&start)
                .budget(Budget::Quick)
                .foreign_syncs(foreign.iter().cloned())
                .recovery(|fs| sweep(fs, Path::new(ROOT), NORMAL).map(drop))
                .run(
                    |fs| {
                        let _ = swept(fs);
                        fs.note("swept");
                        Ok::<_, Error>(())
                    },
                    |image, notes| {
                        if notes.contains("swept") && !debris(image).is_empty() {
                            return Err("debris came back".to_owned());
                        }
                        check(image, notes, &[""])
                    },
                );
            tried("sweep, second crash in the next one", report);
        }
    }
}

/// Kills a creator that moves its files one by one, at its first call of this kind for a path.
pub(crate) fn killed_in_place(db: &Db, fs: &MemFs, op: Op, path: &'static str) {
    let killed = FaultFs::new(fs.clone());
    killed.inject(Fault::on(op).at(path).gone());
    let tweaked = Tweak::new(killed).without_directory_renames();
    run_checkpoint(db, &tweaked, Path::new(TARGET)).unwrap_err();
}

fn any_failure(make: impl FnMut() -> MemFs) {
    let report = fault_sweep(
        make,
        |fs| {
            let report = sweep(fs, Path::new(ROOT), NORMAL)?;
            match report.failed.into_iter().next() {
                Some((_, error)) => Err(error),
                None => Ok(()),
            }
        },
        |fault, result, fs| {
            assert!(result.is_err() || debris(fs).is_empty(), "{fault}");
            let report = sweep(fs, Path::new(ROOT), NORMAL)?;
            assert!(report.failed.is_empty() && report.in_progress.is_empty(), "{fault}: {report:?}");
            assert!(debris(fs).is_empty(), "{fault}");
            let db = Db::open(Arc::new(fs.clone()), Path::new(DIR), &[""]);
            db.check_source(fs)?;
            // The target is absent, or complete and without a marker.
            if !db.check_target(fs, Path::new(TARGET))? {
                run_checkpoint(&db, fs, Path::new(TARGET))?;
            }
            Ok(())
        },
    );
    println!("{}", report.unwrap());
}

#[test]
fn any_failure_leaves_debris_to_the_next_sweep() {
    any_failure(|| with_debris(Op::RenameNoreplace, 1));
}

#[test]
fn any_failure_leaves_a_target_made_in_place_to_the_next_sweep() {
    let unfinished = (Op::Rename, "/checkpoint/current");
    let marked = (Op::RemoveFile, "/checkpoint/.checkpoint-unpublished");
    for (op, path) in [unfinished, marked] {
        any_failure(|| {
            let (fs, db) = mem_db(&[""]);
            killed_in_place(&db, &fs, op, path);
            fs
        });
    }
}

/// An empty directory with the target's name may come from a dead creator. Only the empty directory is removed.
#[test]
fn an_entry_put_into_an_empty_target_stays() {
    let file = "/checkpoint/mine";
    let fs = with_debris(Op::RenameNoreplace, 1);
    fs.create_dir(Path::new(TARGET)).unwrap();
    let beside_others = Tweak::new(fs.clone()).before(Op::RemoveDir, TARGET, |fs| {
        fs.write_new(Path::new("/checkpoint/mine"), b"mine", NORMAL).unwrap();
    });
    assert_eq!(swept(&beside_others).leftovers, [Path::new("/.checkpoint.checkpoint-staged")]);
    assert_eq!(fs.read_to_vec(Path::new(file), 99).unwrap(), b"mine");
    assert!(debris(&fs).is_empty());
}

/// A creator died between its last file and the removal of its marker, and an engine may have opened the target since.
/// A missing pointer does not make it debris, and the operator decides.
#[test]
fn a_target_that_an_engine_uses_is_not_debris() {
    let (fs, db) = mem_db(&[""]);
    killed_in_place(&db, &fs, Op::RemoveFile, "/checkpoint/.checkpoint-unpublished");
    fs.rename(Path::new("/checkpoint/current"), Path::new("/checkpoint/newer")).unwrap();
    let before = fs.read_dir(Path::new(TARGET)).unwrap();
    let report = swept(&fs);
    assert!(matches!(report.failed[..], [(_, Error::Undecided { .. })]), "{report:?}");
    let refused = run_checkpoint(&db, &fs, Path::new(TARGET)).unwrap_err();
    let Error::Undecided { target, staged } = refused else { panic!("{refused}") };
    assert_eq!(fs.read_dir(Path::new(TARGET)).unwrap(), before);
    // The operator knows that the target is in use, and removes the staged directory.
    fs.remove_dir_all(&staged).unwrap();
    fs.remove_file(&target.join(".checkpoint-unpublished")).unwrap();
    assert!(swept(&fs).failed.is_empty());
    assert_eq!(fs.read_dir(Path::new(TARGET)).unwrap().len() + 1, before.len());
}

/// Four creators and two sweepers in one directory: every created checkpoint is complete, and nothing is left over.
#[test]
fn sweepers_beside_creators() {
    let (fs, db) = mem_db(&[""]);
    let stop = AtomicBool::new(false);
    let made: Vec<_> = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let report = swept(&fs);
                    assert!(report.failed.is_empty(), "{report:?}");
                }
            });
        }
        let creators: Vec<_> = (0..4)
            .map(|creator| {
                let (fs, db) = (&fs, &db);
                scope.spawn(move || create_many(fs, db, creator))
            })
            .collect();
        let made = creators.into_iter().flat_map(|creator| creator.join().unwrap()).collect();
        stop.store(true, Ordering::Relaxed);
        made
    });
    assert!(made.len() >= 20, "{made:?}");
    for target in &made {
        assert!(db.check_target(&fs, Path::new(target)).unwrap(), "{target}");
    }
    let _ = swept(&fs);
    assert!(debris(&fs).is_empty());
    db.check_source(&fs).unwrap();
}

/// Two creators share each name.
fn create_many(fs: &MemFs, db: &Db, creator: usize) -> Vec<String> {
    let mut made = Vec::new();
    for n in 0..20 {
        let target = format!("/checkpoint-{}-{n}", creator % 2);
        loop {
            match run_checkpoint(db, fs, Path::new(&target)) {
                Ok(_) => made.push(target),
                Err(Error::TargetExists { .. }) => {}
                // A sweeper or the other creator was faster.
                Err(Error::InProgress { .. }) => {
                    thread::yield_now();
                    continue;
                }
                Err(error) => panic!("{error}"),
            }
            break;
        }
    }
    made
}

/// The target of the name `...checkpoint-staged` would be the swept directory itself, and the marker in it would look
/// like an unfinished removal.
#[test]
fn the_swept_directory_itself_is_not_a_target() {
    let (fs, db) = mem_db(&[""]);
    run_checkpoint(&db, &fs, Path::new("/daily")).unwrap();
    fs.create_dir(Path::new("/backups")).unwrap();
    fs.rename(Path::new("/daily"), Path::new("/backups/daily")).unwrap();
    for name in ["...checkpoint-staged", "....checkpoint-staged", "..checkpoint-staged"] {
        fs.create_dir(&Path::new("/backups").join(name)).unwrap();
    }
    // A valid marker of `remove` without pointers: a removal that had begun.
    let lines = "remove\n";
    let marker = format!("{:032x}\n{lines}", xxhash_rust::xxh3::xxh3_128(lines.as_bytes()));
    fs.write_new(Path::new("/backups/.checkpoint-unpublished"), marker.as_bytes(), NORMAL).unwrap();
    let report = sweep(&fs, Path::new("/backups"), NORMAL).unwrap();
    assert!(report.cleared.is_empty() && report.failed.is_empty(), "{report:?}");
    assert!(db.check_target(&fs, Path::new("/backups/daily")).unwrap());
}
