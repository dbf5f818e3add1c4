//! Checkpoints in a loop beside writers, flushes and compactions. Each is opened and compared with the oracle.

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use lsm_checkpoint::{Checkpoint, Policy, VerifyOptions, remove, verify};
use lsm_fs::{Fs, SyncMode};

use super::{Deletion, Engine, Oracle, Result, Workload, check_files, open, seqno};

/// The statistics of a run.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) checkpoints: u64,
    pub(crate) records: u64,
    pub(crate) deferred_files: u64,
    pub(crate) versions: u64,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { checkpoints, records, deferred_files, versions } = self;
        write!(f, "{checkpoints} checkpoints, {records} records, {versions} versions, ")?;
        write!(f, "{deferred_files} deletions deferred")
    }
}

/// The number of checkpoints that are kept, so that several share links.
const KEPT: u64 = 3;

/// Runs in `dir` until this number of checkpoints was taken and checked.
pub(crate) fn stress(fs: &Arc<dyn Fs>, dir: &Path, deletion: Deletion, checkpoints: u64) -> Result<Seen> {
    let db = dir.join("db");
    let engine = open(fs, &db)?;
    let (oracle, stop) = (Oracle::default(), AtomicBool::new(false));
    let taken = thread::scope(|scope| {
        let writers = [1, 2].map(|seed| {
            let (engine, oracle, stop) = (&engine, &oracle, &stop);
            scope.spawn(move || write(engine, oracle, stop, seed))
        });
        let maintenance = scope.spawn(|| maintain(&engine, &stop));
        let taken = take(fs, dir, &engine, &oracle, deletion, checkpoints);
        stop.store(true, Ordering::Relaxed);
        for thread in writers.into_iter().chain([maintenance]) {
            thread.join().map_err(|_| "a thread panicked")??;
        }
        taken
    })?;
    engine.flush()?;
    let records = seqno(&engine);
    oracle.check(&check_files(&**fs, &db)?, records)?;
    oracle.check(&engine.state().view, records)?;
    let versions = engine.state().view.version.id;
    drop(engine);
    oracle.check(&open(fs, &db)?.state().view, records)?;
    Ok(Seen { records, versions, ..taken })
}

/// Returns the number of records in the memtable and the log alone.
fn unflushed(engine: &Engine) -> u64 {
    let view = &engine.state().view;
    view.seqno - view.version.seqno
}

fn write(engine: &Engine, oracle: &Oracle, stop: &AtomicBool, seed: u64) -> Result<()> {
    let mut work = Workload::new(seed, 300);
    while !stop.load(Ordering::Relaxed) {
        // Wait for a flush if the memtable is long, so that the history stays short.
        if unflushed(engine) < 400 {
            work.write(engine, oracle, 10)?;
        }
        thread::yield_now();
    }
    Ok(())
}

fn maintain(engine: &Engine, stop: &AtomicBool) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        if unflushed(engine) > 100 {
            engine.flush()?;
        }
        let tables = engine.state().view.version.tables.len();
        if tables > 3 {
            engine.compact()?;
        }
        thread::yield_now();
    }
    Ok(())
}

fn take(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    engine: &Engine,
    oracle: &Oracle,
    deletion: Deletion,
    checkpoints: u64,
) -> Result<Seen> {
    let (mut seen, source) = (Seen::default(), deletion.source(engine));
    for n in 0..checkpoints {
        let target = dir.join(format!("checkpoint-{n}"));
        let policies = [Policy::PreferLink, Policy::PreferReflink, Policy::Independent];
        let policy = policies[usize::try_from(n % 3)?];
        let visible = seqno(engine);
        let info = Checkpoint::new().policy(policy).create(&*source, &**fs, &target)?;
        let seqno = info.seqno.unwrap_or_default();
        check(fs, &target, oracle, visible.max(seqno))?;
        if seqno < visible {
            return Err(format!("{visible} was visible, the checkpoint says {seqno}").into());
        }
        seen.deferred_files += info.pause.map_or(0, |pause| pause.deferred_files);
        seen.checkpoints += 1;
        if n >= KEPT {
            let old = dir.join(format!("checkpoint-{}", n - KEPT));
            // The checkpoint is unchanged, although its inodes have lost other names.
            check(fs, &old, oracle, 0)?;
            remove(&**fs, &old, SyncMode::Normal)?;
        }
    }
    Ok(seen)
}

/// Checks that a checkpoint verifies, opens, and holds the records of the oracle.
pub(crate) fn check(fs: &Arc<dyn Fs>, target: &Path, oracle: &Oracle, at_least: u64) -> Result<()> {
    let report = verify(&**fs, target, &VerifyOptions::full())?;
    if !report.is_sound() {
        return Err(format!("{}: {report}", target.display()).into());
    }
    oracle.check(&check_files(&**fs, target)?, at_least)
}
