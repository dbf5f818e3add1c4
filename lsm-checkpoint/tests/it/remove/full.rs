//! Removal on a volume without space for another name. The pointers are removed first, and a partly removed checkpoint
//! is recognised.

use std::path::Path;

use lsm_checkpoint::{CheckpointState, Error, list, remove, run_checkpoint, sweep};
use lsm_fs::{Fs, FsExt, Op, errno};
use lsm_fs_mem::{Budget, Fault, FaultFs, MemFs, Notes, fault_sweep};

use super::{NORMAL, REMOVED, db_on, debris, with_checkpoint};
use crate::{
    crash::{in_place::MARKER, tried},
    create::TARGET,
    seeded::seeded_sweep,
    switches::{Switch, switched},
    tweak::Tweak,
};

const ONE: &[&str] = &[""];
const TWO: &[&str] = &["users", "orders"];

/// Space becomes available with the first pointer, with the second, or never.
pub(crate) const CASES: [(Switch, &[&str]); 3] =
    [(Switch::Full, ONE), (Switch::Full, TWO), (Switch::Quota, ONE)];

pub(crate) fn with_one(trees: &[&'static str]) -> MemFs {
    let fs = MemFs::new();
    with_checkpoint(&fs, trees);
    fs
}

fn remove_and_note(fs: &MemFs, switch: Switch) -> Result<(), Error> {
    remove(&switched(fs.clone(), switch), Path::new(TARGET), NORMAL)?;
    fs.note(REMOVED);
    Ok(())
}

/// Checks that the checkpoint is complete, gone, or recognised as partly removed. A sweep finishes a marked removal,
/// and a second call any other.
pub(crate) fn check_full(image: &MemFs, notes: &Notes, trees: &'static [&'static str]) -> Result<(), String> {
    let (db, target) = (db_on(image, trees), Path::new(TARGET));
    let text = |e: lsm_fs::Error| e.to_string();
    db.check_source(image)?;
    let whole = db.check_target(image, target);
    if notes.contains(REMOVED) && image.exists(target).map_err(text)? {
        return Err("it came back".to_owned());
    }
    // The last step of a removal without a marker removes an empty directory.
    let is_empty = || image.read_dir(target).is_ok_and(|entries| entries.is_empty());
    if let Err(half) = &whole
        && !is_empty()
    {
        let pointers = trees.iter().map(|tree| image.exists(&target.join(tree).join("current")));
        if pointers.into_iter().all(|there| there.unwrap_or(true)) {
            return Err(format!("it looks whole: {half}"));
        }
        let is_marked = image.exists(&target.join(MARKER)).map_err(text)? && !debris(image).is_empty();
        let listed = list(image, Path::new("/")).map_err(|e| e.to_string())?;
        let state = listed.iter().find(|listed| listed.name == "checkpoint").map(|listed| &listed.state);
        if !is_marked && !matches!(state, Some(CheckpointState::Incomplete)) {
            return Err(format!("half removed, and not known as such: {state:?}, {half}"));
        }
    }
    let is_beside = !debris(image).is_empty();
    let swept = sweep(image, Path::new("/"), NORMAL).map_err(|e| e.to_string())?;
    if !swept.failed.is_empty() || !debris(image).is_empty() {
        return Err(format!("the sweep failed: {swept:?}"));
    }
    let is_half = !is_empty() && db.check_target(image, target).is_err();
    if is_half && is_beside && swept.unfinished != [target] {
        return Err(format!("the sweep does not tell: {swept:?}"));
    }
    match remove(image, target, NORMAL) {
        Ok(_) | Err(Error::NotACheckpoint { .. }) => {}
        Err(error) => return Err(format!("the next call failed: {error}")),
    }
    if is_empty() {
        image.remove_dir(target).map_err(text)?;
    }
    run_checkpoint(&db_on(image, trees), image, target).map_err(|e| e.to_string())?;
    db.check_source(image)
}

#[test]
fn a_checkpoint_is_removed_from_a_full_volume() {
    for (switch, trees) in CASES {
        let fs = with_one(trees);
        remove_and_note(&fs, switch).unwrap();
        assert!(!fs.exists(Path::new(TARGET)).unwrap() && debris(&fs).is_empty(), "{switch:?}, {trees:?}");
        db_on(&fs, trees).check_source(&fs).unwrap();
    }
}

