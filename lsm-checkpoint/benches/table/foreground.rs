//! The delay that a copied checkpoint causes for a thread that writes and syncs on the source's filesystem.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use lsm_checkpoint::{Checkpoint, Method, Policy};
use lsm_fs::{Fs, StdFs};

use crate::{
    device::Direct,
    floor::copy_each,
    linked::metadata,
    row::{beside, figure, ms, settle},
    source::Tables,
    verify::drop_caches,
};

const TABLE: usize = 256 << 20;
/// The environment variable with the amount to copy in GiB, for a machine that should carry less load.
const SIZE: &str = "LSM_BENCH_FOREGROUND_GIB";
const LIMIT: u64 = 200 << 20;
const IDLE: Duration = Duration::from_secs(5);

pub(crate) fn rows(volume: &str, from: &Path, to: &Path) {
    let gib: usize = std::env::var(SIZE).map_or(10, |gib| gib.parse().unwrap());
    let job = format!("foreground 4 KiB write + fsync during {gib} GiB");
    let (needed, shared) = ((gib as u64) << 30, from == to);
    let room = |root: &Path| StdFs.available_space(root).unwrap() / if shared { 2 } else { 1 };
    if room(from).min(room(to)) < needed + needed / 16 {
        return figure(&job, volume, "no room", "–");
    }
    let device = Direct::below(&[from, to]);
    let volume = &device.named(volume);
    let (_home, source) = Tables::make(from, gib * 4, TABLE);
    let idle = Latencies::while_running(from, &|| {
        let (_never, end) = mpsc::channel::<()>();
        assert_eq!(end.recv_timeout(IDLE), Err(RecvTimeoutError::Timeout));
    });
    let copy = |limit: Option<u64>| {
        during(from, to, &|dir| {
            let checkpoint = Checkpoint::new().policy(Policy::Independent);
            let checkpoint = limit.map_or(checkpoint, |limit| checkpoint.bytes_per_second(limit));
            drop(checkpoint.create(&source, &StdFs, &dir.join("checkpoint")).unwrap());
        })
    };
    let of_loop = {
        let metadata = metadata(&source, Policy::Independent, Method::Copy, to);
        let copies =
            |dir: &Path| metadata.checkpoint(dir, |to| copy_each(&source.tables(), &source.names, to));
        during(from, to, &copies)
    };
    let row = |what: &str, found: &Latencies| {
        beside(&format!("{job}: {what} / idle"), volume, (&found.shown(), &idle.shown()), None, "–");
    };
    row("copied", &copy(None));
    row(&format!("copied at {} MiB/s", LIMIT >> 20), &copy(Some(LIMIT)));
    row("copy + fsync each", &of_loop);
}

/// Runs a copy from cold files in a new directory.
fn during(from: &Path, to: &Path, copy: &dyn Fn(&Path)) -> Latencies {
    let dir = tempfile::tempdir_in(to).unwrap();
    settle(from);
    settle(to);
    let _ = drop_caches();
    let found = Latencies::while_running(from, &|| copy(dir.path()));
    drop(dir);
    settle(to);
    found
}

/// The sorted durations of the writes, and the time in which they were made.
struct Latencies(Vec<Duration>, Duration);

impl Latencies {
    /// Writes in a separate thread until `act` returns.
    fn while_running(root: &Path, act: &dyn Fn()) -> Self {
        let file = tempfile::tempfile_in(root).unwrap();
        let (done, ended) = mpsc::channel::<()>();
        let start = Instant::now();
        std::thread::scope(|scope| {
            let writer = scope.spawn(move || write_until(&file, &ended));
            act();
            let elapsed = start.elapsed();
            drop(done);
            let mut times = writer.join().unwrap();
            times.sort_unstable();
            Self(times, elapsed)
        })
    }

    fn at(&self, percent: usize) -> f64 {
        ms(self.0[(self.0.len() - 1) * percent / 100])
    }

    fn shown(&self) -> String {
        let (p50, p99, max) = (self.at(50), self.at(99), self.at(100));
        let seconds = self.1.as_secs_f64();
        format!("p50 {p50:.2}, p99 {p99:.2}, max {max:.1} ms; {} in {seconds:.1} s", self.0.len())
    }
}

fn write_until(file: &File, ended: &mpsc::Receiver<()>) -> Vec<Duration> {
    let mut times = Vec::new();
    // A log: each write lengthens the file.
    while ended.recv_timeout(Duration::from_millis(1)) == Err(RecvTimeoutError::Timeout) {
        let start = Instant::now();
        file.write_all_at(&[7; 4096], times.len() as u64 * 4096).unwrap();
        file.sync_all().unwrap();
        times.push(start.elapsed());
    }
    times
}
