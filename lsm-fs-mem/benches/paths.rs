//! Hot paths of the simulator: transfers in memory, forks, and the enumeration of crash states.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark stops at the first surprise; criterion's macros make undocumented functions"
)]

#[path = "common/forty.rs"]
mod forty;

use std::{hint::black_box, path::Path};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use forty::forty;
use lsm_fs::{Fs, FsFile, FsOpenOptions};
use lsm_fs_mem::{Budget, CrashSweep, MemFs, Profile};

const FILE_BYTES: usize = 1 << 20;
const PIECE: usize = 4 << 10;

fn transfers(c: &mut Criterion) {
    let fs = MemFs::new();
    let options = FsOpenOptions::new().read(true).write(true).create(true);
    let file = fs.open(Path::new("/f"), &options).unwrap();
    file.write_at(&vec![7; FILE_BYTES], 0).unwrap();
    // A fixed stride visits the file out of order.
    let mut at = (0_u64..).map(|i| i.wrapping_mul(7_919) % (FILE_BYTES / PIECE) as u64 * PIECE as u64);
    let mut buf = vec![0; PIECE];
    let mut group = c.benchmark_group("4 KiB in memory");
    group.throughput(Throughput::Bytes(PIECE as u64));
    group.bench_function("read_at", |b| {
        b.iter(|| file.read_at(black_box(&mut buf), at.next().unwrap()).unwrap());
    });
    group.bench_function("write_at and settle", |b| {
        b.iter(|| {
            file.write_at(black_box(&buf), at.next().unwrap()).unwrap();
            // Keeps the journal of pending changes from growing with each iteration.
            fs.settle();
        });
    });
    group.bench_function("fork", |b| b.iter(|| fs.fork()));
    group.finish();
}

fn sweep(profile: Profile) -> CrashSweep<'static> {
    CrashSweep::new().models([profile]).budget(Budget::Ci)
}

fn crash_states(c: &mut Criterion) {
    let mut group = c.benchmark_group("crash states of 40 micro-operations");
    group.sample_size(10);
    for profile in Profile::ALL {
        let all = || sweep(profile).run(forty, |_, _| Ok::<(), String>(())).unwrap();
        group.throughput(Throughput::Elements(all().profiles[0].distinct as u64));
        group.bench_function(format!("{}, each booted", profile.name()), |b| b.iter(all));
    }
    group.finish();
}

criterion_group!(benches, transfers, crash_states);
criterion_main!(benches);
