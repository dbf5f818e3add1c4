//! Checkpoints of trees during writes, flushes and compactions.

use std::path::Path;

use lsm_checkpoint::{Checkpoint, Method, Policy, remove};
use lsm_checkpoint_engines::{
    exam::{Exam, take},
    kind::{Kind, Which},
    load::{Load, under_load},
    oracle::{Oracle, Plan},
};
use lsm_fs::{StdFs, SyncMode};

use crate::mounts::{number, places};

/// The plan. It is large enough for several rounds of flush and compaction before the first checkpoint.
const PLAN: Plan = Plan { keys: 5_000, value_size: 128 };

/// The number of operations before each checkpoint.
const APART: u64 = 5_000;

const POLICIES: [Policy; 3] = [Policy::PreferLink, Policy::PreferReflink, Policy::Independent];

fn on(kind: Kind, name: &str, root: &Path, checkpoints: u64) {
    let dir = tempfile::tempdir_in(root).unwrap();
    let path = |name: &str| dir.path().join(name);
    let engine = kind.open(&path("db")).unwrap();
    let oracle = Oracle::default();
    let load = Load::new(&*engine, PLAN, &oracle);
    let mut exam = Exam::new(kind, PLAN);
    let (mut linked, mut unchecked) = (0, 0);
    let start = std::time::Instant::now();
    under_load(&load, || {
        for n in 0..checkpoints {
            load.wait_for(oracle.acknowledged() + APART);
            let policy = POLICIES[(n % 3) as usize];
            let target = path(&format!("checkpoint-{n}"));
            let taken = take(&*engine, &oracle, &Checkpoint::new().policy(policy), &target)?;
            let verdict = exam.examine(&target, &path("restored"), &taken)?;
            linked += taken.info.by_method(Method::HardLink).files;
            unchecked += verdict.unchecked_files;
            remove(&StdFs, &target, SyncMode::Normal)?;
        }
        Ok(())
    })
    .unwrap();
    let last = oracle.acknowledged();
    exam.compare(&*engine, last, last).unwrap();
    let (all, seconds) = (checkpoints * PLAN.keys, start.elapsed().as_secs_f64());
    println!(
        "{name} {kind:?}: {checkpoints} checkpoints, {all} keys compared, {linked} files linked, {last} writes, \
         {} rounds, {seconds:.1} s",
        load.rounds(),
    );
    assert!(linked > 0, "no checkpoint has linked a file");
    assert_eq!(unchecked, 0, "files without a checksum");
}

fn all(which: Which) {
    let checkpoints = number("LSM_ENGINE_CHECKPOINTS", 4);
    for (name, root) in places() {
        for blobs in [false, true] {
            on(Kind::new(which, blobs), &name, &root, checkpoints);
        }
    }
}

#[test]
fn coordinode_v5() {
    all(Which::CoordinodeV5);
}

#[test]
fn coordinode_v7() {
    all(Which::CoordinodeV7);
}

#[test]
fn fjall() {
    all(Which::Fjall);
}
