//! Compares the command with lower bounds, and prints a Markdown table. `cargo xtask bench` runs it on several mounts.
//!
//! The two sides of a row run alternately. The ratio is the ratio of their medians.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise and prints a table"
)]

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use lsm_checkpoint::{
    BoxError, Capture, Checkpoint, CheckpointSource, DeletionPause, FileKind, PinnedSnapshot, Policy,
    SourceFile, SourceRoot, VerifyOptions, verify,
};
use lsm_fs::{Fs, StdFs};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const ROUNDS: usize = 9;
/// The number of checkpoints in a directory, the number of files in each, and the target of the row.
const SHAPES: [(usize, usize, &str); 3] = [(1_000, 1_000, "≤ 2 s"), (10_000, 10, ""), (1, 100_000, "")];
/// The bytes that are verified.
const LARGE: u64 = 512 << 20;
/// The length of the file in whose copy a signal arrives.
const ENDLESS: u64 = 8 << 30;
/// The maximum time from a signal to the end of the process.
const CANCEL: Duration = Duration::from_secs(1);

fn main() {
    let jobs: Vec<_> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let wanted = |job: &str| jobs.is_empty() || jobs.iter().any(|wanted| job.contains(wanted.as_str()));
    println!("| job | volume | ours (min–max) | floor (min–max) | ratio | target |");
    println!("|---|---|---:|---:|---:|---:|");
    for volume in ["ext4", "xfs", "btrfs"] {
        let Some(root) = root(volume) else { continue };
        if volume == "ext4" && wanted("command start") {
            start(volume);
        }
        // btrfs takes more than a second to link 1,000 files that have over a hundred names each, so it would need half
        // an hour to make the checkpoints. On XFS the first shape is enough: the command does the same work everywhere.
        let shapes = match volume {
            "ext4" => &SHAPES[..],
            "xfs" => &SHAPES[..1],
            _ => &[],
        };
        if wanted("command list") {
            for &(checkpoints, files, target) in shapes {
                many(volume, &root, (checkpoints, files), target);
            }
        }
        if wanted("command verify") {
            verification(volume, &root);
        }
        if wanted("command cancel") {
            cancel(volume, &root);
        }
    }
}

/// Returns the mount of a filesystem type. Without mounts, the temporary directory stands in for ext4.
fn root(volume: &str) -> Option<PathBuf> {
    match std::env::var_os(format!("LSM_REALFS_{}", volume.to_uppercase())) {
        Some(root) => Some(root.into()),
        None => (volume == "ext4" && std::env::var_os("LSM_REALFS_XFS").is_none()).then(std::env::temp_dir),
    }
}

/// An engine of tables in one directory.
struct Engine {
    dir: PathBuf,
    tables: Vec<(String, u64)>,
}

impl CheckpointSource for Engine {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::new(StdFs), &self.dir)]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn identity(&self) -> String {
        "bench".to_owned()
    }

    fn visible_seqno(&self) -> Option<u64> {
        None
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let fs: Arc<dyn Fs> = Arc::new(StdFs);
        let table = |(name, len): &(String, u64)| {
            SourceFile::immutable(FileKind::Table, Arc::clone(&fs), self.dir.join(name), *len)
        };
        let files: Vec<_> = self.tables.iter().map(table).collect();
        Ok(Capture::one(PinnedSnapshot::new(1, ()).files(files).metadata("CURRENT", *b"1")))
    }
}

impl Engine {
    fn new(root: &TempDir, tables: Vec<(String, u64)>) -> Self {
        let dir = root.path().join("db");
        fs::create_dir(&dir).unwrap();
        for (name, len) in &tables {
            let mut file = File::create_new(dir.join(name)).unwrap();
            let piece: Vec<u8> = (0..1_u32 << 20).map(|at| u8::try_from(at % 251).unwrap()).collect();
            for _ in 0..len >> 20 {
                file.write_all(&piece).unwrap();
            }
            file.set_len(*len).unwrap();
        }
        Self { dir, tables }
    }
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lsm-checkpoint"));
    command.stdout(Stdio::null());
    command
}

fn run(mut command: Command) {
    assert!(command.status().unwrap().success());
}

/// Measures the start of the command beside the start of `true`.
fn start(volume: &str) {
    let version = || {
        let mut version = command();
        version.arg("--version");
        run(version);
    };
    row("command start: --version / true", volume, "≤ 10 ms", version, || run(Command::new("true")));
}

