//! Full verification of files on disk, and of files in the page cache.

use std::{
    fs::{self, File},
    hint::black_box,
    os::unix::fs::FileExt,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use lsm_checkpoint::{Policy, VerifyOptions, verify};
use lsm_fs::StdFs;
use xxhash_rust::xxh3::Xxh3Default;

use crate::{
    device::Direct,
    floor::read_device,
    row::{Row, Side, figure, timed},
    source::Tables,
};

const TABLES: usize = 64;
const BYTES: usize = 64 << 20;
/// The size of a read. It is the fastest between 64 KiB and 8 MiB here.
const PIECE: usize = 1 << 20;
const ROUNDS: usize = 5;

pub(crate) fn rows(volume: &str, root: &Path) {
    let (_home, mut source) = Tables::make(root, TABLES, BYTES);
    source.sum_up();
    let dir = tempfile::tempdir_in(root).unwrap();
    drop(source.checkpoint(Policy::LinkOnly, dir.path()));
    let checkpoint = dir.path().join("checkpoint");
    let ours = |_: &Path| {
        timed(|| {
            let report = verify(&StdFs, &checkpoint, &VerifyOptions::full()).unwrap();
            assert!(report.is_sound(), "{report}");
            assert_eq!(report.unchecked_files, 0, "{report}");
        })
    };
    let tables = checkpoint.join("tables");
    {
        let device = Direct::below(&[root]);
        let volume = device.named(volume);
        cold((&volume, root), &ours, &|_| timed(|| read_device(&tables, &source.names, BYTES as u64)));
    }
    source.warm();
    let job = format!("verify {TABLES} × {} MiB, warm", BYTES >> 20);
    Row { job: &job, volume, root, rounds: ROUNDS }.beside(
        &ours,
        &[
            ("XXH3 on every core", 1.25, &|_| timed(hash_memory)),
            ("read + XXH3 on every core", 1.1, &|_| timed(|| hash_files(&tables, &source.names))),
        ],
    );
}

fn cold((volume, root): (&str, &Path), ours: Side<'_>, device: Side<'_>) {
    let job = format!("verify {TABLES} × {} MiB, cold", BYTES >> 20);
    if let Err(error) = drop_caches() {
        return figure(&job, volume, &format!("caches cannot be dropped: {error}"), "≤ 1.11");
    }
    let cold = |side: Side<'_>, dir: &Path| -> Duration {
        drop_caches().unwrap();
        side(dir)
    };
    Row { job: &job, volume, root, rounds: ROUNDS }
        .beside(&|dir| cold(ours, dir), &[("the device's sequential read", 1.11, &|dir| cold(device, dir))]);
}

/// Drops the page cache, including the cache of the image below a loop device, so that reads come from the disk.
pub(crate) fn drop_caches() -> std::io::Result<()> {
    fs::write("/proc/sys/vm/drop_caches", "3")
}

fn on_every_core(act: impl Fn() + Sync) {
    let cores = std::thread::available_parallelism().unwrap().get();
    std::thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(&act))));
}

/// Hashes the same number of bytes without reading files.
fn hash_memory() {
    let left = AtomicUsize::new(TABLES);
    on_every_core(|| {
        let table = vec![7; BYTES];
        while take(&left).is_some() {
            let mut hasher = Xxh3Default::new();
            table.chunks(PIECE).for_each(|piece| hasher.update(piece));
            black_box(hasher.digest128());
        }
    });
}

/// Hashes the same bytes, read from the page cache in a simple loop.
fn hash_files(dir: &Path, names: &[String]) {
    let left = AtomicUsize::new(names.len());
    on_every_core(|| {
        let mut piece = vec![0; PIECE];
        while let Some(at) = take(&left) {
            let file = File::open(dir.join(&names[at])).unwrap();
            let mut hasher = Xxh3Default::new();
            for offset in (0..BYTES as u64).step_by(PIECE) {
                file.read_exact_at(&mut piece, offset).unwrap();
                hasher.update(&piece);
            }
            black_box(hasher.digest128());
        }
    });
}

/// Takes the position of the next table.
fn take(left: &AtomicUsize) -> Option<usize> {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
        .ok()
        .map(|left| left - 1)
}