#[test]
fn a_crash_leaves_the_checkpoint_whole_gone_or_recognisable() {
    for (switch, trees) in CASES {
        let start = with_one(trees);
        let once = seeded_sweep().start_from(&start);
        let once = if trees == ONE { once } else { once.budget(Budget::Quick) };
        let report =
            once.run(|fs| remove_and_note(fs, switch), |image, notes| check_full(image, notes, trees));
        tried("remove on a full disk", report);
        let twice = seeded_sweep().start_from(&start).budget(Budget::Quick);
        let twice = twice.recovery(|fs| match remove_and_note(fs, switch) {
            Err(Error::NotACheckpoint { .. }) => Ok(()),
            removed => removed,
        });
        let report =
            twice.run(|fs| remove_and_note(fs, switch), |image, notes| check_full(image, notes, trees));
        tried("remove on a full disk, second crash in the next call", report);
    }
}

#[test]
fn any_failure_leaves_the_checkpoint_whole_gone_or_recognisable() {
    for (switch, trees) in CASES {
        let report = fault_sweep(
            || with_one(trees),
            |fs| remove(&switched(fs.clone(), switch), Path::new(TARGET), NORMAL),
            |fault, result, fs| {
                let (db, target) = (db_on(fs, trees), Path::new(TARGET));
                match &result {
                    Ok(_) => assert!(!fs.exists(target)? && debris(fs).is_empty(), "{fault}"),
                    Err(Error::LeftBehind { .. } | Error::RemovedNotDurable { .. }) => {}
                    Err(_) => assert!(db.check_target(fs, target)?, "{fault}: {result:?}"),
                }
                check_full(fs, &Notes::default(), trees)
                    .unwrap_or_else(|failure| panic!("{fault}: {failure}"));
                Ok(())
            },
        );
        println!("{switch:?}, {trees:?}: {}", report.unwrap());
    }
}

/// The entry is added after the call has listed the directory, so the directory stays.
#[test]
fn an_entry_that_is_added_meanwhile_is_reported() {
    let fs = with_one(ONE);
    let tweaked = Tweak::new(fs.clone()).before(Op::RemoveFile, "/checkpoint/CHECKPOINT", |fs| {
        fs.write_new(Path::new("/checkpoint/mine"), b"mine", NORMAL).unwrap();
        fs.create_dir(Path::new("/checkpoint/tables")).unwrap();
    });
    let report = remove(&switched(tweaked, Switch::Quota), Path::new(TARGET), NORMAL).unwrap();
    assert_eq!(report.left, [Path::new("mine"), Path::new("tables")]);
    assert_eq!(fs.read_dir(Path::new(TARGET)).unwrap().len(), 2);
}

/// NTFS refuses the staged name for lack of space, and then reports that the name exists, although no lookup finds it.
#[test]
fn a_staged_name_that_exists_and_is_missing_is_no_obstacle() {
    let fs = with_one(ONE);
    let half = FaultFs::new(fs.clone());
    let staged = || Fault::on(Op::CreateDir).at("/.checkpoint.checkpoint-staged");
    half.inject(staged().nth(1).before(errno::ENOSPC));
    half.inject(staged().from_nth(2).before(errno::EEXIST));
    let tweaked = Tweak::new(half).without_directory_renames();
    assert!(remove(&tweaked, Path::new(TARGET), NORMAL).unwrap().left.is_empty());
    assert!(!fs.exists(Path::new(TARGET)).unwrap() && debris(&fs).is_empty());
    db_on(&fs, ONE).check_source(&fs).unwrap();
}

/// If the call is killed before the pointers have made space for a marker, the remains are not debris. They are
/// reported, and the next call finishes the removal.
#[test]
fn a_sweep_reports_an_unfinished_removal() {
    let fs = with_one(TWO);
    let killed = FaultFs::new(fs.clone());
    killed.inject(Fault::on(Op::Open).at(Path::new(TARGET).join(MARKER)).gone());
    remove(&switched(killed, Switch::Full), Path::new(TARGET), NORMAL).unwrap_err();
    assert!(!debris(&fs).is_empty());
    let report = sweep(&fs, Path::new("/"), NORMAL).unwrap();
    assert_eq!(
        (&report.unfinished[..], report.cleared.len()),
        (&[Path::new(TARGET).into()][..], 0),
        "{report:?}"
    );
    assert!(fs.exists(&Path::new(TARGET).join("users/tables/1")).unwrap());
    remove(&fs, Path::new(TARGET), NORMAL).unwrap();
    assert!(!fs.exists(Path::new(TARGET)).unwrap() && debris(&fs).is_empty());
}
