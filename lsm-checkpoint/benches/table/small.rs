//! A checkpoint of a few tables, which mostly costs its syncs.

use std::{fs, path::Path};

use lsm_checkpoint::{Method, Policy};

use crate::{
    child,
    floor::link_all,
    linked::metadata,
    row::{Row, Side, beside, figure, settle, timed},
    source::Tables,
};

const TABLES: usize = 20;
const ROUNDS: usize = 41;

pub(crate) fn rows(volume: &str, root: &Path) {
    let (_home, source) = Tables::make(root, TABLES, 16);
    let metadata = metadata(&source, Policy::LinkOnly, Method::HardLink, root);
    let ours = |dir: &Path| timed(|| drop(source.checkpoint(Policy::LinkOnly, dir)));
    let floor =
        |dir: &Path| timed(|| metadata.checkpoint(dir, |to| link_all(&source.tables(), &source.names, to)));
    Row { job: &format!("small {TABLES} tables"), volume, root, rounds: ROUNDS }
        .beside(&ours, &[("linkat + the same syncs", 1.1, &floor)]);
    syncs(volume, root, &source);
    let job = format!("small {TABLES} tables: device flushes");
    let Some(device) = device(root) else {
        return figure(&job, volume, "the device is not known", "≤ floor");
    };
    let (a, b) = (flushes(&device, root, &ours), flushes(&device, root, &floor));
    // Printed without a ratio, because concurrent syncs may or may not share a flush, and a count this small varies.
    beside(&job, volume, (&a.to_string(), &b.to_string()), None, "≤ floor");
}

/// Counts the syncs of files and directories by any system call.
fn syncs(volume: &str, root: &Path, source: &Tables) {
    let job = format!("small {TABLES} tables: fsyncs");
    let dir = tempfile::tempdir_in(root).unwrap();
    let shown = child::system_calls(source, dir.path()).map(|calls| {
        let kinds = ["fsync", "fdatasync", "syncfs", "sync"].map(|name| calls.of(name));
        kinds.iter().sum::<f64>().to_string()
    });
    figure(&job, volume, &shown.unwrap_or_else(|| "strace is missing".to_owned()), "≤ 7");
}

/// Counts the flushes that reach the device, as the median of several runs, because a timer of the filesystem may add
/// one.
fn flushes(device: &str, root: &Path, side: Side<'_>) -> u64 {
    let mut counts: Vec<u64> = (0..ROUNDS)
        .map(|_| {
            let dir = tempfile::tempdir_in(root).unwrap();
            settle(root);
            let before = flush_count(device);
            let _ = side(dir.path());
            flush_count(device) - before
        })
        .collect();
    counts.sort_unstable();
    counts[ROUNDS / 2]
}

/// Returns the block device of a mount.
fn device(root: &Path) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let line = mounts.lines().find(|line| line.split(' ').nth(1).map(Path::new) == Some(root))?;
    line.split(' ').next()?.strip_prefix("/dev/").map(str::to_owned)
}

/// Reads the sixteenth field of the statistics of a device.
fn flush_count(device: &str) -> u64 {
    let stat = fs::read_to_string(format!("/sys/block/{device}/stat")).unwrap();
    stat.split_whitespace().nth(15).unwrap().parse().unwrap()
}
