//! `cargo xtask mutants`: removes one check, bound or order from the code at a time, and expects a test to fail.
//!
//! The mutants are listed in this package, in one file per area, such as `fs.txt`. They are made in copies of the tree,
//! one per core, and never in the tree itself.

#![allow(clippy::missing_errors_doc, clippy::print_stdout, reason = "a chore that talks to its terminal")]

mod copy;
mod list;
mod trial;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use copy::Copy;
use list::Mutant;
use trial::Verdict;

pub use list::stale;

/// The use of the list.
#[derive(Debug)]
pub struct Task<'a> {
    /// Print the mutants only.
    pub list: bool,
    /// Skip all mutants before this number, counted from 1.
    pub from: usize,
    /// Only mutants whose name or file holds one of these words.
    pub filter: &'a [String],
}

/// Runs the mutants. Returns `false` if a mutant survives without a reason in its entry, has a reason but makes a test
/// fail, or does not compile.
pub fn run(root: &Path, task: &Task<'_>) -> anyhow::Result<bool> {
    let mutants: Vec<_> =
        list::load(root)?.into_iter().enumerate().map(|(at, mutant)| (at + 1, mutant)).collect();
    let total = mutants.len();
    let is_meant = |(at, mutant): &(usize, Mutant)| {
        let is_named = |word: &String| mutant.id.contains(word) || mutant.file.contains(word);
        *at >= task.from && (task.filter.is_empty() || task.filter.iter().any(is_named))
    };
    let mutants: Vec<_> = mutants.into_iter().filter(is_meant).collect();
    if task.list {
        for (at, Mutant { id, file, about, .. }) in &mutants {
            println!("{at:>3} {id:<34} {file}: {about}");
        }
        return Ok(true);
    }
    let start = Instant::now();
    let verdicts = judge_all(root, &mutants, total)?;
    Ok(summary(&mutants, &verdicts, start.elapsed()))
}

/// The mutants that are left for the workers.
type Queue<'a> = Mutex<std::iter::Enumerate<std::slice::Iter<'a, (usize, Mutant)>>>;

/// Judges the mutants in as many copies of the tree as there are cores, and returns the verdicts in their order.
fn judge_all(root: &Path, mutants: &[(usize, Mutant)], total: usize) -> anyhow::Result<Vec<Verdict>> {
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get).min(mutants.len());
    let copies = (0..workers).map(|worker| Copy::of(root, worker)).collect::<anyhow::Result<Vec<_>>>()?;
    let queue = Mutex::new(mutants.iter().enumerate());
    let work = |copy: &Copy| {
        let judged = judge_some(copy, &queue, total);
        if judged.is_err() {
            // The other workers finish the mutants that they have.
            lock(&queue).by_ref().for_each(drop);
        }
        judged
    };
    let judged = std::thread::scope(|scope| {
        let workers: Vec<_> = copies.iter().map(|copy| scope.spawn(|| work(copy))).collect();
        let ended =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        ended.collect::<Vec<_>>()
    });
    let judged = judged.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    Ok(judged.into_iter().flatten().collect::<BTreeMap<_, _>>().into_values().collect())
}

/// Judges one mutant of the queue after the other, and returns the verdict of each with its place in the list.
fn judge_some(copy: &Copy, queue: &Queue<'_>, total: usize) -> anyhow::Result<Vec<(usize, Verdict)>> {
    let (mut limits, mut judged) = (BTreeMap::new(), Vec::new());
    loop {
        let Some((place, (at, mutant))) = lock(queue).next() else { return Ok(judged) };
        let mut runs = Vec::new();
        for run in &mutant.runs {
            let limit = match limits.get(run) {
                Some(limit) => *limit,
                None => trial::limit(copy, run)?,
            };
            limits.insert(run, limit);
            runs.push((run.as_str(), limit));
        }
        let begun = Instant::now();
        let verdict = trial::judge(copy, mutant, &runs)?;
        let (word, seconds) = (verdict.word(), begun.elapsed().as_secs_f32());
        println!("{at:>3}/{total} {word:<8} {seconds:>5.1} s  {}: {}", mutant.id, mutant.about);
        judged.push((place, verdict));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn summary(mutants: &[(usize, Mutant)], verdicts: &[Verdict], time: Duration) -> bool {
    let mut good = true;
    for ((at, Mutant { id, file, survives, .. }), verdict) in mutants.iter().zip(verdicts) {
        let problem = match (verdict, survives) {
            (Verdict::Red | Verdict::Hung, None) => continue,
            (Verdict::Survived, Some(reason)) => {
                println!("left: {at} {id}: {reason}");
                continue;
            }
            (Verdict::Survived, None) => {
                "survived: write the test that it lacks, or its reason into the list"
            }
            (Verdict::Red | Verdict::Hung, Some(_)) => "is red: take its reason out of the list",
            (Verdict::Unbuilt, _) => "does not compile: mend it in the list",
        };
        good = false;
        println!("error: {at} {id} ({file}) {problem}");
    }
    let count = |verdict| verdicts.iter().filter(|other| **other == verdict).count();
    let (red, hung) = (count(Verdict::Red), count(Verdict::Hung));
    let (survived, unbuilt, minutes) =
        (count(Verdict::Survived), count(Verdict::Unbuilt), time.as_secs() / 60);
    let (all, red) = (verdicts.len(), red + hung);
    println!(
        "{all} mutants in {minutes} minutes: {red} red ({hung} hung), {survived} survived, {unbuilt} unbuilt"
    );
    good
}
