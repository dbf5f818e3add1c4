//! `cargo xtask mutants`: takes away one check, bound or order of the code at a time, and sees that a test fails.
//!
//! The list is `xtask/mutants/`. A copy of the tree is changed, and never the tree itself.

mod copy;
mod list;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use copy::Copy;
use list::Mutant;

use crate::cmd;

pub(crate) use list::stale;

/// The use of the list.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    /// Print the mutants only.
    pub(crate) list: bool,
    /// Leave out all before this one, counted from 1.
    pub(crate) from: usize,
    /// Only mutants whose name or file holds one of these words.
    pub(crate) filter: &'a [String],
}

/// The fate of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Red,
    /// The tests did not end in time.
    Hung,
    Survived,
    /// An error of the list: it is no other program.
    Unbuilt,
}

/// Runs the mutants. `false`: one survives without a reason, has a reason and is red, or does not compile.
pub(crate) fn run(root: &Path, task: &Task<'_>) -> anyhow::Result<bool> {
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
    let copy = Copy::of(root)?;
    let limits = limits(&copy, &mutants)?;
    let (start, mut verdicts) = (Instant::now(), Vec::new());
    for (at, mutant) in &mutants {
        let begun = Instant::now();
        let verdict = judge(&copy, mutant, limits.get(&mutant.run).copied().unwrap_or_default())?;
        let seconds = begun.elapsed().as_secs_f32();
        println!("{at:>3}/{total} {:<8} {seconds:>5.1} s  {}: {}", word(verdict), mutant.id, mutant.about);
        verdicts.push(verdict);
    }
    Ok(summary(&mutants, &verdicts, start.elapsed()))
}

/// Runs each command on the code as it is, and returns the time that it may take.
fn limits(copy: &Copy, mutants: &[(usize, Mutant)]) -> anyhow::Result<BTreeMap<String, Duration>> {
    let mut limits = BTreeMap::new();
    for (_, Mutant { id, run, .. }) in mutants {
        if limits.contains_key(run) {
            continue;
        }
        if !quiet(copy, &no_run(run), None)? {
            bail!("`cargo {run}` does not build without a mutant; see {}", log_of(copy).display());
        }
        let begun = Instant::now();
        if !quiet(copy, run, None)? {
            let log = std::fs::read_to_string(log_of(copy))?;
            let failed: Vec<_> = log.lines().filter(|line| line.ends_with(" ... FAILED")).collect();
            bail!(
                "`cargo {run}` fails without a mutant: {}; see {}",
                failed.join(", "),
                log_of(copy).display()
            );
        }
        let log = std::fs::read_to_string(log_of(copy))?;
        if !log.lines().any(|line| line.starts_with("test result: ok. ") && !line.contains(" 0 passed")) {
            bail!("`cargo {run}` of {id} runs no test");
        }
        let time = begun.elapsed();
        println!("green {:>5.1} s  cargo {run}", time.as_secs_f32());
        limits.insert(run.clone(), time * 4 + Duration::from_secs(30));
    }
    Ok(limits)
}

/// Makes the mutant in the copy, builds it and, within `limit`, runs its tests.
fn judge(copy: &Copy, mutant: &Mutant, limit: Duration) -> anyhow::Result<Verdict> {
    let original = std::fs::read_to_string(copy.root.join(&mutant.file))?;
    copy.write(&mutant.file, mutant.apply(&original)?.as_bytes())?;
    let judged = (|| {
        if !quiet(copy, &no_run(&mutant.run), None)? {
            return Ok(Verdict::Unbuilt);
        }
        let begun = Instant::now();
        Ok(match quiet(copy, &mutant.run, Some(limit))? {
            true => Verdict::Survived,
            false if begun.elapsed() >= limit => Verdict::Hung,
            false => Verdict::Red,
        })
    })();
    copy.write(&mutant.file, original.as_bytes())?;
    judged
}

fn no_run(run: &str) -> String {
    run.replacen("test ", "test --no-run ", 1)
}

/// Runs cargo, with its output in the log. `false`: it fails, or `limit` is over.
fn quiet(copy: &Copy, args: &str, limit: Option<Duration>) -> anyhow::Result<bool> {
    let mut cargo = copy.cargo();
    cargo.args(args.split_whitespace());
    let mut command = match limit {
        None => cargo,
        Some(limit) => cmd::within(&cargo, limit),
    };
    let log = File::create(log_of(copy))?;
    command.stdin(std::process::Stdio::null()).stderr(log.try_clone()?).stdout(log);
    Ok(command.status().with_context(|| format!("cannot run `cargo {args}`"))?.success())
}

fn log_of(copy: &Copy) -> std::path::PathBuf {
    copy.root.with_file_name("log")
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Red => "red",
        Verdict::Hung => "hung",
        Verdict::Survived => "survived",
        Verdict::Unbuilt => "unbuilt",
    }
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
