//! Compares checkpoints of `lsm-checkpoint` with the checkpoints that coordinode-lsm-tree makes itself, of the same
//! open trees, as a Markdown table. `cargo xtask bench` runs it on mounts of each type.
//!
//! The sides of a row run alternately. The ratio compares the medians. `strace` counts system calls in separate
//! processes.
#![cfg(target_os = "linux")]

mod calls;
mod floor;
mod trees;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use lsm_checkpoint::Policy;

use calls::{Calls, Order};
use trees::{Engine, Tree};

/// The kind of checkpoint that both sides take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Link,
    Reflink,
    /// Clones. If the engine leaves its clones unsynced, they are synced afterwards.
    SyncedReflink,
    Copy,
}

impl Method {
    pub(crate) const ALL: [Self; 4] = [Self::Link, Self::Reflink, Self::SyncedReflink, Self::Copy];

    const fn name(self) -> &'static str {
        match self {
            Self::Link => "hard links",
            Self::Reflink => "reflinks",
            Self::SyncedReflink => "synced reflinks",
            Self::Copy => "copies",
        }
    }

    pub(crate) const fn policy(self) -> Policy {
        match self {
            Self::Link | Self::Copy => Policy::PreferLink,
            Self::Reflink | Self::SyncedReflink => Policy::PreferReflink,
        }
    }

    pub(crate) fn reflinks(self) -> bool {
        self.policy() == Policy::PreferReflink
    }

    /// Takes the checkpoint of the engine.
    pub(crate) fn theirs(self, tree: &dyn Tree, target: &Path) {
        tree.theirs(target);
        if self == Self::SyncedReflink {
            for table in std::fs::read_dir(target.join("tables")).unwrap() {
                std::fs::File::open(table.unwrap().path()).unwrap().sync_all().unwrap();
            }
        }
    }

    /// The target ratio (ours / theirs): links 1.3 times as fast, clones and copies 5 times, and on btrfs links not
    /// slower.
    const fn target(self, volume: &str) -> f64 {
        match self {
            Self::Link if volume.as_bytes()[0] == b'b' => 1.0,
            Self::Link => 0.77,
            Self::Reflink | Self::SyncedReflink | Self::Copy => 0.2,
        }
    }

    /// The number of rounds. Clones and copies may be synced, which is slow, so these methods run fewer rounds.
    const fn rounds(self, tables: usize) -> usize {
        match self {
            Self::Link if tables <= 200 => 15,
            Self::Link => 7,
            _ if tables <= 200 => 7,
            _ => 3,
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(order) = Order::from_args(&args) {
        return order.run();
    }
    // `cargo test --all-targets` also builds and runs this program, and needs no figures.
    if !args.iter().any(|arg| arg == "--bench") {
        return;
    }
    let jobs: Vec<_> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    println!(
        "| job | volume | ours (min–max) | theirs (min–max) | ratio | target | raw calls, / theirs | syncs \
         | calls per table |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|---:|");
    let wanted = |engine: &Engine| {
        let name = format!("versus {}", engine.name());
        jobs.is_empty() || jobs.iter().any(|job| name.contains(job.as_str()))
    };
    for engine in Engine::ALL.into_iter().filter(wanted) {
        for &tables in engine.sizes() {
            let made = trees::Made::new(&root("tmpfs").unwrap_or_else(std::env::temp_dir), engine, tables);
            for volume in ["ext4", "xfs", "btrfs"] {
                if let Some(root) = root(volume) {
                    rows(volume, &root, &made);
                }
            }
        }
    }
    if wanted(&Engine::V5) {
        println!("\n{UNSYNCED}");
    }
}

/// The maximum number of files to sync one by one, which limits the time of the benchmark.
const SYNCED_MAX: usize = 2_000;

/// The footnote for 5.7.0. `UPSTREAM.md`, 6, names the lines of the engine.
const UNSYNCED: &str = "\
¹ 5.7.0 leaves its clones unsynced: a crash may take what they hold, and the comparison is with less durable work. In
the row below each, its clones are synced one by one afterwards.";

/// Returns the mount of a filesystem type. Without mounts, the directory for temporary files stands in for ext4.
fn root(volume: &str) -> Option<PathBuf> {
    match std::env::var_os(format!("LSM_REALFS_{}", volume.to_uppercase().replace('-', "_"))) {
        Some(root) => Some(root.into()),
        None => (volume == "ext4" && std::env::var_os("LSM_REALFS_XFS").is_none()).then(std::env::temp_dir),
    }
}

fn rows(volume: &str, root: &Path, made: &trees::Made) {
    let dir = tempfile::tempdir_in(root).unwrap();
    let db = dir.path().join("db");
    made.copy_to(&db);
    let elsewhere = copies_to(volume).map(|root| tempfile::tempdir_in(root).unwrap());
    let mut jobs = vec![(Method::Link, dir.path())];
    let is_feasible = made.tables <= SYNCED_MAX;
    if volume != "ext4" && is_feasible {
        jobs.push((Method::Reflink, dir.path()));
        if made.engine == Engine::V5 {
            jobs.push((Method::SyncedReflink, dir.path()));
        }
    }
    if let Some(elsewhere) = elsewhere.as_ref().filter(|_| is_feasible) {
        jobs.push((Method::Copy, elsewhere.path()));
    }
    for (method, to) in jobs {
        let calls = [true, false].map(|ours| {
            let target = to.join("counted");
            let calls =
                Order { engine: made.engine, method, ours, db: db.clone(), target: target.clone() }.count();
            std::fs::remove_dir_all(&target).unwrap();
            calls
        });
        let tree = trees::open(made.engine, &db, method.reflinks());
        let (tables, metadata) = (floor::tables(&db), floor::metadata(made.engine == Engine::V5));
        let lanes = [
            &|target: &Path| tree.ours(method.policy(), target),
            &|target: &Path| method.theirs(&*tree, target),
            &|target: &Path| floor::link(&db, &tables, metadata, target),
        ] as [&dyn Fn(&Path); 3];
        let lanes = if method == Method::Link { &lanes[..] } else { &lanes[..2] };
        let times = in_turn(lanes, to, method.rounds(made.tables));
        print(volume, made, method, &times, &calls);
    }
}

/// Returns another filesystem to copy to.
fn copies_to(volume: &str) -> Option<PathBuf> {
    if volume == "ext4" { root("ext4-b") } else { None }
}

/// Returns the sorted times of each lane, in milliseconds.
fn in_turn(lanes: &[&dyn Fn(&Path)], to: &Path, rounds: usize) -> Vec<Vec<f64>> {
    let mut times = vec![Vec::new(); lanes.len()];
    // The first round warms up.
    for round in 0..=rounds {
        for turn in 0..lanes.len() {
            let lane = (round + turn) % lanes.len();
            let time = once(lanes[lane], &to.join("timed"));
            if round > 0 {
                times[lane].push(time.as_secs_f64() * 1e3);
            }
        }
    }
    times.iter_mut().for_each(|times| times.sort_unstable_by(f64::total_cmp));
    times
}

fn once(lane: &dyn Fn(&Path), target: &Path) -> Duration {
    let start = Instant::now();
    lane(target);
    let time = start.elapsed();
    std::fs::remove_dir_all(target).unwrap();
    // Write out the journal entries of the removal, so that the next run does not pay for them.
    assert!(Command::new("sync").arg("-f").arg(target.parent().unwrap()).status().unwrap().success());
    time
}

fn print(volume: &str, made: &trees::Made, method: Method, times: &[Vec<f64>], calls: &[Calls; 2]) {
    let median = |times: &[f64]| times[times.len() / 2];
    let shown =
        |times: &[f64]| format!("{:.2} ms ({:.2}–{:.2})", median(times), times[0], times[times.len() - 1]);
    let (ours, theirs) = (shown(&times[0]), shown(&times[1]));
    let floor = |raw: &Vec<f64>| format!("{:.2} ms, {:.2}", median(raw), median(raw) / median(&times[1]));
    let floor = times.get(2).map_or("–".to_owned(), floor);
    let ratio = median(&times[0]) / median(&times[1]);
    let (engine, way, target) = (made.engine.name(), method.name(), method.target(volume));
    let note = if made.engine == Engine::V5 && method == Method::Reflink { " ¹" } else { "" };
    let volumes = if method == Method::Copy { format!("{volume} → ext4") } else { volume.to_owned() };
    let per_table = calls.each_ref().map(|calls| calls.all as f64 / made.count as f64);
    println!(
        "| versus {engine}, {way}, {} tables: ours / theirs | {volumes} | {ours} | {theirs} | {ratio:.3} \
         | ≤ {target}{note} | {floor} | {} : {} | {:.2} : {:.2} |",
        made.tables, calls[0].syncs, calls[1].syncs, per_table[0], per_table[1]
    );
}
