//! Creators that are killed at each step and between steps, and creators that race.

use std::{path::Path, sync::Arc, time::Duration};

use lsm_checkpoint::{Catalog, Error, remove, run_checkpoint, sweep};
use lsm_fs::{Fs, FsExt, StdFs, SyncMode};

use crate::{
    bed::{Oracle, Workload, check_files, open, stress::check},
    child::Creator,
    mounts::{BTRFS, EXT4, TMPFS, XFS, number, scratch},
    stressed::names,
};

const RUNS: u64 = 25;
const RECORDS: u64 = RUNS * 30;

/// Creates a tree of many files. Only the children open it.
fn prepared(fs: &Arc<dyn Fs>, db: &Path) -> Oracle {
    let engine = open(fs, db).unwrap();
    let (oracle, mut work) = (Oracle::default(), Workload::new(2, 500));
    for _ in 0..RUNS {
        work.write(&engine, &oracle, RECORDS / RUNS).unwrap();
        engine.flush().unwrap();
    }
    oracle
}

fn killed_on(variable: &str) {
    let (dir, fs): (_, Arc<dyn Fs>) = (scratch(variable), Arc::new(StdFs));
    let (db, target) = (dir.path().join("db"), dir.path().join("checkpoint"));
    let oracle = prepared(&fs, &db);
    let kills = number("LSM_REALFS_KILLS", 200);
    let seed = number("LSM_REALFS_SEED", 1);
    let mut random = Workload::new(seed, 1);
    let (mut killed, mut swept, mut complete) = (0, 0, 0);
    let mut attempts = 0;
    while killed < kills {
        attempts += 1;
        assert!(attempts < 10 * kills, "hardly any creator is killed: {killed} of {attempts}");
        let step = random.next() % (2 * RUNS + 4);
        // Half of them die at the step itself, and the others some time after it, unless they have ended.
        let go_on = (attempts % 4 < 2).then(|| Duration::from_micros(random.next() % 5000));
        if !Creator::stepwise(&db, &target, attempts % 2 == 0).kill_at(step, go_on) {
            assert!(Catalog::read(&*fs, &target).is_ok());
            remove(&*fs, &target, SyncMode::Normal).unwrap();
            continue;
        }
        killed += 1;
        if fs.exists(&target).unwrap() {
            check(&fs, &target, &oracle, RECORDS).unwrap();
            complete += 1;
            remove(&*fs, &target, SyncMode::Normal).unwrap();
        } else if killed % 2 == 0 {
            let report = sweep(&*fs, dir.path(), SyncMode::Normal).unwrap();
            assert!(report.failed.is_empty() && report.in_progress.is_empty(), "{report:?}");
            swept += report.cleared.len();
            assert_eq!(names(dir.path()), ["db"]);
        }
        // The next creator clears the debris without a sweep.
        let engine = open(&fs, &db).unwrap();
        check_files(&*fs, &db).unwrap();
        run_checkpoint(&engine, &*fs, &target).unwrap();
        assert_eq!(names(dir.path()), ["checkpoint", "db"]);
        check(&fs, &target, &oracle, RECORDS).unwrap();
        remove(&*fs, &target, SyncMode::Normal).unwrap();
    }
    println!(
        "{variable}: seed {seed}, {killed} killed of {attempts}, {swept} swept, {complete} had published"
    );
}

#[test]
fn ext4() {
    killed_on(EXT4);
}

#[test]
fn xfs() {
    killed_on(XFS);
}

#[test]
fn btrfs() {
    killed_on(BTRFS);
}

#[test]
fn tmpfs() {
    killed_on(TMPFS);
}

#[test]
fn of_eight_processes_one_succeeds() {
    for variable in [EXT4, XFS, BTRFS, TMPFS] {
        let (dir, fs): (_, Arc<dyn Fs>) = (scratch(variable), Arc::new(StdFs));
        let (db, target) = (dir.path().join("db"), dir.path().join("checkpoint"));
        let oracle = prepared(&fs, &db);
        for round in 0..5 {
            let creators: Vec<_> = (0..8).map(|n| Creator::spawn(&db, &target, n % 2 == 0)).collect();
            let outcomes: Vec<_> = creators.into_iter().map(Creator::outcome).collect();
            let count = |what: &str| outcomes.iter().filter(|outcome| *outcome == what).count();
            assert_eq!((count("ok"), count("exists") + count("in progress")), (1, 7), "{outcomes:?}");
            check(&fs, &target, &oracle, RECORDS).unwrap();
            assert_eq!(names(dir.path()), ["checkpoint", "db"], "round {round}");
            let engine = open(&fs, &db).unwrap();
            let again = run_checkpoint(&engine, &*fs, &target);
            assert!(matches!(again, Err(Error::TargetExists { .. })));
            remove(&*fs, &target, SyncMode::Normal).unwrap();
        }
    }
}
