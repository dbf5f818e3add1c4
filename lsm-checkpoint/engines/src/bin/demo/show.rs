//! Runs the demonstration.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use lsm_checkpoint::{BoxError, CheckpointDir, Policy, Progress, remove, restore};
use lsm_checkpoint_engines::{
    exam::Exam,
    load::{Load, under_load},
    oracle::{Oracle, Plan},
};
use lsm_fs::{Fs, FsExt, StdFs, SyncMode};

use crate::{
    chain,
    options::Options,
    subject::{Opened, Subject},
    table::{LEGEND, RIGHT, Row, grouped, head},
};

/// The number of operations for each key, before the first checkpoint and between two checkpoints.
const OPERATIONS_PER_KEY: u64 = 3;

const INTRODUCTION: &str = "
Two threads apply numbered operations as fast as the engine accepts them, and a third one flushes
and compacts. Each checkpoint is verified, restored, opened by its engine and compared key by key
with the acknowledged operations.";

/// The policy of a checkpoint.
#[derive(Clone, Copy)]
enum Way {
    Link,
    Reflink,
    Independent,
}

impl Way {
    const fn policy(self) -> Policy {
        match self {
            Self::Link => Policy::PreferLink,
            Self::Reflink => Policy::PreferReflink,
            Self::Independent => Policy::Independent,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Reflink => "reflink",
            Self::Independent => "independent",
        }
    }
}

/// Totals over all trees and databases.
#[derive(Default)]
struct Tally {
    checkpoints: u64,
    keys: u64,
    wrong: u64,
}

impl Tally {
    fn count<E>(&mut self, keys: Result<u64, E>) {
        self.checkpoints += 1;
        match keys {
            Ok(keys) => self.keys += keys,
            Err(_) => self.wrong += 1,
        }
    }
}

/// The directories of one tree or database.
struct Places {
    live: PathBuf,
    near: PathBuf,
    far: PathBuf,
    scratch: PathBuf,
    can_clone: bool,
}

/// Demonstrates checkpoints of each requested tree and database. Returns `false` if a checkpoint or its source was
/// wrong.
pub(crate) fn run(options: &Options) -> Result<bool, BoxError> {
    let start = Instant::now();
    let dir = temporary(options.dir.as_deref())?;
    let far = match &options.checkpoint_dir {
        Some(far) => temporary(Some(far))?,
        None => temporary(Some(dir.path()))?,
    };
    let can_clone = StdFs.capabilities(dir.path())?.reflink;
    println!("Sources in  {}", dir.path().display());
    println!("Copies in   {}", far.path().display());
    println!("{INTRODUCTION}");
    println!("Files {} be cloned here.", if can_clone { "can" } else { "cannot" });
    let mut tally = Tally::default();
    for (n, subject) in options.subjects().into_iter().enumerate() {
        let root = dir.path().join(n.to_string());
        let places = Places {
            live: root.join("live"),
            near: root.join("checkpoints"),
            far: far.path().join(format!("{n}-copies")),
            scratch: root.join("restored"),
            can_clone,
        };
        StdFs.create_dir_all(&places.near)?;
        StdFs.create_dir_all(&places.far)?;
        show(subject, options, &places, &mut tally)?;
        StdFs.remove_dir_all(&root)?;
    }
    println!("\n{LEGEND}\n");
    println!(
        "{} checkpoints, {} keys compared, {} mismatches, {:.1} s.",
        tally.checkpoints,
        grouped(tally.keys),
        tally.wrong,
        start.elapsed().as_secs_f64()
    );
    Ok(tally.wrong == 0)
}

fn temporary(parent: Option<&Path>) -> Result<tempfile::TempDir, BoxError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("lsm-checkpoint-demo-");
    Ok(match parent {
        Some(parent) => builder.tempdir_in(parent)?,
        None => builder.tempdir()?,
    })
}

