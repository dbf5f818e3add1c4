//! Runs the protocol on all file systems, and prints its two tables.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    bench::Bench,
    benches::on_benches,
    kind::Kind,
    options::Options,
    protocol::{Case, Run, Tried, attempt, attempt_twice},
    states::Amount,
    workdir::Workdir,
};

/// Without `--full`, a foreign sync is made before every n-th call, where n is this number. In the control, which
/// leaves out one sync of the protocol, it is made before half as many calls.
const EVERY: u64 = 12;
const AMOUNT: Amount = Amount { writes: 4, instants: 4, mixtures: 2 };

/// The number of disks on which the call is repeated and the power is cut again, without and with `--full`.
const TWICE: (usize, usize) = (2, 24);

/// A row of a table: the case, and its variation: the sync that was left out, or a second power cut. `None` is the case
/// as it is.
type Row = (Case, Option<(usize, String)>);

/// Runs the protocol as it is. Returns `false` if a state was bad.
pub(crate) fn protocol(options: &Options, workdir: &Workdir) -> anyhow::Result<bool> {
    let table = table(options, workdir, false)?;
    print("case", &table, &options.kinds);
    Ok(table.values().all(|tried| tried.bad.is_empty()))
}

/// Leaves out each sync in turn. Without `--full` and `--case`, only the checkpoint of links is tried.
pub(crate) fn control(options: &Options, workdir: &Workdir) -> anyhow::Result<()> {
    let table = table(options, workdir, true)?;
    print("sync left out", &table, &options.kinds);
    Ok(())
}

fn table(
    options: &Options,
    workdir: &Workdir,
    control: bool,
) -> anyhow::Result<BTreeMap<(Row, Kind), Tried>> {
    let table = Mutex::new(BTreeMap::new());
    let cases: Vec<(Case, Kind)> =
        Case::ALL.into_iter().flat_map(|case| options.kinds.iter().map(move |kind| (case, *kind))).collect();
    let is_tried = |case: &Case| match &options.cases {
        Some(cases) => cases.contains(case),
        None => options.full || !control || *case == Case::Link,
    };
    let cases: Vec<(Case, Kind)> = cases.into_iter().filter(|(case, _)| is_tried(case)).collect();
    let next = AtomicUsize::new(0);
    let base = if control { 20 } else { 10 };
    on_benches(workdir, base..base + options.jobs, |bench: &Bench| {
        while let Some((case, kind)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            for (row, tried) in rows(options, bench, (*case, *kind), control)? {
                println!("{kind}, {case}, {row:?}: {} recordings, {:?}", tried.recordings, tried.bad);
                let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
                table.insert(((*case, row), *kind), tried);
            }
        }
        Ok(())
    })?;
    Ok(table.into_inner().unwrap_or_else(PoisonError::into_inner))
}

type Rows = Vec<(Option<(usize, String)>, Tried)>;

/// Runs a case alone and beside foreign syncs. With `control`, once for each sync that is left out.
fn rows(options: &Options, bench: &Bench, (case, kind): (Case, Kind), control: bool) -> anyhow::Result<Rows> {
    let alone = Run { kind, case, foreign: None, left_out: None, in_order: control };
    let first = attempt(bench, alone, AMOUNT)?;
    let left_out: Vec<Option<(usize, String)>> =
        if control { first.syncs.iter().cloned().enumerate().map(Some).collect() } else { vec![None] };
    let few = if control { 2 * EVERY } else { EVERY };
    let every = options.every.unwrap_or(if options.full { 1 } else { few });
    let mut rows = Rows::new();
    for row in left_out {
        let run = Run { left_out: row.as_ref().map(|(at, _)| *at), ..alone };
        let mut sum = attempt(bench, run, AMOUNT)?;
        for call in (0..first.calls).step_by(every as usize) {
            // Each call gets another file or directory. Multiplying by a prime spreads them.
            for round in 0..if options.full { 2 } else { 1 } {
                let foreign = Some((call, call * 7 + round * 3));
                sum.add(attempt(bench, Run { foreign, ..run }, AMOUNT)?);
            }
        }
        rows.push((row, sum));
    }
    if !control {
        let disks = if options.full { TWICE.1 } else { TWICE.0 };
        let twice = attempt_twice(bench, alone, AMOUNT, disks)?;
        rows.push((Some((0, "a second power cut".to_owned())), twice));
    }
    Ok(rows)
}

/// Prints a table as Markdown: bad states of all states.
fn print(title: &str, table: &BTreeMap<(Row, Kind), Tried>, kinds: &[Kind]) {
    let names: Vec<String> = kinds.iter().map(ToString::to_string).collect();
    println!("\n| {title} | {} |\n|---|{}", names.join(" | "), "---|".repeat(kinds.len()));
    let mut rows: Vec<&Row> = table.keys().map(|(row, _)| row).collect();
    rows.dedup();
    for row in rows {
        let cells = kinds.iter().map(|kind| match table.get(&(row.clone(), *kind)) {
            Some(tried) => format!("{} of {}", tried.bad_states(), tried.states),
            None => "-".to_owned(),
        });
        let name = match &row.1 {
            Some((_, sync)) => format!("{}: {sync}", row.0),
            None => row.0.to_string(),
        };
        println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    let sum = |count: fn(&Tried) -> usize| table.values().map(count).sum::<usize>();
    println!(
        "\n{} recordings, {} states, {} torn superblocks, {} bad states",
        sum(|tried| tried.recordings),
        sum(|tried| tried.states),
        sum(|tried| tried.torn),
        sum(Tried::bad_states),
    );
}
