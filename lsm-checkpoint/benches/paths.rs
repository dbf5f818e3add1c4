//! Code paths in memory only: encoding and decoding the catalog, and the deletion pause.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark stops at the first surprise; criterion's macros make undocumented functions"
)]

use std::{
    hint::black_box,
    path::{Path, PathBuf},
    sync::Arc,
};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lsm_checkpoint::{
    BoxError, Capture, Catalog, Checkpoint, CheckpointDir, CheckpointSource, DeletionPause, FileKind,
    PauseGuard, PinnedSnapshot, Policy, SourceFile, SourceRoot, run_checkpoint,
};
use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_fs_mem::MemFs;

/// The number of tables in a large tree.
const FILES: u64 = 10_000;

fn paths() -> Vec<PathBuf> {
    (0..FILES).map(|n| PathBuf::from(format!("/db/{n:08}.sst"))).collect()
}

/// Creates a filesystem in memory with a tree of empty tables.
fn prepared() -> MemFs {
    let fs = MemFs::new();
    fs.create_dir(Path::new("/db")).unwrap();
    for path in paths() {
        fs.write_new(&path, b"", SyncMode::Normal).unwrap();
    }
    fs.settle();
    fs
}

/// The tree. Its version knows the lengths and checksums.
struct Engine(MemFs, Vec<SourceFile>);

impl Engine {
    fn new(fs: &MemFs) -> Self {
        let shared: Arc<dyn Fs> = Arc::new(fs.clone());
        let table = |path| SourceFile::immutable(FileKind::Table, Arc::clone(&shared), path, 0).checksum(7);
        Self(fs.clone(), paths().into_iter().map(table).collect())
    }
}

impl CheckpointSource for Engine {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::new(self.0.clone()), "/db")]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn identity(&self) -> String {
        "a bench".to_owned()
    }

    fn visible_seqno(&self) -> Option<u64> {
        Some(1)
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        Ok(Capture::one(PinnedSnapshot::new(1, ()).files(self.1.clone()).metadata("CURRENT", *b"1")))
    }
}

/// The encoder is not public. A checkpoint by links encodes a catalog, and a restored directory by links does not, so
/// the difference of the two rows is the cost of the catalog.
fn catalog(c: &mut Criterion) {
    let (fs, first) = (prepared(), Path::new("/first"));
    run_checkpoint(&Engine::new(&fs), &fs, first).unwrap();
    let mut group = c.benchmark_group(format!("catalog of {FILES} files"));
    group.throughput(Throughput::Elements(FILES)).sample_size(10);
    group.bench_function("decode", |b| b.iter(|| Catalog::read(black_box(&fs), first).unwrap()));
    let opened = |fs: &MemFs| CheckpointDir::open(Arc::new(fs.clone()), first).unwrap();
    let links = Checkpoint::new().policy(Policy::LinkOnly);
    let fork = || {
        let fs = fs.fork();
        (opened(&fs), fs)
    };
    let to = Path::new("/second");
    group.bench_function("links in memory and encode", |b| {
        b.iter_batched(fork, |(from, fs)| links.create(&from, &fs, to).unwrap(), BatchSize::PerIteration);
    });
    group.bench_function("links in memory without a catalog", |b| {
        b.iter_batched(fork, |(from, fs)| links.restore(&from, &fs, to).unwrap(), BatchSize::PerIteration);
    });
    group.finish();
}

/// Creates a guard that holds only these files.
fn narrowed(pause: &Arc<DeletionPause>, files: &[PathBuf]) -> PauseGuard {
    let guard = pause.acquire();
    guard.narrow(files);
    guard
}

fn pause(c: &mut Criterion) {
    let (fs, files): (Arc<dyn Fs>, _) = (Arc::new(MemFs::new()), paths());
    let pause = Arc::new(DeletionPause::new());
    let mut group = c.benchmark_group("pause");
    let path = files[0].as_path();
    group.bench_function("try_enqueue, no guard", |b| b.iter(|| pause.try_enqueue(&fs, black_box(path))));
    let guard = narrowed(&pause, &files);
    let free = Path::new("/db/free.sst");
    group.bench_function("try_enqueue, a guard that does not hold it", |b| {
        b.iter(|| pause.try_enqueue(&fs, black_box(free)));
    });
    drop(guard);
    group.throughput(Throughput::Elements(FILES)).sample_size(10);
    group.bench_function(format!("try_enqueue, all {FILES} files are held"), |b| {
        let held = || narrowed(&pause, &files);
        let ask = |guard: PauseGuard| {
            for path in &files {
                let _ = black_box(pause.try_enqueue(&fs, path));
            }
            guard
        };
        b.iter_batched(held, ask, BatchSize::PerIteration);
    });
    group.bench_function(format!("acquire, narrow and drop, {FILES} files"), |b| {
        b.iter(|| narrowed(&pause, black_box(&files)));
    });
    // Each release searches the list, so a few suffice.
    let released = &files[..100];
    group.throughput(Throughput::Elements(released.len() as u64));
    group.bench_function(format!("release by path, {FILES} files are held"), |b| {
        let release = |guard: PauseGuard| {
            released.iter().for_each(|path| guard.release(path));
            guard
        };
        b.iter_batched(|| narrowed(&pause, &files), release, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, catalog, pause);
criterion_main!(benches);
