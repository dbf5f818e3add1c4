//! The cost per tree with few and with many trees, for each operation.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use lsm_checkpoint::{
    BoxError, Capture, CheckpointDir, CheckpointSource, DeletionPause, FileKind, PinnedSnapshot, SourceFile,
    SourceRoot, VerifyOptions, remove, restore, run_checkpoint, verify,
};
use lsm_fs::{Fs, StdFs, SyncMode};
use lsm_manifest::WriteOptions;

use crate::row::{beside, ms, settle, timed};

const TABLES: usize = 4;
const VERBS: [&str; 4] = ["create", "verify", "restore", "remove"];

pub(crate) fn rows(volume: &str, root: &Path) {
    const FEW: usize = 1_000;
    const MANY: usize = 4_000;
    let (few, many) = (times(root, FEW), times(root, MANY));
    for ((verb, few), many) in VERBS.iter().zip(few).zip(many) {
        beside(
            &format!("trees: {verb} of {MANY} / of {FEW}, {TABLES} tables each"),
            volume,
            (&format!("{:.0} ms", ms(many)), &format!("{:.0} ms", ms(few))),
            Some(many.as_secs_f64() / few.as_secs_f64()),
            "≤ 4.5",
        );
    }
    releases(volume);
}

/// The median of three runs of each operation.
fn times(root: &Path, trees: usize) -> [Duration; 4] {
    let home = tempfile::tempdir_in(root).unwrap();
    let forest = Forest::make(&home.path().join("db"), trees);
    let rounds = [(); 3].map(|()| round(root, home.path(), &forest));
    [0, 1, 2, 3].map(|verb| {
        let mut times = rounds.map(|round| round[verb]);
        times.sort_unstable();
        times[1]
    })
}

fn round(root: &Path, home: &Path, forest: &Forest) -> [Duration; 4] {
    let [made, live] = ["made", "live"].map(|name| home.join(name));
    settle(root);
    let create = timed(|| drop(run_checkpoint(forest, &StdFs, &made).unwrap()));
    let quick = timed(|| assert!(verify(&StdFs, &made, &VerifyOptions::quick()).unwrap().is_sound()));
    let checkpoint = CheckpointDir::open(Arc::new(StdFs), &made).unwrap();
    let restored = timed(|| drop(restore(&checkpoint, &StdFs, &live).unwrap()));
    let removed = timed(|| drop(remove(&StdFs, &made, SyncMode::Normal).unwrap()));
    fs::remove_dir_all(&live).unwrap();
    [create, quick, restored, removed]
}

/// An engine with many trees of a few tables each.
struct Forest {
    dir: PathBuf,
    trees: usize,
    fs: Arc<dyn Fs>,
    pause: Arc<DeletionPause>,
}

impl Forest {
    fn make(dir: &Path, trees: usize) -> Self {
        for tree in 0..trees {
            let dir = dir.join(tree.to_string());
            fs::create_dir_all(&dir).unwrap();
            for table in 0..TABLES {
                fs::write(dir.join(table.to_string()), "rows").unwrap();
            }
        }
        Self { dir: dir.to_path_buf(), trees, fs: Arc::new(StdFs), pause: Arc::new(DeletionPause::new()) }
    }
}

impl CheckpointSource for Forest {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::clone(&self.fs), &self.dir)]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        Some(&self.pause)
    }

    fn visible_seqno(&self) -> Option<u64> {
        Some(7)
    }

    fn identity(&self) -> String {
        "a forest".to_owned()
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        Ok((0..self.trees).fold(Capture::new(), |capture, tree| {
            let table = |table: usize| {
                let path = self.dir.join(tree.to_string()).join(table.to_string());
                SourceFile::immutable(FileKind::Table, Arc::clone(&self.fs), path, 4)
            };
            let snapshot = PinnedSnapshot::new(1, ())
                .files((0..TABLES).map(table))
                .archive(WriteOptions::new(), [("tables", b"0123".to_vec())]);
            capture.tree(tree.to_string(), snapshot)
        }))
    }
}

/// Releases by path, under the lock that every deletion takes.
fn releases(volume: &str) {
    const FILES: usize = 20_000;
    let paths: Vec<PathBuf> = (0..FILES).map(|file| format!("/db/tables/{file:06}").into()).collect();
    let pause = Arc::new(DeletionPause::new());
    let guard = pause.acquire();
    guard.narrow(&paths);
    let time = timed(|| paths.iter().for_each(|path| guard.release(path)));
    crate::row::figure(
        &format!("trees: {FILES} releases by path"),
        volume,
        &format!("{:.1} ms", ms(time)),
        "≤ 100 ms",
    );
}
