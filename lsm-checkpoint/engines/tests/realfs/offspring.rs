//! Checkpoints of checkpoints, and restored trees that are used while their source is live.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{Checkpoint, CheckpointDir, Policy, restore, run_checkpoint};
use lsm_checkpoint_engines::{
    exam::{Exam, take},
    kind::Kind,
    load::{Load, under_load},
    oracle::{Oracle, Plan},
};
use lsm_fs::{Fs, StdFs};

use crate::mounts::places;

const PLAN: Plan = Plan { keys: 2_000, value_size: 128 };

/// Returns every file below a directory.
fn files_of(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.append(&mut files_of(&path));
        } else {
            files.push(path);
        }
    }
    files
}

fn bytes_of(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files_of(dir).into_iter().map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

/// Returns the inodes below a directory. Skips files that a live tree removes meanwhile.
fn inodes_of(dir: &Path) -> BTreeSet<u64> {
    files_of(dir).iter().filter_map(|path| Some(fs::metadata(path).ok()?.ino())).collect()
}

/// Takes a checkpoint under load, checkpoints of the checkpoint, and a restored tree. Checks that writes to one do not
/// change another.
fn on(kind: Kind, root: &Path) {
    let dir = tempfile::tempdir_in(root).unwrap();
    let path = |name: &str| dir.path().join(name);
    let (engine, oracle) = (kind.open(&path("db")).unwrap(), Oracle::default());
    let load = Load::new(&*engine, PLAN, &oracle);
    let mut exam = Exam::new(kind, PLAN);
    let taken = under_load(&load, || {
        load.wait_for(20_000);
        let taken = take(&*engine, &oracle, &Checkpoint::new(), &path("first"))?;
        let before = bytes_of(&path("first"));
        let first = CheckpointDir::open(Arc::new(StdFs), path("first"))?;

        // Checkpoints of the checkpoint: one that shares its inodes, and one that shares none.
        run_checkpoint(&first, &StdFs, &path("second"))?;
        let second = CheckpointDir::open(Arc::new(StdFs), path("second"))?;
        assert!(inodes_of(&path("first/tables")).is_superset(&inodes_of(&path("second/tables"))));
        Checkpoint::new().policy(Policy::Independent).create(&second, &StdFs, &path("third"))?;
        assert!(inodes_of(&path("second")).is_disjoint(&inodes_of(&path("third"))));
        for name in ["first", "second", "third"] {
            exam.examine(&path(name), &path("restored"), &taken)?;
        }

        // A restored tree diverges while the source is live.
        restore(&first, &StdFs, &path("live"))?;
        assert!(inodes_of(&path("live")).is_disjoint(&inodes_of(&path("first"))));
        let last = branch(kind, &mut exam, &path("live"), (taken.promised(), taken.issued));
        assert_eq!(bytes_of(&path("first")), before, "{kind:?}: the checkpoint has changed");
        assert!(inodes_of(&path("live")).is_disjoint(&inodes_of(&path("db"))), "{kind:?}, after {last}");
        Ok(taken)
    })
    .unwrap();
    let last = oracle.acknowledged();
    exam.compare(&*engine, last, last).unwrap();

    // The checkpoint survives the removal of its source.
    drop(engine);
    StdFs.remove_dir_all(&path("db")).unwrap();
    Exam::new(kind, PLAN).examine(&path("first"), &path("restored"), &taken).unwrap();
    // The engine can open the checkpoint in place, although it may be no valid checkpoint afterwards.
    let refused = kind.open(&path("first")).map(drop).unwrap_err().to_string();
    assert!(refused.ends_with("first: a checkpoint; restore it and open the copy"), "{refused}");
    let opened = kind.open_anything(&path("first")).unwrap();
    Exam::new(kind, PLAN).compare(&*opened, taken.promised(), taken.issued).unwrap();
}

/// Writes to a restored tree and compacts it until all restored files are gone. Returns the last operation.
fn branch(kind: Kind, exam: &mut Exam, dir: &Path, (acknowledged, issued): (u64, u64)) -> u64 {
    let first = files_of(&dir.join("tables"));
    let engine = kind.open(dir).unwrap();
    let mut last = exam.compare(&*engine, acknowledged, issued).unwrap().operations;
    for _ in 0..3 {
        for _ in 0..3_000 {
            last += 1;
            PLAN.apply(&*engine, last);
        }
        engine.flush().unwrap();
        engine.compact_all().unwrap();
    }
    let mut own = Exam::new(kind, PLAN);
    own.compare(&*engine, last, last).unwrap();
    drop(engine);
    let left = files_of(&dir.join("tables")).into_iter().find(|file| first.contains(file));
    assert_eq!(left, None, "{kind:?}: not everything was compacted");
    own.compare(&*kind.open(dir).unwrap(), last, last).unwrap();
    last
}

#[test]
fn checkpoints_of_checkpoints_and_restored_trees_are_independent() {
    for (name, root) in places() {
        for kind in Kind::all() {
            on(kind, &root);
        }
        println!("{name}: every engine, both kinds");
    }
}
