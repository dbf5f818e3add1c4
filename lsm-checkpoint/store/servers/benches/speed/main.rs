//! Pushes and restores beside `object_store` alone, rclone and restic, as a Markdown table.
//!
//! The server is s3s-fs in a process of its own. Each side is a process, too, and its start counts. The sides of a row
//! run in turn, and a ratio is of the medians. A restore is durable at its end: `object_store` alone syncs each file,
//! and the filesystem is synced after rclone and restic. rclone and restic are left out where they are not installed.
//!
//! `LSM_SPEED_ROUNDS` changes the number of rounds.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise and prints a table"
)]

mod client;
mod server;
mod sides;
mod table;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lsm_checkpoint_servers::Engine;
use tempfile::TempDir;

use server::Served;
use sides::Side;
use table::{Cell, Target, row};

const ROUNDS: usize = 3;
const MIB: u64 = 1 << 20;
/// A client's memory, whatever the sizes.
const MEMORY: u64 = 256 * MIB;

/// Files of one length.
#[derive(Clone, Copy)]
struct Shape {
    files: usize,
    len: usize,
}

const SMALL: Shape = Shape { files: 10_000, len: 64 << 10 };
const LARGE: Shape = Shape { files: 64, len: 64 << 20 };
/// A backup of 1 GiB.
const OPENED: Shape = Shape { files: 16, len: 64 << 20 };
/// The files of an increment that are new.
const NEW: usize = 100;

impl Shape {
    fn name(self) -> String {
        let len = if self.len < 1 << 20 { self.len >> 10 } else { self.len >> 20 };
        format!("{} x {len} {}", self.files, if self.len < 1 << 20 { "KiB" } else { "MiB" })
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, rest)) if first == server::WORD => server::main(rest),
        Some((first, rest)) if first == client::WORD => client::main(rest),
        _ => tables(&arguments),
    }
}

fn tables(arguments: &[String]) {
    let jobs: Vec<_> = arguments.iter().filter(|word| !word.starts_with("--")).collect();
    // The jobs `push` and `fetch` are of the table of folders.
    let is_ours = |wanted: &str| wanted.starts_with("repository");
    let wanted = |job: &str| {
        jobs.is_empty() || jobs.iter().any(|wanted| is_ours(wanted) && job.contains(wanted.as_str()))
    };
    println!("| job | volume | ours (min–max) | other (min–max) | ratio | target |");
    println!("|---|---|---:|---:|---:|---:|");
    for shape in [SMALL, LARGE] {
        if wanted(&format!("repository push, repository restore, {}", shape.name())) {
            round_trips(&Bench::new(shape), shape);
        }
    }
    if wanted("repository increment") {
        increments(&mut Bench::new(SMALL));
    }
    if wanted("repository in place") {
        in_place(&Bench::new(OPENED));
    }
}

/// A server, and a checkpoint to push.
struct Bench {
    dir: TempDir,
    engine: Engine,
    served: Served,
    sides: Vec<Side>,
    rounds: usize,
}