fn show(subject: Subject, options: &Options, places: &Places, tally: &mut Tally) -> Result<(), BoxError> {
    let plan = Plan { keys: options.keys, value_size: usize::try_from(options.value_size)? };
    println!("\n{}\n", subject.title());
    let opened = subject.open(&places.live)?;
    let oracle = Oracle::default();
    let load = Load::new(opened.key_value(), plan, &oracle);
    let mut exam = subject.exam(plan);
    let bar = ProgressBar::new(u64::from(options.checkpoints));
    bar.set_style(ProgressStyle::with_template("{spinner} {pos} of {len} checkpoints, {elapsed}: {msg}")?);
    bar.enable_steady_tick(Duration::from_millis(100));
    let start = Instant::now();
    let branched = under_load(&load, || {
        bar.suspend(|| println!("{}", head()));
        let mut last = None;
        for n in 1..=options.checkpoints {
            bar.set_message("writing");
            load.wait_for(oracle.acknowledged() + OPERATIONS_PER_KEY * plan.keys);
            let row = checkpoint((n, &opened), &load, &mut exam, (places, &bar), &mut last)?;
            tally.count(row.result.as_ref().map(|(keys, _)| *keys));
            bar.inc(1);
            bar.suspend(|| println!("{}", row.line()));
        }
        let Some((target, Some(holds))) = last else {
            return Ok(Err("not tried, the checkpoint is not sound".into()));
        };
        bar.set_message("writing to a restored copy");
        Ok(branch(subject, plan, (&target, holds), &places.scratch))
    })?;
    let (done, seconds) = (oracle.acknowledged(), start.elapsed().as_secs());
    let rate = grouped(done / seconds.max(1));
    let source = exam.compare(opened.key_value(), done, done);
    bar.finish_and_clear();
    println!(
        "\n{} operations, {rate} a second, {} rounds of flush and compaction",
        grouped(done),
        load.rounds()
    );
    println!("The last checkpoint, restored, written to and compacted: {}.", said(&branched));
    println!("The source, written to meanwhile: {}.", said(&source));
    tally.keys +=
        branched.as_ref().map_or(0, |keys| *keys) + source.as_ref().map_or(0, |compared| compared.keys);
    tally.wrong += u64::from(branched.is_err()) + u64::from(source.is_err());
    Ok(())
}

fn said<T>(outcome: &Result<T, BoxError>) -> String {
    outcome.as_ref().map_or_else(|error| chain(&**error), |_| RIGHT.to_owned())
}

/// Takes a checkpoint and examines it. Removes the previous checkpoint, because its links keep replaced files alive.
fn checkpoint(
    (n, opened): (u32, &Opened),
    load: &Load<'_>,
    exam: &mut Exam,
    (places, bar): (&Places, &ProgressBar),
    last: &mut Option<(PathBuf, Option<u64>)>,
) -> Result<Row, BoxError> {
    let ways: &[Way] = if places.can_clone {
        &[Way::Link, Way::Reflink, Way::Independent]
    } else {
        &[Way::Link, Way::Independent]
    };
    let way = ways[n as usize % ways.len()];
    let name = format!("{}-{n}", way.name());
    let target = if matches!(way, Way::Independent) { &places.far } else { &places.near }.join(&name);
    let report = |progress: &Progress| {
        let (files, all) = (progress.files_done, progress.files_total);
        bar.set_message(format!("{name}: {files} of {all} files, {}", HumanBytes(progress.bytes_done)));
        ControlFlow::Continue(())
    };
    let _ = load.longest_write();
    let taken = opened
        .take(load.oracle, (way.policy(), &report), &target)
        .map_err(|error| format!("{name}: {}", chain(&*error)))?;
    let longest_write = load.longest_write();
    bar.set_message(format!("{name}: verified, restored, opened, compared"));
    let result = exam
        .examine(&target, &places.scratch, &taken)
        .map(|examined| (examined.compared.keys, examined.compared.operations))
        .map_err(|error| chain(&*error));
    let holds = result.as_ref().ok().map(|(_, operations)| *operations);
    if let Some((before, _)) = last.replace((target, holds)) {
        remove(&StdFs, &before, SyncMode::Normal)?;
    }
    Ok(Row { name, info: taken.info, capture: taken.capture, total: taken.total, longest_write, result })
}

/// Restores a checkpoint that holds the given number of operations, and writes to the restored tree or database while
/// the source is live. Returns the number of compared keys.
fn branch(
    subject: Subject,
    plan: Plan,
    (target, holds): (&Path, u64),
    scratch: &Path,
) -> Result<u64, BoxError> {
    restore(&CheckpointDir::open(Arc::new(StdFs), target)?, &StdFs, scratch)?;
    let opened = subject.open(scratch)?;
    let restored = opened.key_value();
    let last = holds + plan.keys;
    for n in holds + 1..=last {
        plan.apply(restored, n);
    }
    restored.flush()?;
    restored.compact_all()?;
    let compared = subject.exam(plan).compare(restored, last, last)?;
    drop(opened);
    StdFs.remove_dir_all(scratch)?;
    Ok(compared.keys)
}
