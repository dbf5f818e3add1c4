//! Processes that are killed while they write and take checkpoints.

use std::path::Path;

use lsm_checkpoint::{CheckpointState, VerifyOptions, list, sweep};
use lsm_checkpoint_engines::{
    exam::{Exam, verified},
    kind::Kind,
};
use lsm_fs::{Fs, StdFs, SyncMode};

use crate::{
    child::{PLAN, Writer},
    mounts::{number, places},
};

/// The upper bound on the operations of a killed process, which cannot report its last one.
const UNKNOWN: u64 = 2_000_000;

/// The last step at which a process is killed. It belongs to the second or third checkpoint.
const STEPS_MAX: u64 = 40;

fn names(dir: &Path) -> Vec<String> {
    StdFs.read_dir(dir).unwrap().iter().map(|entry| entry.name.to_string_lossy().into_owned()).collect()
}

/// Kills a process once, and checks its tree and its checkpoints. Returns the number of published checkpoints, and the
/// number of swept ones.
fn kill_once(kind: Kind, root: &Path, steps: u64, go_on: bool) -> (usize, usize) {
    let dir = tempfile::tempdir_in(root).unwrap();
    let path = |name: &str| dir.path().join(name);
    let said = Writer::spawn(kind, dir.path()).kill_at(steps, go_on);
    let report = sweep(&StdFs, dir.path(), SyncMode::Normal).unwrap();
    assert!(report.failed.is_empty() && report.in_progress.is_empty(), "{steps}: {report:?}");

    let published = list(&StdFs, dir.path()).unwrap();
    for listed in &published {
        assert!(matches!(listed.state, CheckpointState::Complete), "{steps}: {listed:?}");
        let name = listed.name.to_str().unwrap();
        let (_, acknowledged) =
            said.begun.iter().find(|(begun, _)| begun == name).expect("announced before it is begun");
        let mut exam = Exam::new(kind, PLAN);
        let _ = verified(&path(name), &VerifyOptions::full()).unwrap();
        exam.reopen(&path(name), &path("restored"), *acknowledged, acknowledged + UNKNOWN).unwrap();
    }
    for name in &said.finished {
        assert!(published.iter().any(|listed| listed.name == **name), "{steps}: {name} had returned");
    }

    let engine = kind.open(&path("db")).unwrap();
    Exam::new(kind, PLAN).compare(&*engine, said.flushed, said.flushed + UNKNOWN).unwrap();
    drop(engine);
    // Only the database and the published checkpoints remain.
    assert_eq!(names(dir.path()).len(), 1 + published.len(), "{steps}: {:?}", names(dir.path()));
    (published.len(), report.cleared.len())
}

#[test]
fn the_source_and_every_checkpoint_hold_all_flushed_writes() {
    let kills = number("LSM_ENGINE_KILLS", 3);
    for (name, root) in places() {
        let (mut published, mut swept, mut killed) = (0, 0, 0);
        for kind in Kind::all() {
            for kill in 0..kills {
                // Spread the kills over the range, differently for each kind.
                let steps = 1 + (killed * 7 + kill * 13) % STEPS_MAX;
                let (complete, debris) = kill_once(kind, &root, steps, kill % 2 == 1);
                published += complete;
                swept += debris;
                killed += 1;
            }
        }
        println!("{name}: {killed} killed, {published} published, {swept} swept");
        assert!(published > 0 && swept > 0, "{name}: {published} published, {swept} swept");
    }
}