impl Bench {
    fn new(shape: Shape) -> Self {
        let root = std::env::var_os("LSM_REALFS_EXT4").map_or_else(std::env::temp_dir, PathBuf::from);
        let dir = tempfile::tempdir_in(root).unwrap();
        let mut engine = Engine::open(&dir.path().join("db"), "speed").unwrap();
        engine.add(1, shape.files, shape.len).unwrap();
        let served = Served::start(&dir.path().join("served"));
        let rounds = std::env::var("LSM_SPEED_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
        let bench = Self { dir, engine, served, sides: Side::found(), rounds: rounds.unwrap_or(ROUNDS) };
        bench.checkpoint();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The checkpoint, which has the same path each time, because restic compares paths.
    fn current(&self) -> PathBuf {
        self.path("current")
    }

    fn checkpoint(&self) {
        let (current, old) = (self.current(), self.path("old"));
        if old.exists() {
            std::fs::remove_dir_all(&old).unwrap();
        }
        if current.exists() {
            std::fs::rename(&current, &old).unwrap();
        }
        self.engine.checkpoint(&current).unwrap();
    }

    /// The sides in an order that differs from round to round.
    fn turns(&self, round: usize) -> impl Iterator<Item = Side> {
        let mut sides = self.sides.clone();
        let len = sides.len();
        sides.rotate_left(round % len);
        sides.into_iter()
    }

    fn push(&self, side: Side, prefix: &str, known: Option<&Path>) -> (Duration, u64) {
        timed(|| side.push(&self.served, self.dir.path(), prefix, (&self.current(), known)))
    }

    fn restore(&self, side: Side, prefix: &str) -> (Duration, u64) {
        let target = self.path("restored");
        let outcome = timed(|| side.restore(&self.served, self.dir.path(), prefix, &target));
        std::fs::remove_dir_all(&target).unwrap();
        outcome
    }
}

/// Times a call. Returns its result, too.
fn timed<T>(call: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let outcome = call();
    (start.elapsed(), outcome)
}

/// The times of all rounds of one side, and its largest memory.
type Times = Vec<(Side, Vec<Duration>, u64)>;

fn add(times: &mut Times, side: Side, (time, peak): (Duration, u64)) {
    match times.iter_mut().find(|(other, ..)| *other == side) {
        Some((_, times, most)) => {
            times.push(time);
            *most = peak.max(*most);
        }
        None => times.push((side, vec![time], peak)),
    }
}

/// The rows of a job: ours beside each other side, and our memory.
fn rows(job: &str, times: &Times, target: impl Fn(Side) -> Target) {
    let Some((_, ours, peak)) = times.iter().find(|(side, ..)| *side == Side::Ours) else { return };
    for (side, others, _) in times.iter().filter(|(side, ..)| *side != Side::Ours) {
        let job = format!("{job}: ours / {}", side.name());
        row(&job, Cell::Times(ours.clone()), Cell::Times(others.clone()), target(*side));
    }
    row(&format!("{job}: peak memory"), Cell::Bytes(*peak), Cell::None, Target::Bytes(MEMORY));
}

/// First pushes, and restores of them.
fn round_trips(bench: &Bench, shape: Shape) {
    let (mut pushes, mut restores) = (Times::new(), Times::new());
    for round in 0..bench.rounds {
        for side in bench.turns(round) {
            let prefix = format!("{}-{round}", side.word());
            side.init(&bench.served, bench.dir.path(), &prefix);
            add(&mut pushes, side, bench.push(side, &prefix, None));
            add(&mut restores, side, bench.restore(side, &prefix));
            bench.served.remove(&prefix);
        }
    }
    let is_large = shape.len == LARGE.len;
    rows(&format!("repository push, {}", shape.name()), &pushes, |side| side.target(is_large));
    rows(&format!("repository restore, {}", shape.name()), &restores, |side| side.target(is_large));
}

/// Pushes of a checkpoint of which the store has most files.
fn increments(bench: &mut Bench) {
    let mut pushes = Times::new();
    for side in bench.sides.clone() {
        side.init(&bench.served, bench.dir.path(), side.word());
        bench.push(side, side.word(), None);
    }
    for round in 0..bench.rounds {
        bench.engine.drop_oldest(NEW).unwrap();
        bench.engine.add(2 + round as u64, NEW, SMALL.len).unwrap();
        bench.checkpoint();
        let old = bench.path("old");
        for side in bench.turns(round) {
            add(&mut pushes, side, bench.push(side, side.word(), Some(&old)));
        }
    }
    let job = format!("repository increment, {NEW} of {}", SMALL.name());
    // Alone, `object_store` is told which files are new. The others find out.
    rows(&job, &pushes, |side| if side == Side::Bare { Target::None } else { Target::Ratio(1.0) });
}

/// The first answer of a backup that is opened in place, beside a full restore.
fn in_place(bench: &Bench) {
    let prefix = Side::Ours.word();
    Side::Ours.init(&bench.served, bench.dir.path(), prefix);
    bench.push(Side::Ours, prefix, None);
    let (mut answers, mut restores) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        answers.push(timed(|| client::run(&bench.served, &["answer", prefix])).0);
        restores.push(bench.restore(Side::Ours, prefix).0);
    }
    let job = format!("repository in place, {}: first answer / full restore", OPENED.name());
    row(&job, Cell::Times(answers), Cell::Times(restores), Target::Ratio(0.1));
}
