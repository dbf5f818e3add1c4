#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends where something fails, and says what it counted"
)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::{Fs, FsExt, Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs};
use lsm_manifest::WriteOptions;

use super::steps_of;
use crate::{
    BoxError, Capture, Checkpoint, CheckpointDir, CheckpointSource, DeletionPause, Enqueue, FileKind,
    PinnedSnapshot, Policy, SourceFile, SourceRoot, VerifyOptions, remove, restore, run_checkpoint, verify,
};

const TABLES: usize = 4;
/// The maximal growth of the costs if there are four times as many trees, in percent.
const GROWTH_MAX: u64 = 450;

/// An engine of many trees with a few tables each.
struct Forest {
    fs: Arc<dyn Fs>,
    trees: usize,
    pause: Arc<DeletionPause>,
}

impl Forest {
    fn new(fs: &Arc<dyn Fs>, trees: usize) -> Self {
        fs.create_dir(Path::new("/db")).unwrap();
        for tree in 0..trees {
            fs.create_dir(&dir_of(tree)).unwrap();
            for table in 0..TABLES {
                fs.write_new(&dir_of(tree).join(table.to_string()), b"rows", SyncMode::Normal).unwrap();
            }
        }
        Self { fs: Arc::clone(fs), trees, pause: Arc::new(DeletionPause::new()) }
    }
}

fn dir_of(tree: usize) -> PathBuf {
    Path::new("/db").join(format!("{tree:05}"))
}

impl CheckpointSource for Forest {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::clone(&self.fs), "/db")]
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
                let path = dir_of(tree).join(table.to_string());
                SourceFile::immutable(FileKind::Table, Arc::clone(&self.fs), path, 4)
            };
            let snapshot = PinnedSnapshot::new(1, ())
                .files((0..TABLES).map(table))
                .archive(WriteOptions::new(), [("tables", b"0123".to_vec())]);
            capture.tree(format!("{tree:05}"), snapshot)
        }))
    }
}

/// Returns the costs of each operation: the calls of the filesystem, and the steps of loops.
fn costs(trees: usize, file_by_file: bool) -> BTreeMap<&'static str, [u64; 2]> {
    let counting = FaultFs::new(MemFs::new());
    if file_by_file {
        let is_staged = |path: &Path| path.to_str().is_some_and(|path| path.ends_with(".checkpoint-staged"));
        counting.inject(Fault::on(Op::RenameNoreplace).every(1).before(errno::EXDEV));
        counting.inject(Fault::on(Op::Rename).where_path(is_staged).every(1).before(errno::EXDEV));
    }
    let fs: Arc<dyn Fs> = Arc::new(counting.clone());
    let calls = || counting.counts().values().sum::<u64>();
    let forest = Forest::new(&fs, trees);
    let mut costs = BTreeMap::new();
    let mut cost = |verb: &'static str, work: &dyn Fn()| {
        let before = calls();
        let steps = steps_of(work);
        let _ = costs.insert(verb, [calls() - before, steps]);
    };
    let [made, copy, live] = ["/made", "/copy", "/live"].map(Path::new);
    cost("create", &|| assert_eq!(run_checkpoint(&forest, &*fs, made).unwrap().trees.len(), trees));
    cost("create beside a base", &|| {
        let independent = Checkpoint::new().policy(Policy::Independent).base(made);
        assert_eq!(independent.create(&forest, &*fs, copy).unwrap().trees.len(), trees);
    });
    cost("verify", &|| {
        let report = verify(&*fs, made, &VerifyOptions::full().threads(1)).unwrap();
        assert!(report.is_sound(), "{report}");
    });
    cost("restore", &|| {
        let checkpoint = CheckpointDir::open(Arc::clone(&fs), made).unwrap();
        assert_eq!(restore(&checkpoint, &*fs, live).unwrap().trees.len(), trees);
    });
    cost("remove", &|| drop(remove(&*fs, made, SyncMode::Normal).unwrap()));
    costs
}

fn assert_linear(few: &BTreeMap<&'static str, [u64; 2]>, many: &BTreeMap<&'static str, [u64; 2]>) {
    let mut faults = Vec::new();
    for (verb, few) in few {
        let many = many.get(verb).unwrap();
        for (what, few, many) in [("calls", few[0], many[0]), ("steps", few[1], many[1])] {
            println!("{verb}: {few} → {many} {what}");
            if many * 100 > few * GROWTH_MAX {
                faults.push(format!("{verb}: {few} → {many} {what}"));
            }
        }
    }
    assert!(faults.is_empty(), "four times as many trees: {faults:#?}");
}

#[test]
fn four_times_as_many_trees_take_four_times_as_much() {
    assert_linear(&costs(60, false), &costs(240, false));
}

#[test]
fn publishing_file_by_file_grows_as_slowly() {
    assert_linear(&costs(60, true), &costs(240, true));
}

#[test]
fn releasing_a_file_does_not_search_the_others() {
    let released = |files: usize| {
        let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
        let pause = Arc::new(DeletionPause::new());
        let guard = pause.acquire();
        let paths: Vec<PathBuf> = (0..files).map(|file| format!("/{file}").into()).collect();
        guard.narrow(&paths);
        let steps = steps_of(|| {
            for path in &paths {
                guard.release(path);
                // A released file is not held any more, so its deletion is not deferred.
                assert_eq!(pause.try_enqueue(&fs, path), Enqueue::DeleteNow);
            }
        });
        println!("{files} files: {steps} steps");
        steps
    };
    assert!(released(4_000) * 100 <= released(1_000) * GROWTH_MAX);
}
