//! SIGINT and SIGTERM in each phase that can take long.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, PipeReader, Read},
    path::Path,
    process::{Child, Stdio},
};

use lsm_checkpoint::Policy;
use rustix::{
    pipe::fcntl_setpipe_size,
    process::{Pid, Signal, kill_process},
};

use crate::support::{DAY, Daily, NOW, command};

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
        assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0, "nothing is left");
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

/// The directory is filled in place. Afterwards it is as empty as before.
#[test]
fn a_restore_into_a_directory_leaves_it_empty() {
    let daily = Daily::new();
    let volume = tempfile::tempdir_in("/dev/shm").unwrap();
    let monday = daily.at("monday");
    let into = ["restore", "--into-empty", "--limit", "1"].map(Path::new);
    let (code, err) = interrupted(&[&into[..], &[&monday, volume.path()]].concat(), "restore", Signal::INT);
    assert_eq!(code, Some(130), "{err}");
    assert_eq!(fs::read_dir(volume.path()).unwrap().count(), 0, "nothing is left");
}

/// The number of checkpoints in a long directory. Their lines do not fit into a small pipe.
const MANY: usize = 40;

/// Makes checkpoints without files in a directory with a long name. `youngest` is the time of the youngest one. Returns
/// the path of the directory.
fn many(daily: &Daily, youngest: u64) -> std::path::PathBuf {
    let long = "x".repeat(250);
    fs::create_dir(daily.at(&long)).unwrap();
    for at in 0..MANY {
        daily.nameless_at(&format!("{long}/{at:03}"), youngest - at as u64);
    }
    daily.at(&long)
}

/// Reads a line, and nothing beyond it.
fn line(pipe: &mut PipeReader) -> String {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while pipe.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
        line.extend(byte);
    }
    String::from_utf8(line).unwrap()
}

/// Runs a command with a 4 KiB pipe as output, and sends a signal once a line contains `text`. The small pipe keeps the
/// command from running far ahead. Returns the exit code and all output.
fn interrupted_at(args: &[&Path], text: &str, signal: Signal) -> (Option<i32>, String) {
    let (mut reader, writer) = io::pipe().unwrap();
    fcntl_setpipe_size(&writer, 4_096).unwrap();
    let mut command = command();
    command.args(args).stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut all = String::new();
    while !all.contains(text) {
        let next = line(&mut reader);
        assert!(!next.is_empty(), "{args:?} ended before {text}: {all}");
        all.push_str(&format!("{next}\n"));
    }
    interrupt(&child, signal);
    reader.read_to_string(&mut all).unwrap();
    (child.wait().unwrap().code(), all)
}

#[test]
fn a_prune_that_removes_ends_between_two_checkpoints() {
    let daily = Daily::empty();
    let dir = many(&daily, NOW - DAY);
    let prune = ["prune", "--unnamed", "--keep-last", "1"].map(Path::new);
    let (code, all) = interrupted_at(&[&prune[..], &[&dir]].concat(), "removed", Signal::TERM);
    assert!(code == Some(143) && all.ends_with("error: interrupted by a signal\n"), "{code:?}: {all}");
    let left = fs::read_dir(&dir).unwrap().count();
    assert!(1 < left && left < MANY, "{left}");
    assert_eq!(all.matches(": removed\n").count(), MANY - left, "each removal is told");
    assert!(dir.join("000").exists(), "the newest one");
    let list = daily.run(&["list", dir.to_str().unwrap()]);
    assert!(list.code == 0 && !list.out.contains("staged"), "{list:?}");
}

/// Before its decisions, a prune looks at all checkpoints. Here each of them gets a note.
#[test]
fn a_prune_that_looks_around_removes_nothing() {
    let daily = Daily::empty();
    let dir = many(&daily, NOW - DAY);
    for at in 1..MANY {
        fs::write(dir.join(format!("{at:03}/CHECKPOINT")), "damaged").unwrap();
    }
    let prune = ["prune", "--unnamed", "--keep-last", "1"].map(Path::new);
    let (code, all) = interrupted_at(&[&prune[..], &[&dir]].concat(), "note: skipped", Signal::INT);
    assert_eq!(code, Some(130), "{all}");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), MANY);
}

/// `DIR@latest` passes over checkpoints from the future, each with a note.
#[test]
fn a_restore_that_chooses_makes_nothing() {
    let daily = Daily::empty();
    let dir = many(&daily, NOW + DAY);
    let (latest, live) = (format!("{}@latest", dir.display()), daily.at("live"));
    let args = [Path::new("restore"), Path::new(&latest), &live];
    let (code, all) = interrupted_at(&args, "skipped: its time", Signal::INT);
    assert_eq!(code, Some(130), "{all}");
    assert!(all.matches("note").count() < MANY && !live.exists(), "{all}");
}

#[test]
fn a_quick_verification_ends_between_two_checkpoints() {
    let daily = Daily::empty();
    let dir = many(&daily, NOW - DAY);
    let all: Vec<_> = (0..MANY).map(|at| dir.join(format!("{at:03}"))).collect();
    let args: Vec<_> =
        ["verify", "--quick"].map(Path::new).into_iter().chain(all.iter().map(|path| &**path)).collect();
    let (code, text) = interrupted_at(&args, ": sound", Signal::TERM);
    assert!(code == Some(143) && text.matches(": sound").count() < MANY, "{code:?}: {text}");
}
