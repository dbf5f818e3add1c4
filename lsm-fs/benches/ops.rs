//! Single operations through `dyn Fs` and `dyn FsFile`, each beside the operation that it is built on.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark stops at the first surprise; criterion's macros make undocumented functions"
)]

use std::{fs::File, hint::black_box, os::unix::fs::FileExt, path::Path};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lsm_fs::{Fs, FsFile, FsOpenOptions, StdFs, SyncMode};

const FILE_BYTES: usize = 16 << 20;

fn offsets(piece: usize) -> impl Iterator<Item = u64> {
    // A fixed stride that visits the file out of order.
    (0..).map(move |i: u64| (i.wrapping_mul(7_919) % (FILE_BYTES / piece) as u64) * piece as u64)
}

fn reads_and_writes(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    let options = FsOpenOptions::new().read(true).write(true).create(true);
    let file: Box<dyn FsFile> = StdFs.open(&path, &options).unwrap();
    file.write_at(&vec![7; FILE_BYTES], 0).unwrap();
    let floor = File::options().read(true).write(true).open(&path).unwrap();
    for piece in [4 << 10, 64 << 10] {
        let mut buf = vec![0; piece];
        let mut group = c.benchmark_group(format!("{} KiB", piece >> 10));
        group.throughput(Throughput::Bytes(piece as u64));
        let mut at = offsets(piece);
        group.bench_function("dyn read_at", |b| {
            b.iter(|| file.read_at(black_box(&mut buf), at.next().unwrap()));
        });
        group.bench_function("std read_exact_at", |b| {
            b.iter(|| floor.read_exact_at(black_box(&mut buf), at.next().unwrap()));
        });
        group.bench_function("dyn write_at", |b| {
            b.iter(|| file.write_at(black_box(&buf), at.next().unwrap()));
        });
        group.bench_function("std write_all_at", |b| {
            b.iter(|| floor.write_all_at(black_box(&buf), at.next().unwrap()));
        });
        group.finish();
    }
}

fn names(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    std::fs::write(&a, "x").unwrap();
    let fs: &dyn Fs = &StdFs;
    let read = FsOpenOptions::new().read(true);
    let mut group = c.benchmark_group("names");
    group.bench_function("dyn open", |bench| bench.iter(|| fs.open(black_box(&a), &read).unwrap()));
    group.bench_function("std open", |bench| bench.iter(|| File::open(black_box(&a)).unwrap()));
    group.bench_function("dyn metadata", |bench| bench.iter(|| fs.metadata(black_box(&a)).unwrap()));
    group.bench_function("std metadata", |bench| bench.iter(|| std::fs::metadata(black_box(&a)).unwrap()));
    let there_and_back = |rename: &dyn Fn(&Path, &Path)| {
        rename(&a, &b);
        rename(&b, &a);
    };
    group.bench_function("dyn rename_noreplace, twice", |bench| {
        bench.iter(|| there_and_back(&|from, to| fs.rename_noreplace(from, to).unwrap()));
    });
    group.bench_function("std rename, twice", |bench| {
        bench.iter(|| there_and_back(&|from, to| std::fs::rename(from, to).unwrap()));
    });
    group.finish();
}

fn syncs(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    let options = FsOpenOptions::new().write(true).create(true);
    let file = StdFs.open(&path, &options).unwrap();
    let floor = File::options().write(true).open(&path).unwrap();
    let mut group = c.benchmark_group("4 KiB overwritten and synced");
    group.sample_size(20);
    group.bench_function("dyn sync_data", |b| {
        b.iter(|| {
            file.write_at(&[1; 4096], 0).unwrap();
            file.sync_data(SyncMode::Normal).unwrap();
        });
    });
    group.bench_function("std sync_data", |b| {
        b.iter(|| {
            floor.write_all_at(&[1; 4096], 0).unwrap();
            floor.sync_data().unwrap();
        });
    });
    group.finish();
}

criterion_group!(benches, reads_and_writes, names, syncs);
criterion_main!(benches);
