//! Kills: a process dies at every moment, the next one starts on the page cache, and then the power fails.

use std::path::Path;

use lsm_checkpoint::{Error, run_checkpoint};
use lsm_fs::{Fs, SyncMode};
use lsm_fs_mem::{Budget, CrashSweep, MemFs, Notes};

use super::{
    Checkpoint, Compact, Flush, Put, Result, Step, TARGET, check_rows, check_target, compare, hostile, open,
    places, put_next, run, shared,
};
use crate::seeded::seeded_sweep;

/// A note that the checkpoint is durable. All other notes are the numbers of reported writes.
const TAKEN: &str = "checkpoint";

/// Returns the number of the last reported write.
fn told(notes: &Notes) -> u64 {
    notes.iter().filter_map(|note| note.parse().ok()).max().unwrap_or(0)
}

/// Runs the steps from opening on.
fn first(fs: &MemFs, steps: &[Step]) -> Result<()> {
    run(&shared(fs), steps, &|n| fs.note(n.to_string()))?;
    if steps.contains(&Checkpoint) {
        fs.note(TAKEN);
    }
    Ok(())
}

/// Runs the next process, which reads the tree, reports the contents, and writes.
fn next(fs: &MemFs) -> Result<()> {
    let engine = open(fs)?;
    let seqno = engine.state().view.seqno;
    compare("after the kill", &engine, seqno)?;
    // A reader has seen this write, so it must stay from here on.
    fs.note(seqno.to_string());
    fs.note(put_next(&engine)?.to_string());
    Ok(())
}

/// Like [`next`], but also takes the checkpoint, if the first process has not.
fn next_checkpoint(fs: &MemFs) -> Result<()> {
    next(fs)?;
    match run_checkpoint(&open(fs)?, fs, Path::new(TARGET)) {
        // The checkpoint is complete, but need not be durable.
        Err(Error::TargetExists { .. }) => drop(fs.sync_directory(Path::new("/"), SyncMode::Normal)?),
        taken => drop(taken?),
    }
    fs.note(TAKEN);
    Ok(())
}

/// Checks the image of a disk after a crash. `durable` is the number of writes that were durable at the start.
fn check(image: &MemFs, notes: &Notes, durable: u64) -> Result<()> {
    check_rows(image, told(notes).max(durable))?;
    check_target(image)?;
    if notes.contains(TAKEN) && image.metadata(Path::new(TARGET)).is_err() {
        return Err("the checkpoint is gone".into());
    }
    Ok(())
}

/// A sweep of kills and crashes on a disk that orders nothing.
fn sweep(start: &MemFs) -> CrashSweep<'_> {
    seeded_sweep().start_from(start).models([hostile()])
}

/// Kills the first process at every call. Returns the number of kills.
fn kill_everywhere(start: &MemFs, durable: u64, steps: &[Step]) -> usize {
    let swept = sweep(start).after_kill(next);
    let report = swept.run(|fs| first(fs, steps), |image, notes| check(image, notes, durable)).unwrap();
    println!("{report}");
    let (_, tried, of) = report.profiles[0].kills.unwrap();
    assert_eq!(tried, of, "kills are left out");
    of
}

/// A tree with three writes that are durable.
fn prepared() -> MemFs {
    let start = MemFs::new();
    run(&shared(&start), &[Put, Put, Flush, Put], &|_| ()).unwrap();
    start.settle();
    start
}

#[test]
fn the_next_process_opens_the_tree_of_a_killed_one() {
    let kills = kill_everywhere(&prepared(), 3, &[Put, Compact, Put]);
    assert!(kills > 50, "{kills}");
}

#[test]
fn the_next_process_takes_the_checkpoint_of_a_killed_one() {
    let start = prepared();
    let swept = sweep(&start).budget(Budget::Quick).after_kill(next_checkpoint);
    let report =
        swept.run(|fs| first(fs, &[Put, Checkpoint]), |image, notes| check(image, notes, 3)).unwrap();
    println!("{report}");
    assert!(report.profiles[0].kills.is_some_and(|(_, tried, of)| tried > 10 && of > 50));
}

#[test]
fn a_killed_first_start_begins_again_in_every_directory() {
    for (name, start) in places() {
        println!("{name}");
        let kills = kill_everywhere(&start, 0, &[Put]);
        assert!(kills > 20, "{name}: {kills}");
    }
}
