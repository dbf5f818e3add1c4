//! Paths through memory alone: the catalog's encoding and decoding, and the deletion pause.
#![allow(
    clippy::unwrap_used,
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
    BoxError, Capture, Catalog, CheckpointDir, CheckpointSource, Checkpoint, DeletionPause, FileKind, PinnedSnapshot,
    SourceFile, SourceRoot, run_checkpoint,
};
use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_fs_mem::MemFs;

/// Tables of a large tree.
const FILES: usize = 10_000;

/// A tree of empty tables in memory.
struct Engine {
    fs: Arc<dyn Fs>,
    tables: Vec<SourceFile>,
}

impl Engine {
    fn new(fs: &MemFs) -> Self {
        let shared: Arc<dyn Fs> = Arc::new(fs.clone());
        fs.create_dir(Path::new("/db")).unwrap();
        let table = |n: usize| {
            let path = Path::new("/db").join(format!("{n:08}.sst"));
            fs.write_new(&path, b"", SyncMode::Normal).unwrap();
            SourceFile::immutable(FileKind::Table, Arc::clone(&shared), path, 0).checksum(n as u128)
        };
        let tables = (0..FILES).map(table).collect();
        Self { fs: shared, tables }
    }
}

impl CheckpointSource for Engine {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::clone(&self.fs), "/db")]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn visible_seqno(&self) -> u64 {
        1
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        Ok(Capture::one(PinnedSnapshot::new(1, ()).files(self.tables.clone()).metadata("CURRENT", *b"1")))
    }
}

fn catalog(c: &mut Criterion) {
    let (fs, target) = (MemFs::new(), Path::new("/checkpoint"));
    let engine = Engine::new(&fs);
    run_checkpoint(&engine, &fs, target).unwrap();
    let mut group = c.benchmark_group(format!("catalog of {FILES} files"));
    group.throughput(Throughput::Elements(FILES as u64)).sample_size(20);
    group.bench_function("read", |b| b.iter(|| Catalog::read(black_box(&fs), target).unwrap()));
    group.finish();
}

criterion_group!(benches, catalog);
criterion_main!(benches);
