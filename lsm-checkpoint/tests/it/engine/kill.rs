//! Kills: a process dies at a call, the next process starts with the page cache, and then the power fails.

use std::cell::Cell;

use lsm_fs_mem::{Budget, Fault, FaultFs, MemFs, Notes};

use super::{
    Compact, Flush, Put, Result, Step, check_rows, compare, hostile, open, places, put_next, run, shared,
};
use crate::seeded::seeded_sweep;

/// Kills the first process at its k-th call, and sweeps the second process. Returns `false` if the first process has
/// fewer calls.
fn kill_at(k: u64, start: &MemFs, told: u64, steps: &[Step]) -> bool {
    let (fs, told) = (start.fork(), Cell::new(told));
    let dying = FaultFs::new(fs.clone());
    dying.inject(Fault::on_any().nth(k).gone());
    let outcome = run(&shared(&dying), steps, &|n| told.set(n));
    let killed = !dying.injected().is_empty();
    assert!(outcome.is_err() == killed, "{k}: {outcome:?}");

    // The second process starts with the unsynced changes of the first.
    let sweep = seeded_sweep().start_from(&fs).models([hostile()]).budget(Budget::Quick);
    let report = sweep.run(
        |fs| -> Result<()> {
            let engine = open(fs)?;
            let seqno = engine.state().view.seqno;
            assert!(seqno >= told.get(), "{seqno} of {}", told.get());
            compare("after the kill", &engine, seqno)?;
            // A reader has seen this write, so it must survive from now on.
            fs.note(seqno.to_string());
            fs.note(put_next(&engine)?.to_string());
            Ok(())
        },
        |image: &MemFs, notes: &Notes| {
            // Until the second process acknowledges a write, the acknowledgements of the first count.
            let told = notes.last().map_or(told.get(), |last| last.parse().unwrap());
            check_rows(image, told).map(drop).map_err(|e| e.to_string())
        },
    );
    report.unwrap_or_else(|error| panic!("killed at call {k}: {error}"));
    killed
}

/// Returns the number of calls. `told` is the number of writes at the start.
fn kill_everywhere(start: &MemFs, told: u64, steps: &[Step]) -> usize {
    (1..).take_while(|&k| kill_at(k, start, told, steps)).count()
}

#[test]
fn a_tree_whose_process_was_killed_goes_on() {
    let start = MemFs::new();
    run(&shared(&start), &[Put, Put, Flush, Put], &|_| ()).unwrap();
    start.settle();
    let kills = kill_everywhere(&start, 3, &[Put, Compact, Put]);
    println!("{kills} kills");
    assert!(kills > 50, "{kills}");
}

#[test]
fn a_first_start_that_was_killed_begins_again_in_every_directory() {
    for (name, start) in places() {
        let kills = kill_everywhere(&start, 0, &[Put]);
        println!("{name}: {kills} kills");
        assert!(kills > 30, "{name}: {kills}");
    }
}
