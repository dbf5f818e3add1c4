//! `cargo xtask ci`: the one command for tests, the same on a developer's machine and in CI.
//!
//! A failed step does not stop the next one, so one run shows all failures.

mod nested;
mod package;
mod steps;

use std::time::Duration;

use crate::{cmd, workspace::Workspace};
use anyhow::bail;

use crate::report::Report;

/// The state that the steps share.
struct Ci {
    workspace: Workspace,
    report: Report,
    /// `true` in CI: nobody can add a part that was left out, so skipping a required part fails.
    strict: bool,
}

/// Maximum time for the tests of one command, after they are built. Then the command is killed, so a test that never
/// ends fails its step while the run has time left for the others. On 2 idle cores, the tests of the workspace take 10
/// minutes.
const LIMIT: Duration = Duration::from_secs(30 * 60);

type Step = (&'static str, &'static str, fn(&mut Ci) -> anyhow::Result<()>);

/// Cheap steps first: a misspelt name shows before the long builds.
const STEPS: &[Step] = &[
    ("install", "tools of the system and of rustup", steps::install),
    ("tidy", "layers, words, documents", steps::tidy),
    ("fmt", "rustfmt", steps::fmt),
    ("clippy", "lints of every target, benches included, with all features", steps::clippy),
    ("features", "lints of each core crate alone, with each set of features", steps::features),
    ("test", "unit, integration and doc tests", steps::test),
    ("portable", "lsm-fs on std alone", steps::portable),
    ("loom", "model-checked concurrency", steps::loom),
    ("doc", "rustdoc without warnings", steps::doc),
    ("examples", "every example runs", steps::examples),
    ("nested", "packages that the workspace leaves out", nested::run),
    ("realfs", "ext4, XFS, btrfs and tmpfs; needs root", steps::realfs),
    ("package", "the crates as crates.io would get them", package::run),
];

/// Prints the steps.
pub(crate) fn list() -> bool {
    for (name, about, _) in STEPS {
        println!("{name:<9} {about}");
    }
    true
}

/// Runs all steps, or those in `only`. Prints the summary, whose last line is `N passed, N failed`.
pub(crate) fn run(only: &[String]) -> anyhow::Result<bool> {
    if let Some(unknown) = only.iter().find(|only| !STEPS.iter().any(|(name, ..)| name == only)) {
        bail!("there is no step `{unknown}`; `cargo xtask ci --list` shows them");
    }
    let strict = std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1");
    let workspace = match Workspace::load() {
        Ok(workspace) => workspace,
        Err(error) => {
            let mut report = Report::default();
            report.begin("metadata");
            report.fail(format!("{error:#}"));
            println!("{}", report.summary());
            return Ok(false);
        }
    };
    let mut ci = Ci { workspace, report: Report::default(), strict };
    for (name, _, step) in STEPS {
        if only.is_empty() || only.iter().any(|only| only == name) {
            ci.report.begin(name);
            if let Err(error) = step(&mut ci) {
                ci.report.fail(format!("{error:#}"));
            }
            ci.report.end();
        }
    }
    println!("\n{}", ci.report.summary());
    Ok(ci.report.success())
}

impl Ci {
    /// Runs `cargo` with `args` at the root of the workspace.
    fn cargo(&mut self, args: &[&str]) -> anyhow::Result<()> {
        self.cargo_env(args, &[])
    }

    /// As [`Ci::cargo`], with more environment.
    fn cargo_env(&mut self, args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<()> {
        let command = |more: &[&str]| {
            let mut command = cmd::cargo(&self.workspace.root);
            let (verb, rest) = args.split_at(args.len().min(1));
            command.args(verb).args(more).args(rest).envs(env.iter().copied());
            command
        };
        // Ctrl-C does not reach a command with a limit.
        let has_limit = self.strict && args.first() == Some(&"test");
        let outcome = if has_limit { cmd::test_within(command, LIMIT) } else { cmd::run(&mut command(&[])) };
        self.report.record(&outcome?);
        Ok(())
    }

    /// Notes that a required part cannot run here. In CI this is a failure.
    fn cannot(&mut self, reason: String) {
        if self.strict {
            self.report.fail(format!("required in CI: {reason}"));
        } else {
            self.report.skip(reason);
        }
    }
}
