//! Restore: a live directory that is absent or complete, and independent of its checkpoint.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{
    Change, Checkpoint, CheckpointDir, Error, Method, Policy, restore, run_checkpoint, sweep,
};
use lsm_fs::{Fs, FsExt, FsOpenOptions, Op, SyncMode};
use lsm_fs_mem::{
    Budget, CrashSweep, ForeignSync, MemFs, MemFsOptions, Notes, SweepReport, VolumeOptions, fault_sweep,
};

use crate::{
    crash::tried,
    create::{DIR, TARGET},
    db::{Db, all_files},
    remove::{debris, with_checkpoint},
    seeded::seeded_sweep,
    tweak::Tweak,
};

const RESTORED: &str = "/restored";
const OK: &str = "ok";
const NORMAL: SyncMode = SyncMode::Normal;

fn opened(fs: &MemFs) -> CheckpointDir {
    CheckpointDir::open(Arc::new(fs.clone()), TARGET).unwrap()
}

fn bytes_below(fs: &dyn Fs, dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = all_files(fs, dir, Path::new("")).unwrap();
    files.into_iter().map(|file| (file.clone(), fs.read_to_vec(&dir.join(&file), 1 << 20).unwrap())).collect()
}

/// Returns `false` if the directory is absent, and `true` if it equals the checkpoint without its catalog. Any other
/// state is an error.
fn check(fs: &dyn Fs, target: &Path) -> Result<bool, String> {
    let mut expected = bytes_below(fs, Path::new(TARGET));
    expected.remove(Path::new("CHECKPOINT")).ok_or("the checkpoint has no catalog")?;
    if !fs.exists(target).map_err(|e| e.to_string())? {
        return Ok(false);
    }
    let found = bytes_below(fs, target);
    if found == expected {
        return check_modes(fs, &expected, target).map(|()| true);
    }
    Err(format!("{:?} are there, {:?} are expected", found.keys(), expected.keys()))
}

/// Files and their directories have the modes that they have in the checkpoint.
fn check_modes(fs: &dyn Fs, files: &BTreeMap<PathBuf, Vec<u8>>, target: &Path) -> Result<(), String> {
    for path in files.keys().flat_map(|file| file.ancestors()) {
        let mode = |dir: &Path| fs.symlink_metadata(&dir.join(path)).map(|there| there.permissions);
        let (wanted, found) = (mode(Path::new(TARGET)), mode(target));
        if wanted.as_ref().ok() != found.as_ref().ok() {
            return Err(format!("{}: {found:?}, and the checkpoint has {wanted:?}", path.display()));
        }
    }
    Ok(())
}

