//! A process is killed at a call, the next one starts with the contents of the page cache, and then the power fails.

use lsm_fs::Fs;
use lsm_fs_mem::{Budget, CrashModel, Fault, FaultFs, MemFs, Notes, Profile};
use lsm_manifest::Result;

use super::{Place, life_cycle, log_engine::LogEngine, open, places, run, shared};
use crate::seeded::seeded_sweep;

/// The note that the second process has started, and has acknowledged nothing.
const RESTARTED: &str = "restarted";

/// Kills `first` at the k-th call and starts again with `second`, which notes every row that it acknowledges. Returns
/// `false` if `first` makes fewer calls.
fn kill_at(
    place: &Place,
    k: u64,
    first: &dyn Fn(&FaultFs<MemFs>) -> Result<()>,
    second: &dyn Fn(&MemFs) -> Result<Vec<u8>>,
) -> bool {
    let model = CrashModel::new(Profile::Adversarial).hostile_rename(true);
    let mut killed = true;
    let report = seeded_sweep().start_from(&place.fs).models([model]).budget(Budget::Quick).run(
        |fs: &MemFs| {
            let dying = FaultFs::new(fs.clone());
            dying.inject(Fault::on_any().nth(k).gone());
            let outcome = first(&dying);
            killed = !dying.injected().is_empty();
            assert!(outcome.is_err() == killed, "{}: {k}: {outcome:?}", place.name);
            fs.note(RESTARTED);
            let rows = second(fs)?;
            fs.note(as_text(&rows));
            Ok::<_, lsm_manifest::Error>(())
        },
        |image: &MemFs, notes: &Notes| {
            // Other tests cover a power cut after the first process alone.
            let Some(told) = notes.last() else { return Ok(()) };
            let told = told.trim_start_matches(RESTARTED);
            let rows = second(image).map_err(|e| e.to_string())?;
            if as_text(&rows).starts_with(told) { Ok(()) } else { Err(format!("{rows:?}, told {told}")) }
        },
    );
    if let Err(error) = report {
        panic!("{}: killed at call {k}: {error}", place.name);
    }
    killed
}

fn as_text(rows: &[u8]) -> String {
    rows.iter().map(|row| format!("{row} ")).collect()
}

fn kill_everywhere(
    places: Vec<Place>,
    first: impl Fn(&FaultFs<MemFs>, &str) -> Result<()>,
    second: impl Fn(&MemFs, &str) -> Result<Vec<u8>>,
) {
    for place in places {
        let first = |fs: &FaultFs<MemFs>| first(fs, place.dir);
        let second = |fs: &MemFs| second(fs, place.dir);
        let kills = (1..).take_while(|&k| kill_at(&place, k, &first, &second)).count();
        println!("{}: {kills} kills", place.name);
        assert!(kills > 20, "{}: {kills} kills", place.name);
    }
}

fn run_on(fs: &FaultFs<MemFs>, dir: &str, row: u8) -> Result<()> {
    life_cycle::run(&shared(fs.clone()), dir.as_ref(), row).map(drop)
}

#[test]
fn a_first_start_that_is_killed_goes_on_in_the_next_process() {
    kill_everywhere(places(), |fs, dir| run_on(fs, dir, 1), |fs, dir| run(fs, dir, 2));
}

/// After the first start, two of the places are enough.
fn two_places() -> impl Iterator<Item = Place> {
    places().into_iter().filter(|place| ["lost+found and LOCK", "a mount point"].contains(&place.name))
}

#[test]
fn a_later_start_that_is_killed_goes_on_in_the_next_process() {
    let places = two_places().inspect(|place| {
        run(&place.fs, place.dir, 1).unwrap();
        place.fs.settle();
    });
    kill_everywhere(places.collect(), |fs, dir| run_on(fs, dir, 2), |fs, dir| run(fs, dir, 3));
}

/// The second process acknowledges rows in the log of the version that it found.
#[test]
fn a_log_that_a_killed_process_began_loses_no_row() {
    let put = |engine: &mut LogEngine, row| -> Result<Vec<u8>> {
        engine.put(row)?;
        Ok(engine.rows().to_vec())
    };
    kill_everywhere(
        two_places().collect(),
        |fs, dir| {
            let mut engine = LogEngine::open_on(&shared(fs.clone()), dir)?;
            put(&mut engine, 1)?;
            engine.flush()?;
            put(&mut engine, 2).map(drop)
        },
        |fs, dir| put(&mut LogEngine::open(fs, dir)?, 3),
    );
}

/// After the second process has acknowledged a row, a lost CURRENT is noticed in every state that a power cut may
/// leave.
#[test]
fn a_current_that_is_lost_after_a_kill_is_missed() {
    let model = CrashModel::new(Profile::Adversarial).hostile_rename(true);
    for place in places() {
        let current = std::path::Path::new(place.dir).join("current");
        for k in 1.. {
            let mut killed = true;
            let report = seeded_sweep().start_from(&place.fs).models([model]).budget(Budget::Quick).run(
                |fs: &MemFs| {
                    let dying = FaultFs::new(fs.clone());
                    dying.inject(Fault::on_any().nth(k).gone());
                    let _ = run_on(&dying, place.dir, 1);
                    killed = !dying.injected().is_empty();
                    // Opening a version also acknowledges it.
                    if open(fs, place.dir)?.1.is_some() {
                        fs.note("a version");
                    }
                    run(fs, place.dir, 2)?;
                    fs.note("a version");
                    Ok::<_, lsm_manifest::Error>(())
                },
                |image: &MemFs, notes: &Notes| {
                    if notes.is_empty() {
                        return Ok(());
                    }
                    image.remove_file(&current).map_err(|e| e.to_string())?;
                    let opened = open(image, place.dir).map(drop);
                    if super::is_missing_current(&opened) { Ok(()) } else { Err(format!("{opened:?}")) }
                },
            );
            report.unwrap_or_else(|error| panic!("{}: killed at call {k}: {error}", place.name));
            if !killed {
                break;
            }
        }
    }
}
