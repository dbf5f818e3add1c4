//! Push and restore beside restic and rclone, as a Markdown table: `cargo xtask bench` runs it on its mounts.
//!
//! The repository is a folder on another volume, because all three tools can write to a folder. The tools run in turn,
//! each in new folders. Each measurement ends when the volume that was written to is synced, because rclone syncs
//! nothing itself. restic is told not to compress. It encrypts, which the others do not.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark stops at the first surprise and prints a table"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use lsm_checkpoint::{
    BoxError, Capture, Checkpoint, CheckpointSource, DeletionPause, FileKind, PinnedSnapshot, SourceFile,
    SourceRoot, run_checkpoint,
};
use lsm_checkpoint_store::{Location, Options, PushOptions, ReadOptions, blocking::Repository};
use lsm_fs::{Fs, StdFs};

/// Numbers of files, and rounds after the one that warms up.
const COUNTS: [(usize, usize); 4] = [(100, 5), (1_000, 5), (10_000, 3), (100_000, 1)];
const BYTES: usize = 16 << 10;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` also builds and runs this program, and needs no figures.
    if !args.iter().any(|arg| arg == "--bench") {
        return;
    }
    println!("| job | volume | ours (min–max) | theirs (min–max) | ratio | target |");
    println!("|---|---|---:|---:|---:|---:|");
    let jobs: Vec<_> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    if !jobs.is_empty() && !jobs.iter().any(|job| "push fetch".contains(job.as_str())) {
        return;
    }
    let tools: Vec<_> = Tool::ALL.into_iter().filter(Tool::is_there).collect();
    for (count, rounds) in COUNTS {
        rows(&tools, count, rounds);
    }
}

/// Measures all tools on a checkpoint of `count` files, and prints a row for each tool but ours.
fn rows(tools: &[Tool], count: usize, rounds: usize) {
    let [from, to] = ["LSM_REALFS_EXT4", "LSM_REALFS_EXT4_B"].map(root);
    let home = tempfile::tempdir_in(&from).unwrap();
    let checkpoint = home.path().join("checkpoint");
    run_checkpoint(&Engine::make(&home.path().join("db"), count), &StdFs, &checkpoint).unwrap();
    let mut times = vec![[Vec::new(), Vec::new()]; tools.len()];
    for round in 0..=rounds {
        for turn in 0..tools.len() {
            let at = (round + turn) % tools.len();
            let (tool, of_tool) = (tools.get(at).unwrap(), times.get_mut(at).unwrap());
            let (there, back) = (tempfile::tempdir_in(&to).unwrap(), tempfile::tempdir_in(&from).unwrap());
            let (repository, target) = (there.path().join("repository"), back.path().join("restored"));
            tool.init(&repository);
            sync(&from);
            sync(&to);
            let push = timed(&to, || tool.push(&checkpoint, &repository));
            let fetch = timed(&from, || tool.fetch(&repository, &target));
            assert!(files(&target) > count, "{tool:?}");
            if round > 0 {
                let [pushes, fetches] = of_tool;
                pushes.push(push);
                fetches.push(fetch);
            }
        }
    }
    let (ours, others) = times.split_first().unwrap();
    for (tool, theirs) in tools.iter().skip(1).zip(others) {
        for ((job, ours), theirs) in tool.jobs().into_iter().zip(ours).zip(theirs) {
            let ((a, ours), (b, theirs)) = (summary(ours), summary(theirs));
            let ratio = a.as_secs_f64() / b.as_secs_f64();
            println!(
                "| {} of {count} files: ours / {} | ext4 → ext4 | {ours} | {theirs} | {ratio:.3} | – |",
                job.0, job.1
            );
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Tool {
    Ours,
    Restic,
    Rclone,
}

impl Tool {
    const ALL: [Self; 3] = [Self::Ours, Self::Restic, Self::Rclone];

    /// Returns `false` for a program that is not installed, and says so.
    fn is_there(&self) -> bool {
        let program = match self {
            Self::Ours => return true,
            Self::Restic => "restic",
            Self::Rclone => "rclone",
        };
        let is_there = Command::new(program).arg("version").output().is_ok();
        if !is_there {
            eprintln!("{program} is missing, and left out");
        }
        is_there
    }

    /// Names the two jobs, and the command that does them.
    fn jobs(self) -> [(&'static str, &'static str); 2] {
        match self {
            Self::Ours => [("push", "itself"), ("fetch", "itself")],
            Self::Restic => [("push", "restic backup"), ("fetch", "restic restore")],
            Self::Rclone => [("push", "rclone copy"), ("fetch", "rclone copy")],
        }
    }

    fn init(self, repository: &Path) {
        match self {
            Self::Ours => {
                Repository::init(Location::local(repository).unwrap(), Options::new()).unwrap();
            }
            Self::Restic => run(restic(repository).args(["init", "--repository-version", "2"])),
            Self::Rclone => fs::create_dir(repository).unwrap(),
        }
    }

    fn push(self, checkpoint: &Path, repository: &Path) {
        match self {
            Self::Ours => {
                let _ = ours(repository).push(Arc::new(StdFs), checkpoint, &PushOptions::new()).unwrap();
            }
            Self::Restic => {
                run(restic(repository).args(["backup", "--compression", "off", "."]).current_dir(checkpoint));
            }
            Self::Rclone => run(rclone().args([checkpoint, repository])),
        }
    }

    fn fetch(self, repository: &Path, target: &Path) {
        match self {
            Self::Ours => {
                let repository = ours(repository);
                let backup = repository.list().unwrap().first().unwrap().id;
                let files = repository.files(backup, &ReadOptions::new()).unwrap();
                let fs: Arc<dyn Fs> = Arc::new(StdFs);
                files.restore(&fs, target, &Checkpoint::new()).unwrap();
            }
            Self::Restic => run(restic(repository).args(["restore", "latest", "--target"]).arg(target)),
            Self::Rclone => run(rclone().args([repository, target])),
        }
    }
}

fn ours(repository: &Path) -> Repository {
    Repository::open(Location::local(repository).unwrap(), Options::new()).unwrap()
}

fn restic(repository: &Path) -> Command {
    let mut restic = Command::new("restic");
    restic.args(["--quiet", "--no-cache", "--repo"]).arg(repository).env("RESTIC_PASSWORD", "a bench");
    restic
}

fn rclone() -> Command {
    let mut rclone = Command::new("rclone");
    rclone.arg("copy").env("RCLONE_CONFIG", "/dev/null");
    rclone
}

fn run(command: &mut Command) {
    assert!(command.stdout(Stdio::null()).status().unwrap().success(), "{command:?}");
}

fn timed(written: &Path, act: impl FnOnce()) -> Duration {
    let start = Instant::now();
    act();
    sync(written);
    start.elapsed()
}

/// Syncs the filesystem of a path.
fn sync(path: &Path) {
    run(Command::new("sync").arg("-f").arg(path));
}

fn files(dir: &Path) -> usize {
    let of_entry = |path: PathBuf| if path.is_dir() { files(&path) } else { 1 };
    fs::read_dir(dir).unwrap().map(|entry| of_entry(entry.unwrap().path())).sum()
}

/// A mount. Without mounts, the temporary directory stands for each of them.
fn root(variable: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(std::env::temp_dir, PathBuf::from)
}

/// The median, and a text with the extremes.
fn summary(times: &[Duration]) -> (Duration, String) {
    let mut times = times.to_vec();
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let (median, min, max) = (times.get(times.len() / 2), times.first(), times.last());
    let [median, min, max] = [median, min, max].map(|time| *time.unwrap());
    (median, format!("{:.1} ms ({:.1}–{:.1})", ms(median), ms(min), ms(max)))
}

/// An idle engine: a directory of tables with distinct contents.
struct Engine {
    dir: PathBuf,
    tables: Vec<String>,
}

impl Engine {
    fn make(dir: &Path, count: usize) -> Self {
        fs::create_dir(dir).unwrap();
        let mut state = 1_u64;
        let tables: Vec<_> = (0..count).map(|table| format!("{table:06}")).collect();
        for table in &tables {
            let words = std::iter::repeat_with(|| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()
            });
            fs::write(dir.join(table), words.take(BYTES / 8).flatten().collect::<Vec<u8>>()).unwrap();
        }
        Self { dir: dir.to_owned(), tables }
    }
}

impl CheckpointSource for Engine {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::new(StdFs), &self.dir)]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn identity(&self) -> String {
        "a bench".to_owned()
    }

    fn visible_seqno(&self) -> Option<u64> {
        None
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let fs: Arc<dyn Fs> = Arc::new(StdFs);
        let len = BYTES as u64;
        let table =
            |name: &String| SourceFile::immutable(FileKind::Table, Arc::clone(&fs), self.dir.join(name), len);
        let snapshot = PinnedSnapshot::new(1, ()).files(self.tables.iter().map(table));
        Ok(Capture::one(snapshot.metadata("CURRENT", *b"1")))
    }
}
