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

use super::{Options, Oracle, Result, Tree, Workload};

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
pub(crate) fn stress(fs: &Arc<dyn Fs>, dir: &Path, options: Options, checkpoints: u64) -> Result<Seen> {
    let tree = Tree::open(fs, &dir.join("db"), options)?;
    let (oracle, stop) = (Oracle::default(), AtomicBool::new(false));
    let taken = thread::scope(|scope| {
        for seed in 1..3 {
            let (tree, oracle, stop) = (&tree, &oracle, &stop);
            scope.spawn(move || write(tree, oracle, stop, seed));
        }
        let maintenance = scope.spawn(|| maintain(&tree, &stop));
        let taken = take(fs, dir, &tree, &oracle, options, checkpoints);
        stop.store(true, Ordering::Relaxed);
        maintenance.join().map_err(|_| "maintenance panicked")??;
        taken
    })?;
    tree.flush()?;
    tree.check()?;
    oracle.check(&tree, tree.visible_seqno())?;
    let versions = tree.version().id;
    drop(tree);
    let tree = Tree::open(fs, &dir.join("db"), options)?;
    oracle.check(&tree, 1)?;
    Ok(Seen { records: tree.visible_seqno(), versions, ..taken })
}

fn write(tree: &Tree, oracle: &Oracle, stop: &AtomicBool, seed: u64) {
    let mut work = Workload::new(seed, 300);
    while !stop.load(Ordering::Relaxed) {
        // Wait for a flush if the memtable is long, so that the history stays short.
        if tree.unflushed() < 400 {
            work.write(tree, oracle, 10);
        }
        thread::yield_now();
    }
}

fn maintain(tree: &Tree, stop: &AtomicBool) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        if tree.unflushed() > 100 {
            tree.flush()?;
        }
        if tree.version().runs.len() > 3 {
            tree.compact(3)?;
        }
        thread::yield_now();
    }
    Ok(())
}

fn take(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    tree: &Tree,
    oracle: &Oracle,
    options: Options,
    checkpoints: u64,
) -> Result<Seen> {
    let mut seen = Seen::default();
    for n in 0..checkpoints {
        let target = dir.join(format!("checkpoint-{n}"));
        let policies = [Policy::PreferLink, Policy::PreferReflink, Policy::Independent];
        let policy = policies[usize::try_from(n % 3)?];
        let visible = tree.visible_seqno();
        let info = Checkpoint::new().policy(policy).create(tree, &**fs, &target)?;
        let seqno = info.seqno.unwrap_or_default();
        check(fs, &target, oracle, options, visible.max(seqno))?;
        if seqno < visible {
            return Err(format!("{visible} was visible, the checkpoint says {seqno}").into());
        }
        seen.deferred_files += info.pause.map_or(0, |pause| pause.deferred_files);
        seen.checkpoints += 1;
        if n >= KEPT {
            let old = dir.join(format!("checkpoint-{}", n - KEPT));
            // The checkpoint is unchanged, although its inodes have lost other names.
            check(fs, &old, oracle, options, 0)?;
            remove(&**fs, &old, SyncMode::Normal)?;
        }
    }
    Ok(seen)
}

/// Checks that a checkpoint verifies, opens, and holds the records of the oracle.
pub(crate) fn check(
    fs: &Arc<dyn Fs>,
    target: &Path,
    oracle: &Oracle,
    options: Options,
    at_least: u64,
) -> Result<()> {
    let report = verify(&**fs, target, &VerifyOptions::full())?;
    if !report.is_sound() {
        return Err(format!("{}: {report}", target.display()).into());
    }
    let opened = Tree::open(fs, target, options)?;
    opened.check()?;
    oracle.check(&opened, at_least)
}
