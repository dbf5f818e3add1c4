//! A process is killed at every moment, the next one starts with the contents of the page cache, and then the power
//! fails.

use std::path::Path;

use lsm_fs::Fs;
use lsm_fs_mem::{CrashModel, CrashSweep, MemFs, Notes, Profile, SweepError, SweepReport};
use lsm_manifest::{Error, Result};

use super::{Place, is_missing_current, log_engine::LogEngine, open, places, run};
use crate::seeded::seeded_sweep;

/// A disk that orders nothing, on which a crash can split a rename.
fn sweep(place: &Place) -> CrashSweep<'_> {
    let hostile = CrashModel::new(Profile::Adversarial).hostile_rename(true);
    seeded_sweep().start_from(&place.fs).models([hostile])
}

/// The sweep has succeeded, and left out no kill.
fn is_whole(place: &Place, swept: std::result::Result<SweepReport, SweepError>) {
    let report = swept.unwrap_or_else(|error| panic!("{}: {error}", place.name));
    println!("{}: {report}", place.name);
    let (_, tried, of) = report.profiles[0].kills.unwrap();
    assert_eq!(tried, of, "{}: kills are left out", place.name);
    assert!(of > 12, "{}: {of} kills", place.name);
}

/// Records rows as acknowledged.
fn acknowledge(fs: &MemFs, rows: &[u8]) {
    fs.note(as_text(rows));
}

fn as_text(rows: &[u8]) -> String {
    rows.iter().map(|row| format!("{row} ")).collect()
}

/// Kills `first` at every call, and continues with `next`. Both record the rows that they acknowledge. After a crash of
/// either, `next` starts and finds all acknowledged rows.
fn kill_everywhere(
    places: impl IntoIterator<Item = Place>,
    first: impl Fn(&MemFs, &str) -> Result<()>,
    next: impl Fn(&MemFs, &str) -> Result<Vec<u8>>,
) {
    for place in places {
        let told_next = |fs: &MemFs| next(fs, place.dir).map(|rows| acknowledge(fs, &rows));
        let check = |image: &MemFs, notes: &Notes| {
            let rows = as_text(&next(image, place.dir).map_err(|e| e.to_string())?);
            let lost = notes.iter().find(|told| !rows.starts_with(*told));
            lost.map_or(Ok(()), |told| Err(format!("{rows}is left, {told}was told")))
        };
        let swept = sweep(&place).after_kill(told_next).run(|fs| first(fs, place.dir), check);
        is_whole(&place, swept);
    }
}

fn run_and_acknowledge(fs: &MemFs, dir: &str, row: u8) -> Result<()> {
    run(fs, dir, row).map(|rows| acknowledge(fs, &rows))
}

#[test]
fn the_next_process_continues_a_killed_first_start() {
    kill_everywhere(places(), |fs, dir| run_and_acknowledge(fs, dir, 1), |fs, dir| run(fs, dir, 2));
}

#[test]
fn the_next_process_continues_a_killed_later_start() {
    let started = places().into_iter().inspect(|place| {
        run(&place.fs, place.dir, 1).unwrap();
        place.fs.settle();
    });
    kill_everywhere(started, |fs, dir| run_and_acknowledge(fs, dir, 2), |fs, dir| run(fs, dir, 3));
}

/// The second process acknowledges rows in the log of the version that it found.
#[test]
fn the_log_of_a_killed_process_loses_no_row() {
    let put = |fs: &MemFs, engine: &mut LogEngine, row| -> Result<()> {
        engine.put(row)?;
        acknowledge(fs, engine.rows());
        Ok(())
    };
    kill_everywhere(
        places(),
        |fs, dir| {
            let mut engine = LogEngine::open(fs, dir)?;
            put(fs, &mut engine, 1)?;
            engine.flush()?;
            put(fs, &mut engine, 2)
        },
        |fs, dir| {
            let mut engine = LogEngine::open(fs, dir)?;
            engine.put(3)?;
            Ok(engine.rows().to_vec())
        },
    );
}

/// After a process has acknowledged rows, a lost CURRENT is an error, whatever the power cut leaves.
#[test]
fn a_current_lost_after_a_kill_is_an_error() {
    for place in places() {
        let current = Path::new(place.dir).join("current");
        let next = |fs: &MemFs| {
            // An open that finds a version is an acknowledgement, too.
            if open(fs, place.dir)?.1.is_some() {
                fs.note("a version");
            }
            run_and_acknowledge(fs, place.dir, 2)
        };
        let check = |image: &MemFs, notes: &Notes| {
            if notes.is_empty() {
                return Ok(());
            }
            image.remove_file(&current)?;
            let opened = open(image, place.dir).map(drop);
            if is_missing_current(&opened) { Ok::<_, Error>(()) } else { panic!("{opened:?}") }
        };
        let swept = sweep(&place).after_kill(next).run(|fs| run_and_acknowledge(fs, place.dir, 1), check);
        is_whole(&place, swept);
    }
}
