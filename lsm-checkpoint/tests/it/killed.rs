//! A kill at every moment of a call, the next process with the page cache of the killed one, and then a crash.

use std::path::Path;

use lsm_checkpoint::{CheckpointDir, Error, remove, restore, run_checkpoint, sweep};
use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_fs_mem::{Budget, CrashSweep, MemFs, Notes};

use crate::{
    crash::{Case, OK, retry},
    create::TARGET,
    db::all_files,
    remove::{REMOVED, check as check_removed, with_checkpoint},
    seeded::seeded_sweep,
};

const NORMAL: SyncMode = SyncMode::Normal;
const RESTORED: &str = "/restored";

type Call<'a> = &'a dyn Fn(&MemFs) -> Result<(), Error>;
type Check<'a> = &'a dyn Fn(&MemFs, &Notes) -> Result<(), String>;

fn kill(start: &MemFs, first: Call<'_>, next: Call<'_>, check: Check<'_>) {
    let sweep = seeded_sweep().start_from(start).budget(Budget::Quick);
    let report = sweep.after_kill(next).run(first, check).unwrap();
    println!("{report}");
    assert!(report.profiles.iter().all(|profile| profile.kills.is_some_and(|kills| kills.0 > 10)));
}

/// Syncs the parent, because a process that finds the name taken or gone does not know if this is durable.
fn sync_parent(fs: &MemFs) -> Result<(), Error> {
    let _ = fs.sync_directory(Path::new("/"), NORMAL)?;
    Ok(())
}

fn create(case: &Case, fs: &MemFs) -> Result<(), Error> {
    run_checkpoint(&case.db(fs), fs, Path::new(TARGET))?;
    fs.note(OK);
    Ok(())
}

fn case() -> Case {
    let mut case = Case::new(&[""]);
    case.extras = false;
    case
}

fn check_created(case: &Case, image: &MemFs, notes: &Notes) -> Result<(), String> {
    case.check(image, notes)?;
    retry(case, image)
}

fn create_again(case: &Case, fs: &MemFs, found: Call<'_>) -> Result<(), Error> {
    match create(case, fs) {
        Err(Error::TargetExists { .. }) => {
            assert!(case.db(fs).check_target(fs, Path::new(TARGET)).unwrap());
            found(fs)?;
            fs.note(OK);
            Ok(())
        }
        created => created,
    }
}

#[test]
fn the_next_process_creates_again() {
    let case = case();
    let next = |fs: &MemFs| create_again(&case, fs, &sync_parent);
    kill(&case.start, &|fs| create(&case, fs), &next, &|image, notes| check_created(&case, image, notes));
}

/// An existing target is complete but not necessarily durable. The seed is always the same: the sweep tries a sample of
/// the kills, and with some seeds none that shows it.
#[test]
fn an_existing_target_need_not_be_durable() {
    let case = case();
    let next = |fs: &MemFs| create_again(&case, fs, &|_| Ok(()));
    let check = |image: &MemFs, notes: &Notes| check_created(&case, image, notes);
    let sweep = CrashSweep::new().start_from(&case.start).budget(Budget::Quick).after_kill(next);
    let error = sweep.run(|fs| create(&case, fs), check).unwrap_err();
    assert_eq!(error.failure().unwrap().message, "the call has returned Ok, and the target is absent");
}

#[test]
fn the_next_process_sweeps_and_creates() {
    let case = case();
    let next = |fs: &MemFs| {
        let swept = sweep(fs, Path::new("/"), NORMAL)?;
        assert!(swept.failed.is_empty() && swept.in_progress.is_empty(), "{swept:?}");
        create_again(&case, fs, &sync_parent)
    };
    kill(&case.start, &|fs| create(&case, fs), &next, &|image, notes| check_created(&case, image, notes));
}

fn remove_and_note(fs: &MemFs) -> Result<(), Error> {
    remove(fs, Path::new(TARGET), NORMAL)?;
    fs.note(REMOVED);
    Ok(())
}

#[test]
fn the_next_process_removes_again() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    let next = |fs: &MemFs| match remove_and_note(fs) {
        Err(Error::NotACheckpoint { .. }) => {
            sync_parent(fs)?;
            fs.note(REMOVED);
            Ok(())
        }
        removed => removed,
    };
    kill(&fs, &remove_and_note, &next, &|image, notes| check_removed(image, notes, &[""]));
}

#[test]
fn the_next_process_sweeps_after_a_removal() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    let next = |fs: &MemFs| {
        let swept = sweep(fs, Path::new("/"), NORMAL)?;
        assert!(swept.failed.is_empty() && swept.in_progress.is_empty(), "{swept:?}");
        if swept.cleared == [Path::new(TARGET)] {
            fs.note(REMOVED);
        }
        Ok(())
    };
    kill(&fs, &remove_and_note, &next, &|image, notes| check_removed(image, notes, &[""]));
}

fn restore_and_note(fs: &MemFs) -> Result<(), Error> {
    restore(&CheckpointDir::open(std::sync::Arc::new(fs.clone()), TARGET)?, fs, Path::new(RESTORED))?;
    fs.note(OK);
    Ok(())
}

/// Checks that the directory is absent, or holds every file of the checkpoint but the catalog.
fn check_restored(image: &MemFs, notes: &Notes) -> Result<(), String> {
    if !image.exists(Path::new(RESTORED)).map_err(|e| e.to_string())? {
        return if notes.contains(OK) { Err("restored, and absent".to_owned()) } else { Ok(()) };
    }
    let bytes_of = |root: &str| {
        let files = all_files(image, Path::new(root), Path::new("")).unwrap();
        let read =
            |file: &std::path::PathBuf| image.read_to_vec(&Path::new(root).join(file), 1 << 20).unwrap();
        let own = files.into_iter().filter(|file| file != Path::new("CHECKPOINT"));
        own.map(|file| (file.clone(), read(&file))).collect::<Vec<_>>()
    };
    if bytes_of(RESTORED) == bytes_of(TARGET) { Ok(()) } else { Err("half restored".to_owned()) }
}

#[test]
fn the_next_process_restores_again() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    let next = |fs: &MemFs| match restore_and_note(fs) {
        Err(Error::TargetExists { .. }) => {
            sync_parent(fs)?;
            fs.note(OK);
            Ok(())
        }
        restored => restored,
    };
    kill(&fs, &restore_and_note, &next, &check_restored);
}