fn db_on(fs: &MemFs, trees: &[&'static str]) -> Db {
    Db::open(Arc::new(fs.clone()), Path::new(DIR), trees)
}

fn restore_and_note(fs: &MemFs, target: &Path) -> Result<(), Error> {
    restore(&opened(fs), fs, target)?;
    fs.note(OK);
    Ok(())
}

/// Checks one crash state: the checkpoint is unchanged, the target is absent or complete, and a retry succeeds.
fn check_state(image: &MemFs, notes: &Notes, trees: &[&'static str], target: &Path) -> Result<(), String> {
    let db = db_on(image, trees);
    db.check_source(image)?;
    assert!(db.check_target(image, Path::new(TARGET))?, "the checkpoint itself");
    let complete = check(image, target)?;
    if notes.contains(OK) && !complete {
        return Err("the call has returned Ok, and nothing is there".to_owned());
    }
    let swept = sweep(image, lsm_fs::parent_of(target), NORMAL).map_err(|e| e.to_string())?;
    assert!(swept.failed.is_empty(), "{swept:?}");
    if !complete {
        restore(&opened(image), image, target).map_err(|e| format!("the retry failed: {e}"))?;
    }
    assert!(check(image, target)?, "after the retry");
    Ok(())
}

fn crash(scenario: &str, trees: &'static [&'static str], sweeping: CrashSweep<'_>) -> SweepReport {
    let fs = MemFs::new();
    with_checkpoint(&fs, trees);
    let target = Path::new(RESTORED);
    let swept = sweeping
        .start_from(&fs)
        .run(|fs| restore_and_note(fs, target), |image, notes| check_state(image, notes, trees, target));
    tried(scenario, swept)
}

#[test]
fn a_restored_directory_has_everything_and_shares_nothing() {
    for trees in [&[""][..], &["users", "orders"]] {
        let fs = MemFs::new();
        let db = with_checkpoint(&fs, trees);
        let info = restore(&opened(&fs), &fs, Path::new(RESTORED)).unwrap();
        assert!(check(&fs, Path::new(RESTORED)).unwrap());
        assert_eq!((info.seqno, info.trees.len()), (Some(42), trees.len()));
        assert_eq!(info.by_method(Method::HardLink).files, 0);
        for file in all_files(&fs, Path::new(RESTORED), Path::new("")).unwrap() {
            let path = Path::new(RESTORED).join(file);
            assert_eq!(fs.hard_link_count(&path).unwrap(), Some(1));
            fs.open(&path, &FsOpenOptions::new().write(true)).unwrap().write_at(b"changed", 0).unwrap();
        }
        assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
        db.check_source(&fs).unwrap();
        assert!(debris(&fs).is_empty());
    }
}

#[test]
fn a_linking_policy_links_only_immutable_files() {
    let fs = MemFs::new();
    let db = with_checkpoint(&fs, &[""]);
    let linking = Checkpoint::new().policy(Policy::PreferLink);
    let info = linking.restore(&opened(&fs), &fs, Path::new(RESTORED)).unwrap();
    assert_eq!(info.by_method(Method::HardLink).files, 3, "tables and blobs");
    let log = Path::new("/restored/logs/log");
    fs.open(log, &FsOpenOptions::new().write(true)).unwrap().write_at(b"more", 0).unwrap();
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
}

#[test]
fn an_existing_target_is_refused() {
    let fs = MemFs::new();
    let db = with_checkpoint(&fs, &[""]);
    for target in [DIR, TARGET, "/db/tables/1"] {
        let refused = restore(&opened(&fs), &fs, Path::new(target));
        assert!(
            matches!(refused, Err(Error::TargetExists { .. } | Error::NestedTarget { .. })),
            "{refused:?}"
        );
    }
    let inside = restore(&opened(&fs), &fs, Path::new("/checkpoint/tables/x"));
    assert!(matches!(inside, Err(Error::NestedTarget { .. })));
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
    assert!(matches!(CheckpointDir::open(Arc::new(fs), DIR), Err(Error::NotACheckpoint { .. })));
}

#[test]
fn damage_is_not_restored() {
    for file in ["tables/1", "blobs/1", "v7", "current", "logs/log", "OPTIONS"] {
        // Copies are verified against their checksums and clones are not, so this volume cannot clone.
        let options = MemFsOptions::new().root(VolumeOptions::new().reflink(false));
        let fs = options.build().unwrap();
        with_checkpoint(&fs, &[""]);
        let path = Path::new(TARGET).join(file);
        // Write a new file, so that the inode of the source is not damaged as well.
        let mut bytes = fs.read_to_vec(&path, 1 << 20).unwrap();
        bytes[3] ^= 1;
        fs.remove_file(&path).unwrap();
        fs.write_new(&path, &bytes, NORMAL).unwrap();
        let refused = restore(&opened(&fs), &fs, Path::new(RESTORED));
        assert!(matches!(refused, Err(Error::SourceCorrupt { .. })), "{file}: {refused:?}");
        bytes.pop();
        fs.remove_file(&path).unwrap();
        fs.write_new(&path, &bytes, NORMAL).unwrap();
        let refused = restore(&opened(&fs), &fs, Path::new(RESTORED));
        assert!(matches!(refused, Err(Error::SourceChanged { .. })), "{file}: {refused:?}");
        assert!(!fs.exists(Path::new(RESTORED)).unwrap() && debris(&fs).is_empty());
    }
}

/// The file is cut after its length was compared with the catalog.
#[test]
fn metadata_that_is_cut_while_it_is_read_is_not_padded() {
    for len in [0, 4] {
        let fs = MemFs::new();
        with_checkpoint(&fs, &[""]);
        let cut = move |fs: &MemFs| fs.truncate_file(Path::new("/checkpoint/OPTIONS"), len).unwrap();
        let tweaked = Tweak::new(fs.clone()).before(Op::ReadAt, "/checkpoint/OPTIONS", cut);
        let checkpoint = CheckpointDir::open(Arc::new((*tweaked).clone()), TARGET).unwrap();
        let refused = restore(&checkpoint, &fs, Path::new(RESTORED)).unwrap_err();
        let Error::SourceChanged { what, .. } = refused else { panic!("{refused:?}") };
        assert_eq!(what, Change::Length { expected: 11, found: len });
        assert!(!fs.exists(Path::new(RESTORED)).unwrap() && debris(&fs).is_empty());
    }
}

#[test]
fn a_checkpoint_of_a_checkpoint() {
    let fs = MemFsOptions::new().volume("/backup", VolumeOptions::new()).build().unwrap();
    let db = with_checkpoint(&fs, &["users", "orders"]);
    let second = Path::new("/backup/second");
    run_checkpoint(&opened(&fs), &fs, second).unwrap();
    assert!(db.check_target(&fs, second).unwrap());
    let elsewhere = MemFs::new();
    run_checkpoint(&opened(&fs), &elsewhere, Path::new("/third")).unwrap();
    assert!(db.check_target(&elsewhere, Path::new("/third")).unwrap());
}

#[test]
fn a_restore_can_be_cancelled() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    let stop = |progress: &lsm_checkpoint::Progress| match progress.files_done {
        0 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    };
    let cancelled = Checkpoint::new().progress(&stop).restore(&opened(&fs), &fs, Path::new(RESTORED));
    assert!(matches!(cancelled, Err(Error::Cancelled)));
    assert!(!fs.exists(Path::new(RESTORED)).unwrap() && debris(&fs).is_empty());
}

