//! Builds one mutant in a copy of the tree and runs its tests, until the first of them fails.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use xtask_common::cmd;

use super::copy::Copy;
use super::list::Mutant;

/// The fate of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Red,
    /// The tests did not end in time.
    Hung,
    Survived,
    /// The mutant does not compile, so its entry is wrong.
    Unbuilt,
}

impl Verdict {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Hung => "hung",
            Self::Survived => "survived",
            Self::Unbuilt => "unbuilt",
        }
    }
}

/// Runs a test command on the unchanged code, and returns its time limit on a mutant.
pub(super) fn limit(copy: &Copy, run: &str) -> anyhow::Result<Duration> {
    if !build(copy, run)? {
        bail!("`cargo {run}` does not build without a mutant; see {}", log_of(copy).display());
    }
    let begun = Instant::now();
    if !test(copy, run, None)? {
        bail!("`cargo {run}` fails without a mutant; see {}", log_of(copy).display());
    }
    let log = std::fs::read_to_string(log_of(copy))?;
    if !log.lines().any(|line| line.starts_with("test result: ok. ") && !line.contains(" 0 passed")) {
        bail!("`cargo {run}` runs no test");
    }
    let time = begun.elapsed();
    println!("green {:>5.1} s  cargo {run}", time.as_secs_f32());
    // `timeout` takes whole seconds, and the verdict compares with the same limit.
    Ok(Duration::from_secs((time * 4).as_secs() + 30))
}

/// Makes the mutant in the copy, builds it and runs its tests, each command of `runs` within its limit.
pub(super) fn judge(copy: &Copy, mutant: &Mutant, runs: &[(&str, Duration)]) -> anyhow::Result<Verdict> {
    let original = std::fs::read_to_string(copy.root.join(&mutant.file))?;
    copy.write(&mutant.file, mutant.apply(&original)?.as_bytes())?;
    let judged = (|| {
        for (run, limit) in runs {
            if !build(copy, run)? {
                return Ok(Verdict::Unbuilt);
            }
            let begun = Instant::now();
            if !test(copy, run, Some(*limit))? {
                return Ok(if begun.elapsed() >= *limit { Verdict::Hung } else { Verdict::Red });
            }
        }
        Ok(Verdict::Survived)
    })();
    copy.write(&mutant.file, original.as_bytes())?;
    judged
}

/// Builds the tests of a mutant. Returns `false` if they do not compile.
fn build(copy: &Copy, run: &str) -> anyhow::Result<bool> {
    let log = File::create(log_of(copy))?;
    let mut cargo = copy.cargo();
    cargo.args(run.replacen("test ", "test --no-run ", 1).split_whitespace());
    cargo.stdin(Stdio::null()).stderr(log.try_clone()?).stdout(log);
    let status = cargo.status().with_context(|| format!("cannot run `cargo {run}`"))?;
    Ok(status.success())
}

/// Runs the tests. Returns `false` if one fails or the run exceeds `limit`. One failure is enough, so the other tests
/// are then killed.
fn test(copy: &Copy, run: &str, limit: Option<Duration>) -> anyhow::Result<bool> {
    let mut cargo = copy.cargo();
    cargo.args(run.split_whitespace());
    // The time limit for the tests of the unchanged code, which is generous.
    let mut command = cmd::within(&cargo, limit.unwrap_or(Duration::from_secs(3600)));
    let log = File::create(log_of(copy))?;
    command.stdin(Stdio::null()).stderr(log.try_clone()?);
    until_first_failure(&mut command, log).with_context(|| format!("cannot run `cargo {run}`"))
}

/// Runs a command that [`cmd::within`] has made, and copies its stdout to `log`. Returns `false` if the command fails,
/// or if libtest reports a failed test. In the second case the command and all its children are killed.
fn until_first_failure(command: &mut Command, mut log: File) -> anyhow::Result<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut failed = false;
    let read = child.stdout.take().map_or(Ok(()), |pipe| {
        for line in BufReader::new(pipe).split(b'\n') {
            let line = line?;
            log.write_all(&line)?;
            log.write_all(b"\n")?;
            if !failed && line.starts_with(b"test ") && line.ends_with(b" ... FAILED") {
                failed = true;
                kill_group(&child)?;
            }
        }
        anyhow::Ok(())
    });
    if read.is_err() {
        // No process may outlive the trial: it would change the copy of the next one.
        kill_group(&child)?;
    }
    let status = child.wait()?;
    read?;
    Ok(status.success() && !failed)
}

/// Kills `timeout`, which leads its own process group, and every process of that group.
fn kill_group(leader: &Child) -> anyhow::Result<()> {
    let mut kill = Command::new("kill");
    // Ignore a failure: the leader of the group may have ended already.
    kill.args(["-KILL", "--", &format!("-{}", leader.id())]).stderr(Stdio::null()).status()?;
    Ok(())
}

fn log_of(copy: &Copy) -> PathBuf {
    copy.root.with_file_name("log")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, seconds: u64) -> bool {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        let log = File::options().write(true).open("/dev/null").unwrap();
        until_first_failure(&mut cmd::within(&shell, Duration::from_secs(seconds)), log).unwrap()
    }

    #[test]
    fn tests_that_pass_are_no_failure() {
        assert!(run("echo test a ... ok; echo 'test result: ok. 1 passed'", 600));
        assert!(!run("exit 101", 600));
    }

    /// The log cannot be written, as on a full disk. The script prints a line and then never ends.
    #[test]
    fn a_log_that_fails_ends_the_tests() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo test a ... ok; tail -f /dev/null"]);
        let log = File::options().write(true).open("/dev/full").unwrap();
        let begun = Instant::now();
        until_first_failure(&mut cmd::within(&shell, Duration::from_secs(600)), log).unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(300));
    }

    /// The script never ends, and neither does its child, which keeps the pipe open.
    #[test]
    fn the_first_failure_ends_the_other_tests() {
        let begun = Instant::now();
        assert!(!run("tail -f /dev/null & echo test a::b ... FAILED; wait", 600));
        assert!(begun.elapsed() < Duration::from_secs(300));
    }
}
