//! Checkpoints of `lsm-checkpoint` beside those that coordinode-lsm-tree makes itself, of the same open trees.
//!
//! The two run in turn. What they ask of the kernel is counted by `strace` in processes of their own. Trees lie on the
//! mounts that `LSM_REALFS_EXT4` and so on name, or in the directory for temporary files.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "a benchmark prepares the host's files directly")]

mod calls;
mod trees;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use lsm_checkpoint::Policy;

use calls::{Calls, Order};
use trees::{Engine, Tree};

/// What both sides are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Link,
    Reflink,
    Copy,
}

impl Method {
    pub(crate) const ALL: [Self; 3] = [Self::Link, Self::Reflink, Self::Copy];

    const fn name(self) -> &'static str {
        match self {
            Self::Link => "hard link",
            Self::Reflink => "reflink",
            Self::Copy => "copy",
        }
    }

    pub(crate) const fn policy(self) -> Policy {
        match self {
            Self::Link | Self::Copy => Policy::PreferLink,
            Self::Reflink => Policy::PreferReflink,
        }
    }

    const fn target(self, volume: &str) -> &'static str {
        match self {
            // Of the promise: on btrfs no more than not to be slower.
            Self::Link if volume.as_bytes()[0] == b'b' => "≥ 1",
            Self::Link => "≥ 1.3",
            Self::Reflink | Self::Copy => "≥ 5",
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(order) = Order::from_args(&args) {
        return order.run();
    }
    // Built and run by `cargo test --all-targets` as well, which wants no figures.
    if !args.iter().any(|arg| arg == "--bench") {
        return;
    }
    println!(
        "| engine | filesystem | method | tables | ours | theirs | ratio | target | syncs | calls per table |"
    );
    println!("|---|---|---|---:|---:|---:|---:|---:|---:|---:|");
    let most = args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(10_000);
    for volume in ["ext4", "xfs", "btrfs"] {
        let Some(root) = root(volume) else { continue };
        for engine in Engine::ALL {
            for &tables in engine.sizes().iter().filter(|&&tables| tables <= most) {
                rows(volume, &root, engine, tables);
            }
        }
    }
}

/// The mount of a type; without mounts, the directory for temporary files stands for ext4.
fn root(volume: &str) -> Option<PathBuf> {
    match std::env::var_os(format!("LSM_REALFS_{}", volume.to_uppercase().replace('-', "_"))) {
        Some(root) => Some(root.into()),
        None => (volume == "ext4" && std::env::var_os("LSM_REALFS_XFS").is_none()).then(std::env::temp_dir),
    }
}

fn rows(volume: &str, root: &Path, engine: Engine, tables: usize) {
    let dir = tempfile::tempdir_in(root).unwrap();
    let db = dir.path().join("db");
    let made = trees::fill(engine, &db, tables);
    let mut jobs = vec![(Method::Link, dir.path().to_path_buf())];
    if volume != "ext4" {
        jobs.push((Method::Reflink, dir.path().to_path_buf()));
    }
    let elsewhere = root_of_copies(volume).map(|root| tempfile::tempdir_in(root).unwrap());
    if let Some(elsewhere) = elsewhere.as_ref().filter(|_| tables <= 2_000) {
        jobs.push((Method::Copy, elsewhere.path().to_path_buf()));
    }
    for (method, to) in jobs {
        let calls = [true, false].map(|ours| {
            let target = to.join("counted");
            let calls = Order { engine, method, ours, db: db.clone(), target: target.clone() }.count();
            std::fs::remove_dir_all(&target).unwrap();
            calls
        });
        let tree = trees::open(engine, &db, method == Method::Reflink);
        let times = in_turn(&*tree, method, &to, if tables > 200 { 5 } else { 11 });
        print(volume, engine, method, made, times, &calls);
    }
}

/// Another filesystem to copy to.
fn root_of_copies(volume: &str) -> Option<PathBuf> {
    if volume == "ext4" { root("ext4-b") } else { None }
}

/// The median of each side, in milliseconds.
fn in_turn(tree: &dyn Tree, method: Method, to: &Path, rounds: usize) -> [f64; 2] {
    let mut times = [Vec::new(), Vec::new()];
    // The first round warms up.
    for round in 0..=rounds {
        for turn in 0..2 {
            let side = (round + turn) % 2;
            let time = once(tree, method, &to.join("timed"), side == 0);
            if round > 0 {
                times[side].push(time);
            }
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[rounds / 2].as_secs_f64() * 1e3
    })
}

fn once(tree: &dyn Tree, method: Method, target: &Path, ours: bool) -> Duration {
    let start = Instant::now();
    if ours {
        tree.ours(method.policy(), target)
    } else {
        tree.theirs(target)
    }
    let time = start.elapsed();
    std::fs::remove_dir_all(target).unwrap();
    // What the removal leaves to the journal is not for the next one to pay.
    assert!(Command::new("sync").arg("-f").arg(target.parent().unwrap()).status().unwrap().success());
    time
}

fn print(volume: &str, engine: Engine, method: Method, tables: usize, times: [f64; 2], calls: &[Calls; 2]) {
    let [ours, theirs] = times;
    let [our_calls, their_calls] = calls.each_ref().map(|calls| calls.all as f64 / tables as f64);
    let (engine, way, target) = (engine.name(), method.name(), method.target(volume));
    print!(
        "| {engine} | {volume} | {way} | {tables} | {ours:.2} ms | {theirs:.2} ms | {:.2} | {target} |",
        theirs / ours
    );
    println!(" {} : {} | {our_calls:.2} : {their_calls:.2} |", calls[0].syncs, calls[1].syncs);
}
