//! The changes that an engine makes to a checkpoint which it opens in place.

use lsm_checkpoint::{Defect, Stranger, VerifyOptions, VerifyReport, run_checkpoint, verify};
use lsm_checkpoint_engines::{
    kind::{Kind, Which},
    oracle::Plan,
};
use lsm_fs::StdFs;

const PLAN: Plan = Plan { keys: 200, value_size: 64 };

/// Verifies a checkpoint that its engine has opened and closed.
fn report(which: Which) -> VerifyReport {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let kind = Kind::new(which, false);
    let engine = kind.open(&path("live")).unwrap();
    (1..=500).for_each(|n| PLAN.apply(&*engine, n));
    run_checkpoint(&*engine.source(), &StdFs, &path("checkpoint")).unwrap();
    drop(kind.open_anything(&path("checkpoint")).unwrap());
    // `open_anything` has made this file. The others are the engine's.
    std::fs::remove_file(path("checkpoint/IDENTITY")).unwrap();
    let report = verify(&StdFs, &path("checkpoint"), &VerifyOptions::full()).unwrap();
    println!("{}: {report}", which.name());
    report
}

#[test]
fn v5_leaves_a_lock_and_the_checkpoint_stays_sound() {
    let report = report(Which::CoordinodeV5);
    assert!(report.is_sound());
    assert!(report.notes.iter().any(|note| note.what == Stranger::Lock));
}

#[test]
fn v7_replaces_the_manifest() {
    let report = report(Which::CoordinodeV7);
    let missing = |what: &Defect| matches!(what, Defect::Missing);
    assert!(report.problems.iter().any(|problem| missing(&problem.what)), "{report}");
}

#[test]
fn fjall_leaves_nothing() {
    let report = report(Which::Fjall);
    assert!(report.is_sound() && report.notes.is_empty());
}
