//! SIGINT and SIGTERM in each phase that can take long.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Stdio},
};

use lsm_checkpoint::Policy;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{DAY, Daily, command};

/// Adds a sparse table of 1 TiB. Reading it takes minutes, and linking it takes no time.
pub(crate) fn add_endless_table(daily: &mut Daily) {
    const LEN: u64 = 1 << 40;
    File::create(daily.engine.dir.join("endless.sst")).unwrap().set_len(LEN).unwrap();
    daily.engine.tables.push(("endless.sst".to_owned(), LEN));
}

/// Makes two checkpoints, each with a table that takes minutes to read.
fn endless() -> Daily {
    let mut daily = Daily::empty();
    add_endless_table(&mut daily);
    daily.engine.checkpoint(&daily.at("monday"), 2 * DAY as i64, Policy::LinkOnly);
    daily.engine.checkpoint(&daily.at("tuesday"), DAY as i64, Policy::LinkOnly);
    daily
}

pub(crate) fn interrupt(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Starts a command, waits for the progress of a step, sends a signal, and returns the exit code and the rest of
/// stderr.
fn interrupted(args: &[&Path], step: &str, signal: Signal) -> (Option<i32>, String) {
    let mut command = command();
    let mut child = command.arg("--progress").args(args).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with(step) {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "{args:?} ended before {step}");
    }
    interrupt(&child, signal);
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    (child.wait().unwrap().code(), rest)
}

#[test]
fn a_verification_ends_at_once() {
    let daily = endless();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let args = [Path::new("verify"), &daily.at("monday"), &daily.at("tuesday")];
        let (found, err) = interrupted(&args, "verify monday", signal);
        assert_eq!(found, Some(code), "{err}");
        assert!(err.ends_with("error: interrupted by a signal\n"), "{err}");
        assert!(!err.contains("verify tuesday"), "{err}");
    }
}

#[test]
fn a_restore_that_verifies_makes_nothing() {
    let daily = endless();
    let (monday, target) = (daily.at("monday"), daily.at("live"));
    let policy = ["restore", "--policy", "prefer-link"].map(Path::new);
    let args = [&policy[..], &[&monday, &target]].concat();
    let (code, err) = interrupted(&args, "verify monday", Signal::INT);
    assert_eq!(code, Some(130), "{err}");
    assert_eq!(daily.names(), ["monday", "tuesday"]);
}

/// The target is on another volume, so files are copied. The limit is one byte per second.
#[test]
fn a_restore_that_copies_leaves_nothing() {
    let daily = Daily::new();
    let other = tempfile::tempdir_in("/dev/shm").unwrap();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let (monday, target) = (daily.at("monday"), other.path().join("live"));
        let limit = ["restore", "--limit", "1"].map(Path::new);
        let args = [&limit[..], &[&monday, &target]].concat();
        let (found, err) = interrupted(&args, "restore", signal);
        assert_eq!(found, Some(code), "{err}");
        assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 0, "nothing is left");
    }
}

#[test]
fn a_prune_that_verifies_removes_nothing() {
    let daily = endless();
    let rules = ["prune", "--keep-last", "1", "--verify", "full"].map(Path::new);
    let dir = daily.dir();
    let (code, err) = interrupted(&[&rules[..], &[&dir]].concat(), "verify tuesday", Signal::TERM);
    assert_eq!(code, Some(143), "{err}");
    assert_eq!(daily.names(), ["monday", "tuesday"]);
}