/// Measures verbs over many checkpoints or files beside a walk over the same names that reads their metadata.
fn many(volume: &str, root: &Path, (checkpoints, files): (usize, usize), target: &str) {
    let temp = tempfile::tempdir_in(root).unwrap();
    let engine = Engine::new(&temp, (0..files).map(|at| (format!("{at}.sst"), 0)).collect());
    let backups = temp.path().join("backups");
    fs::create_dir(&backups).unwrap();
    for at in 0..checkpoints {
        let target = backups.join(format!("{at:05}"));
        Checkpoint::new().policy(Policy::LinkOnly).create(&engine, &StdFs, &target).unwrap();
    }
    let verbs: [(&str, &[&str]); 4] = [
        ("list", &["list"]),
        ("du", &["du"]),
        ("check", &["check", "--max-age", "1d"]),
        ("prune", &["prune", "--dry-run", "--keep-daily", "7"]),
    ];
    for (verb, args) in verbs {
        let ours = || {
            let mut command = command();
            command.args(args).arg(&backups);
            run(command);
        };
        let job = format!("command {verb}: {checkpoints} checkpoints of {files} files / walk with metadata");
        let target = if verb == "list" { target } else { "" };
        row(&job, volume, target, ours, || assert!(walk(&backups) > checkpoints * files));
    }
}

fn walk(dir: &Path) -> usize {
    let mut entries = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        entries += 1;
        if entry.metadata().unwrap().is_dir() {
            entries += walk(&entry.path());
        }
    }
    entries
}

/// Measures a full verification by the command beside the same call of the library.
fn verification(volume: &str, root: &Path) {
    let temp = tempfile::tempdir_in(root).unwrap();
    let engine = Engine::new(&temp, (0..4).map(|at| (format!("{at}.sst"), LARGE / 4)).collect());
    let target = temp.path().join("monday");
    Checkpoint::new().policy(Policy::Independent).create(&engine, &StdFs, &target).unwrap();
    let ours = || {
        let mut verify = command();
        verify.arg("verify").arg(&target);
        run(verify);
    };
    let library = || {
        let report = verify(&StdFs, &target, &VerifyOptions::full().direct_io(true)).unwrap();
        assert!(report.is_sound());
    };
    row(&format!("command verify: {} MiB / the library", LARGE >> 20), volume, "≤ 1.1", ours, library);
}

/// Measures the time from SIGINT in the middle of a copy to the end of the process.
fn cancel(volume: &str, root: &Path) {
    let temp = tempfile::tempdir_in(root).unwrap();
    let mut engine = Engine::new(&temp, vec![("large.sst".to_owned(), LARGE)]);
    // The signal arrives in the first seconds, so the rest of the file may be a hole.
    let file = File::options().write(true).open(engine.dir.join("large.sst")).unwrap();
    file.set_len(ENDLESS).unwrap();
    engine.tables = vec![("large.sst".to_owned(), ENDLESS)];
    let target = temp.path().join("monday");
    Checkpoint::new().policy(Policy::LinkOnly).create(&engine, &StdFs, &target).unwrap();
    // Another volume, so that the file is copied. The limit keeps the copy going until the signal.
    let other = tempfile::tempdir_in("/dev/shm").unwrap();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let mut restore = command();
        restore
            .args(["--progress", "restore", "--limit", "64MiB"])
            .arg(&target)
            .arg(other.path().join("live"));
        let mut child = restore.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // The second line comes after a second of copying.
        lines.by_ref().map(Result::unwrap).filter(|line| line.starts_with("restore")).nth(1).unwrap();
        times.push(timed(&mut || {
            kill_process(Pid::from_child(&child), Signal::INT).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(130));
        }));
        assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
    }
    let (median, text) = summary(times);
    let ratio = median.as_secs_f64() / CANCEL.as_secs_f64();
    println!(
        "| command cancel: SIGINT in the copy of 8 GiB / a second | {volume} | {text} | 1000 ms | {ratio:.3} | ≤ 1 |"
    );
}

/// Runs the two sides alternately and prints their medians.
fn row(job: &str, volume: &str, target: &str, mut ours: impl FnMut(), mut floor: impl FnMut()) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        for side in [round % 2, 1 - round % 2] {
            let time = if side == 0 { timed(&mut ours) } else { timed(&mut floor) };
            // The first round warms up.
            if round > 0 {
                if side == 0 { a.push(time) } else { b.push(time) }
            }
        }
    }
    let (ours, a) = summary(a);
    let (floor, b) = summary(b);
    let ratio = ours.as_secs_f64() / floor.as_secs_f64();
    println!("| {job} | {volume} | {a} | {b} | {ratio:.3} | {target} |");
}

fn timed(run: &mut dyn FnMut()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

/// Returns the median, and a text with the extremes.
fn summary(mut times: Vec<Duration>) -> (Duration, String) {
    times.sort_unstable();
    let at = |index: usize| times.get(index).copied().unwrap_or_default();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let median = at(times.len() / 2);
    let text = format!("{:.1} ms ({:.1}–{:.1})", ms(median), ms(at(0)), ms(at(times.len() - 1)));
    (median, text)
}
