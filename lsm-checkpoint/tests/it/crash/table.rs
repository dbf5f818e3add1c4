//! A table of the states that the crash sweeps have tried. Each sweep prints its row, and the last prints all rows.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use lsm_fs_mem::{Profile, SweepError, SweepReport};

/// Every sweep by its name, with its number of runs.
const SCENARIOS: [(&str, usize); 37] = [
    ("create, PreferLink", 1),
    ("create, PreferReflink", 1),
    ("create, Independent", 1),
    ("create, links alone", 1),
    ("create, two trees", 1),
    ("create, copies to another volume", 1),
    ("create, with a base", 1),
    ("create, beside syncs of others", 1),
    ("create, then the next call", 2),
    ("create, second crash in the next call", 1),
    ("create, second crash in a sweep", 1),
    ("create, two creators in every order", 1),
    ("create in place", 2),
    ("create in place, second crash in the next call", 1),
    ("create over an empty directory", 1),
    ("restore", 1),
    ("restore, two trees", 1),
    ("restore, on another volume", 1),
    ("restore, beside syncs of others", 1),
    ("restore, second crash in the next call", 1),
    ("restore, second crash in a sweep", 1),
    ("restore in place", 1),
    ("restore into a directory", 2),
    ("restore into a directory, second crash", 1),
    ("remove", 1),
    ("remove, two trees", 1),
    ("remove, beside syncs of others", 1),
    ("remove, second crash in the next call", 1),
    ("remove, second crash in a sweep", 1),
    ("remove in place", 1),
    ("remove in place, second crash in a sweep", 1),
    ("remove on a full disk", 3),
    ("remove on a full disk, second crash in the next call", 3),
    ("remove by force", 1),
    ("remove by force, second crash in the next call", 1),
    ("sweep of a removal that was killed", 2),
    ("sweep, second crash in the next one", 6),
];

/// The number of tried states and of failures.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    runs: usize,
    /// By profile.
    states: [u128; Profile::ALL.len()],
    second: usize,
    failures: usize,
}

static ROWS: Mutex<BTreeMap<usize, Row>> = Mutex::new(BTreeMap::new());

/// Records the result of a sweep, and fails if the sweep failed.
pub(crate) fn tried(scenario: &str, swept: Result<SweepReport, SweepError>) -> SweepReport {
    let at = SCENARIOS.iter().position(|(name, _)| *name == scenario).expect("a scenario of the table");
    let report = swept.as_ref().ok().or_else(|| swept.as_ref().err().and_then(SweepError::report));
    let mut rows = ROWS.lock().unwrap_or_else(PoisonError::into_inner);
    let row = rows.entry(at).or_default();
    row.runs += 1;
    row.failures += usize::from(swept.is_err());
    for profile in report.iter().flat_map(|report| &report.profiles) {
        let column = Profile::ALL.iter().position(|known| *known == profile.model.profile);
        row.states[column.unwrap()] += profile.tried;
        row.second += profile.recoveries.map_or(0, |(states, _, _)| states);
    }
    print!("{}", line(at, row));
    if rows.len() == SCENARIOS.len() && rows.iter().all(|(at, row)| row.runs == SCENARIOS[*at].1) {
        let lines: String = rows.iter().map(|(at, row)| line(*at, row)).collect();
        println!("\n{}{lines}", heading());
    }
    drop(rows);
    swept.unwrap()
}

fn heading() -> String {
    let profiles: String = Profile::ALL.map(|profile| format!(" {profile:>11}")).concat();
    format!("{:52}{profiles} {:>12} {:>8}\n", "states tried", "second crash", "failures")
}

fn line(at: usize, row: &Row) -> String {
    let states: String = row.states.map(|states| format!(" {states:>11}")).concat();
    format!("{:52}{states} {:>12} {:>8}\n", SCENARIOS[at].0, row.second, row.failures)
}
