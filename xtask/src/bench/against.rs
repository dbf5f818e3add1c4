//! `cargo xtask bench --against REV`: the benches of the working tree and of another revision, run in turn.
//!
//! Both sides run on the same mounts, A B and then B A, and a ratio compares two neighbouring runs. A machine that gets
//! slower over time therefore slows both. A floor does the same work in both builds, so the ratio of the floors shows
//! the noise.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{cmd, workspace::Workspace};
use anyhow::{Context, bail};
use xtask_tables::{Comparison, Figures, figures_of};

use super::{TABLES, header, table_of};
use crate::realfs::Mounts;

/// Links, clones, copies and `MemFs`, in the words that the benches select their jobs by.
const JOBS: &[&str] = &["link", "clone", "copy", "copied", "memory"];

/// The checkout of the other revision, with a target directory of its own that later runs find warm.
const CHECKOUT: &str = "target/against";

/// The revision to compare with, and the kind of comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Against<'a> {
    pub(crate) revision: &'a str,
    /// Runs of each side.
    pub(crate) rounds: usize,
    /// The ratio above which a row fails the run.
    pub(crate) limit: Option<f64>,
}

impl Against<'_> {
    /// The flags that give the same options to the inner process.
    pub(super) fn flags(&self) -> Vec<String> {
        let mut flags = vec![("--against", self.revision.to_owned()), ("--rounds", self.rounds.to_string())];
        flags.extend(self.limit.map(|limit| ("--limit", limit.to_string())));
        flags.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }
}

/// Returns the requested jobs, or the hot paths if none was requested.
pub(super) fn jobs(asked: &[String]) -> Vec<String> {
    if asked.is_empty() { JOBS.iter().map(|&job| job.to_owned()).collect() } else { asked.to_vec() }
}

/// Checks the other revision out below the target directory.
pub(super) fn check_out(root: &Path, revision: &str) -> anyhow::Result<()> {
    let git = |args: &[&str]| cmd::capture(cmd::tool("git").current_dir(root).args(args));
    let commit = git(&["rev-parse", "--verify", "--end-of-options", &format!("{revision}^{{commit}}")])
        .with_context(|| format!("`{revision}` is no revision of this repository; git log shows them"))?;
    let dir = root.join(CHECKOUT);
    // Without its `.git` file, git would take the directory for a part of the repository around it.
    if dir.join(".git").is_file() {
        git(&["-C", CHECKOUT, "checkout", "--quiet", "--force", "--detach", commit.trim()])
    } else {
        git(&["worktree", "add", "--quiet", "--force", "--detach", CHECKOUT, commit.trim()])
    }
    .with_context(|| format!("cannot check out {revision}; remove {} and try again", dir.display()))?;
    Ok(())
}

/// Builds the benches of both sides, and names the benches that only one side has. Returns `false` if one does not
/// compile.
pub(super) fn build(workspace: &Workspace) -> anyhow::Result<bool> {
    let sides = sides(workspace)?;
    for side in &sides {
        for package in &side.packages {
            if !cmd::run(side.bench(package).arg("--no-run"))?.success {
                return Ok(false);
            }
        }
    }
    let [ours, other] = &sides;
    for (side, without, name) in [(ours, other, "the other revision"), (other, ours, "this tree")] {
        for package in side.packages.iter().filter(|package| !without.has(package)) {
            eprintln!("bench: {name} has no bench of {package}; it is left out");
        }
    }
    Ok(true)
}

/// Runs both sides in turn on the mounts, and prints their ratios. Returns `false` if a bench failed or a row exceeds
/// the limit.
pub(super) fn run_inside(
    workspace: &Workspace,
    mounts: &Mounts,
    jobs: &[String],
    against: Against<'_>,
) -> anyhow::Result<bool> {
    let sides = sides(workspace)?;
    let command = format!(" --against {} -- {}", against.revision, jobs.join(" "));
    println!("{}\n", header(workspace, mounts.description(), &command)?);
    let mut rounds = Vec::new();
    for round in 0..against.rounds {
        let mut figures = [Figures::default(), Figures::default()];
        for package in sides[0].packages.iter().filter(|package| sides[1].has(package)) {
            let mut turns: Vec<_> = sides.iter().zip(&mut figures).collect();
            if round % 2 == 1 {
                turns.reverse();
            }
            for (side, figures) in turns {
                let Some(found) = side.run(package, jobs, mounts)? else { return Ok(false) };
                figures.extend(found);
            }
        }
        rounds.push(figures);
    }
    let comparison = Comparison::of(&rounds);
    if comparison.is_empty() {
        bail!(
            "no row of both revisions is of the jobs {}; cargo xtask bench prints all rows",
            jobs.join(" ")
        );
    }
    println!("\n{}", comparison.table(against.revision));
    let over = against.limit.map(|limit| comparison.over(limit)).unwrap_or_default();
    over.iter().for_each(|row| eprintln!("over the limit: {row}"));
    Ok(over.is_empty())
}

/// One of the two source trees.
struct Side {
    root: PathBuf,
    /// The crates that have a bench.
    packages: Vec<String>,
    target: Option<PathBuf>,
}

/// The working tree and the other revision.
fn sides(workspace: &Workspace) -> anyhow::Result<[Side; 2]> {
    let checkout = workspace.root.join(CHECKOUT);
    let target = checkout.join("target");
    Ok([Side::of(workspace, None), Side::of(&Workspace::load_from(&checkout)?, Some(target))])
}

impl Side {
    fn of(workspace: &Workspace, target: Option<PathBuf>) -> Self {
        let packages = workspace.with_target(&TABLES.0, TABLES.1).map(|package| package.name.to_string());
        Self { root: workspace.root.clone(), packages: packages.collect(), target }
    }

    fn has(&self, package: &str) -> bool {
        self.packages.iter().any(|name| name == package)
    }

    fn bench(&self, package: &str) -> Command {
        let mut command = table_of(&self.root, package);
        // The user's `CARGO_TARGET_DIR` would make both sides share one directory.
        if let Some(target) = &self.target {
            command.env("CARGO_TARGET_DIR", target);
        }
        command
    }

    /// Runs the table of a crate. Returns `None` if it failed.
    fn run(&self, package: &str, jobs: &[String], mounts: &Mounts) -> anyhow::Result<Option<Figures>> {
        let mut markdown = format!("## {package}\n");
        let mut command = self.bench(package);
        command.arg("--").args(jobs).envs(mounts.env());
        let outcome = cmd::run_with(&mut command, &mut |line| {
            markdown.push_str(line);
            markdown.push('\n');
        })?;
        Ok(outcome.success.then(|| figures_of(&markdown)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_job_the_hot_paths_run() {
        assert_eq!(jobs(&["small".to_owned()]), ["small"]);
        assert!(jobs(&[]).iter().any(|job| job == "memory"));
    }

    #[test]
    fn the_inner_process_gets_the_same_flags() {
        let against = Against { revision: "HEAD~1", rounds: 5, limit: Some(1.1) };
        assert_eq!(against.flags(), ["--against", "HEAD~1", "--rounds", "5", "--limit", "1.1"]);
    }
}
