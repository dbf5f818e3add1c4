//! Checkpoints by copies, their memory, and the dirty pages that they accumulate.

use std::path::Path;

use lsm_checkpoint::{Method, Policy};

use crate::{
    child,
    device::Direct,
    floor::{copy_each, write_device},
    linked::metadata,
    row::{Row, Side, figure, settle, timed},
    source::Tables,
    threads::copy_all,
};

/// The number of tables, their size in bytes, and the number of rounds.
struct Set {
    count: usize,
    bytes: usize,
    rounds: usize,
    /// The targets relative to the loop, to the same calls from many threads, and to the device, if there is one.
    each: Option<f64>,
    threads: Option<f64>,
    device: Option<f64>,
}

const SETS: [Set; 3] = [
    Set { count: 4_000, bytes: 16 << 10, rounds: 5, each: Some(0.1), threads: Some(1.2), device: None },
    Set { count: 200, bytes: 4 << 20, rounds: 5, each: Some(0.625), threads: None, device: Some(1.18) },
    Set { count: 4, bytes: 1 << 30, rounds: 3, each: None, threads: None, device: Some(1.11) },
];

pub(crate) fn rows(volume: &str, from: &Path, to: &Path) {
    for set in &SETS {
        let (_home, source) = Tables::make(from, set.count, set.bytes);
        let metadata = metadata(&source, Policy::Independent, Method::Copy, to);
        let job = format!("copied {} × {} KiB", set.count, set.bytes >> 10);
        let loop_of_copies = |dir: &Path| {
            source.warm();
            timed(|| metadata.checkpoint(dir, |to| copy_each(&source.tables(), &source.names, to)))
        };
        let in_threads = |dir: &Path| {
            source.warm();
            let copy = |to: &_| copy_all(&source.tables(), &source.names, set.bytes, to);
            timed(|| metadata.checkpoint(dir, copy))
        };
        let device = |dir: &Path| timed(|| write_device(dir, source.total_bytes()));
        let ours = |dir: &Path| {
            source.warm();
            timed(|| drop(source.checkpoint(Policy::Independent, dir)))
        };
        let mut loops: Vec<(&str, f64, Side<'_>)> = Vec::new();
        loops.extend(set.each.map(|target| ("copy + fsync each", target, &loop_of_copies as Side<'_>)));
        loops.extend(
            set.threads.map(|target| ("raw calls in as many threads", target, &in_threads as Side<'_>)),
        );
        if !loops.is_empty() {
            Row { job: &job, volume, root: to, rounds: set.rounds }.beside(&ours, &loops);
        }
        if let Some(target) = set.device {
            let direct = Direct::below(&[from, to]);
            Row { job: &job, volume: &direct.named(volume), root: to, rounds: set.rounds }
                .beside(&ours, &[("the device", target, &device)]);
        }
        figures(&job, volume, &source, to);
    }
}

fn figures(job: &str, volume: &str, source: &Tables, root: &Path) {
    let dir = tempfile::tempdir_in(root).unwrap();
    let (peaks, of_what) = child::peaks(source, Policy::Independent, dir.path());
    let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
    figure(&format!("{job}: peak memory"), volume, &mib(peaks.memory), "≤ 64 MiB");
    figure(&format!("{job}: peak of dirty pages of {of_what}"), volume, &mib(peaks.dirty), "≤ 256 MiB");
    drop(dir);
    settle(root);
}
