//! `cargo xtask soak`: runs property tests, crash sweeps and fuzz targets in turn, with fresh seeds, until the time is
//! over.
//!
//! Fault sweeps take no seed: every run of the tests tries all of their faults.

#![allow(clippy::print_stdout, reason = "a command-line tool talks to its terminal")]

mod targets;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};
use xtask_common::{cmd, workspace::Workspace};

use targets::Target;

mod flags {
    #![allow(unreachable_pub, reason = "xflags generates public items")]

    xflags::xflags! {
        /// Run property tests, crash sweeps and fuzz targets in turn, with fresh seeds, until the time is over.
        cmd soak {
            /// The time to run. The last run may end later.
            required --minutes minutes: u64
            /// Only targets whose name holds this word. May be given several times.
            repeated --only name: String
        }
    }
}

fn main() -> ExitCode {
    let flags = flags::Soak::from_env_or_exit();
    xtask_common::exit_code(
        Workspace::load().and_then(|workspace| run(&workspace, flags.minutes, &flags.only)),
    )
}

/// About as long as one run of a target takes, unless its smallest run is longer.
const TURN: Duration = Duration::from_secs(10);
/// The time after which a target counts as hanging. A sweep takes minutes if other work keeps the cores busy.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Runs the targets whose names hold a word of `only`, or all of them. Returns `false` if one failed.
fn run(workspace: &Workspace, minutes: u64, only: &[String]) -> anyhow::Result<bool> {
    let root = &workspace.root;
    let mut targets = targets::find(workspace)?;
    targets.retain(|target| only.is_empty() || only.iter().any(|word| target.name.contains(word)));
    if targets.is_empty() {
        bail!("no property test, crash sweep or fuzz target has a name with: {}", only.join(" "));
    }
    let mut built = Vec::new();
    for mut command in targets.iter().map(|target| target.build(root)) {
        let shown = cmd::show(&command);
        if !built.contains(&shown) && !cmd::run(&mut command)?.success {
            bail!("`{shown}` failed");
        }
        built.push(shown);
    }
    let mut seed = first_seed();
    let (mut left, mut failed) = (targets.len(), 0);
    let end = Instant::now() + Duration::from_secs(minutes * 60);
    while !targets.is_empty() && Instant::now() < end {
        for mut target in std::mem::take(&mut targets) {
            if Instant::now() < end {
                seed += 1;
                left = left.saturating_sub(1);
                if !turn(root, &mut target, seed)? {
                    failed += 1;
                    continue;
                }
            }
            targets.push(target);
        }
    }
    println!("{failed} targets failed, {left} had no turn");
    Ok(failed == 0)
}

/// Runs a target once. A failure shows the whole output of the run and the command that repeats it.
fn turn(root: &Path, target: &mut Target, seed: u64) -> anyhow::Result<bool> {
    let command = target.command(root, seed)?;
    let start = Instant::now();
    let output = cmd::within(&command, LIMIT)
        .output()
        .with_context(|| format!("cannot start `{}`", cmd::show(&command)))?;
    let time = start.elapsed();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let inputs = target.inputs(&text);
    if !output.status.success() || inputs == 0 {
        let end = if time >= LIMIT { "it hangs".to_owned() } else { output.status.to_string() };
        println!("{text}\n{}: seed {seed}, FAILED ({end}) after {inputs} inputs", target.name);
        println!("replay: {}", cmd::show(&command));
        return Ok(false);
    }
    let rate = inputs as f64 / time.as_secs_f64();
    println!("{}: seed {seed}, {inputs} {}, {rate:.1} a second", target.name, target.unit());
    target.adjust(time);
    Ok(true)
}

/// The time in milliseconds, so that no two runs begin with the same seed.
fn first_seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn cargo_hands_property_tests_a_seed() {
        let seed = std::env::var("PROPTEST_RNG_SEED").unwrap_or_default();
        assert!(seed.parse::<u64>().is_ok(), "PROPTEST_RNG_SEED is `{seed}`; .cargo/config.toml sets it");
    }
}
