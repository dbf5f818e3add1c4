//! The program in the README, crashed at every step of its first start and of later starts.

use std::path::Path;

use lsm_fs::Fs;
use lsm_fs_mem::{Budget, CrashModel, MemFs, Notes, Profile};
use lsm_manifest::{Error, Result};

use super::{is_missing_current, log_engine::LogEngine, open, places, run};
use crate::seeded::seeded_sweep;

pub(super) fn models() -> Vec<CrashModel> {
    let split = CrashModel::new(Profile::Adversarial).hostile_rename(true);
    Profile::ALL.map(CrashModel::new).into_iter().chain([split]).collect()
}

fn runs(fs: &MemFs, dir: &str) -> Result<()> {
    for row in 1..=3 {
        run(fs, dir, row)?;
        fs.note(row.to_string());
    }
    Ok(())
}

/// The next start succeeds and finds every row whose run has returned, and so does the start after it.
fn check(image: &MemFs, dir: &str, notes: &Notes) -> std::result::Result<(), String> {
    let say = |error: Error| error.to_string();
    let mut rows = run(image, dir, 9).map_err(say)?;
    assert_eq!(run(image, dir, 10).map_err(say)?, [&rows[..], &[10]].concat());
    rows.pop();
    let all = [1, 2, 3];
    let is_sound = all.starts_with(&rows) && rows.len() >= notes.len();
    if is_sound { Ok(()) } else { Err(format!("{rows:?} is left, {notes:?} was told")) }
}

#[test]
fn every_crash_of_every_start_leaves_a_directory_that_starts() {
    for place in places() {
        let sweep = seeded_sweep().start_from(&place.fs).models(models());
        let report =
            sweep.run(|fs: &MemFs| runs(fs, place.dir), |image, notes| check(image, place.dir, notes));
        println!("{}: {}", place.name, report.unwrap_or_else(|error| panic!("{}: {error}", place.name)));
    }
}

#[test]
fn a_second_crash_in_the_next_start_leaves_a_directory_that_starts() {
    for place in places() {
        let report = seeded_sweep()
            .start_from(&place.fs)
            .models([CrashModel::new(Profile::Adversarial).hostile_rename(true)])
            .budget(Budget::Quick)
            .recovery(|fs: &MemFs| open(fs, place.dir).map(drop))
            .run(|fs: &MemFs| runs(fs, place.dir), |image, notes| check(image, place.dir, notes));
        println!("{}: {}", place.name, report.unwrap_or_else(|error| panic!("{}: {error}", place.name)));
    }
}

/// If CURRENT is lost in any state after a version was acknowledged, the directory does not look like an interrupted
/// first start.
#[test]
fn a_current_lost_after_a_publication_is_an_error() {
    for place in places() {
        let current = Path::new(place.dir).join("current");
        let report = seeded_sweep().start_from(&place.fs).models(models()).run(
            |fs: &MemFs| runs(fs, place.dir),
            |image: &MemFs, notes: &Notes| {
                if notes.is_empty() {
                    return Ok(());
                }
                image.remove_file(&current).map_err(|e| e.to_string())?;
                let opened = open(image, place.dir).map(drop);
                if is_missing_current(&opened) { Ok(()) } else { Err(format!("{opened:?}")) }
            },
        );
        println!("{}: {}", place.name, report.unwrap_or_else(|error| panic!("{}: {error}", place.name)));
    }
}

/// An engine with a log. It creates files before its first version, and acknowledges rows between two versions.
#[test]
fn an_engine_with_a_log_loses_no_row() {
    for place in places() {
        let workload = |fs: &MemFs| -> Result<()> {
            let mut engine = LogEngine::open(fs, place.dir)?;
            for row in 1..=4 {
                engine.put(row)?;
                fs.note(row.to_string());
                if row % 2 == 0 {
                    engine.flush()?;
                }
            }
            Ok(())
        };
        let check = |image: &MemFs, notes: &Notes| -> std::result::Result<(), String> {
            let mut engine = LogEngine::open(image, place.dir).map_err(|e| e.to_string())?;
            let rows = engine.rows().to_vec();
            engine.put(9).and_then(|()| engine.flush()).map_err(|e| e.to_string())?;
            drop(engine);
            let again = LogEngine::open(image, place.dir).map_err(|e| e.to_string())?;
            assert_eq!(again.rows(), [&rows[..], &[9]].concat());
            let is_sound = [1, 2, 3, 4].starts_with(&rows) && rows.len() >= notes.len();
            if is_sound { Ok(()) } else { Err(format!("{rows:?} is left, {notes:?} was told")) }
        };
        let report = seeded_sweep().start_from(&place.fs).models(models()).run(workload, check);
        println!("{}: {}", place.name, report.unwrap_or_else(|error| panic!("{}: {error}", place.name)));
    }
}