#[test]
fn a_crash_leaves_the_target_absent_or_complete() {
    for (scenario, trees) in [("restore", &[""][..]), ("restore, two trees", &["users", "orders"])] {
        assert!(crash(scenario, trees, seeded_sweep()).states() > 1000);
    }
}

#[test]
fn a_crash_on_another_volume() {
    let fs = MemFsOptions::new().volume("/backup", VolumeOptions::new()).build().unwrap();
    with_checkpoint(&fs, &[""]);
    let target = Path::new("/backup/restored");
    let swept = seeded_sweep()
        .start_from(&fs)
        .run(|fs| restore_and_note(fs, target), |image, notes| check_state(image, notes, &[""], target));
    tried("restore, on another volume", swept);
}

#[test]
fn a_crash_beside_another_process_that_syncs() {
    let foreign = [ForeignSync::Each, ForeignSync::Everything];
    let sweeping = seeded_sweep().budget(Budget::Quick).foreign_syncs(foreign);
    crash("restore, beside syncs of others", &[""], sweeping);
}

#[test]
fn a_second_crash_in_the_next_call() {
    let next = |fs: &MemFs| match restore_and_note(fs, Path::new(RESTORED)) {
        Err(Error::TargetExists { .. }) => Ok(()),
        restored => restored,
    };
    let sweeping = seeded_sweep().budget(Budget::Quick).recovery(next);
    crash("restore, second crash in the next call", &[""], sweeping);
}

#[test]
fn a_second_crash_in_the_sweep() {
    let once = |fs: &MemFs| sweep(fs, Path::new("/"), NORMAL).map(drop);
    let sweeping = seeded_sweep().budget(Budget::Quick).recovery(once);
    crash("restore, second crash in a sweep", &[""], sweeping);
}

/// If directories cannot be renamed, a crash may leave a marked and partial target until the next sweep.
#[test]
fn a_crash_where_directories_cannot_be_renamed() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    let target = Path::new(RESTORED);
    let report = seeded_sweep().start_from(&fs).budget(Budget::Quick).run(
        |fs| {
            restore(&opened(fs), &Tweak::new(fs.clone()).without_directory_renames(), target)?;
            fs.note(OK);
            Ok::<_, Error>(())
        },
        |image, notes| {
            let complete = notes.contains(OK) && check(image, target)?;
            let swept = sweep(image, Path::new("/"), NORMAL).map_err(|e| e.to_string())?;
            assert!(swept.failed.is_empty() && debris(image).is_empty(), "{swept:?}");
            assert!(complete || !notes.contains(OK));
            assert!(check(image, target)? || !complete, "the sweep took it away");
            assert!(db_on(image, &[""]).check_target(image, Path::new(TARGET))?);
            if !image.exists(target).map_err(|e| e.to_string())? {
                restore(&opened(image), image, target).map_err(|e| format!("the retry failed: {e}"))?;
            }
            assert!(check(image, target)?);
            Ok::<_, String>(())
        },
    );
    tried("restore in place", report);
}

#[test]
fn any_failure_leaves_nothing_or_says_so() {
    let make = || {
        let fs = MemFs::new();
        with_checkpoint(&fs, &[""]);
        fs
    };
    let report = fault_sweep(
        make,
        |fs| {
            let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), TARGET)?;
            restore(&checkpoint, fs, Path::new(RESTORED))
        },
        |fault, result, fs| {
            let (db, target) = (db_on(fs, &[""]), Path::new(RESTORED));
            db.check_source(fs)?;
            assert!(db.check_target(fs, Path::new(TARGET))?, "{fault}");
            let complete = check(fs, target)?;
            match &result {
                Ok(_) | Err(Error::PublishedNotDurable { .. }) => assert!(complete, "{fault}: {result:?}"),
                Err(Error::LeftBehind { .. }) => {}
                Err(_) => assert!(!complete, "{fault}: {result:?}"),
            }
            let swept = sweep(fs, Path::new("/"), NORMAL)?;
            assert!(swept.failed.is_empty() && debris(fs).is_empty(), "{fault}: {swept:?}");
            if !complete {
                restore(&opened(fs), fs, target)?;
                assert!(check(fs, target)?);
            }
            Ok(())
        },
    );
    println!("{}", report.unwrap());
}
