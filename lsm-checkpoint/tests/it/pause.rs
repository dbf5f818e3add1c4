//! The pause during a checkpoint: it starts with the capture, and each file is released on its arrival.

use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use lsm_checkpoint::{
    BoxError, Capture, Checkpoint, CheckpointSource, DeletionPause, Enqueue, FileKind, Progress, SourceRoot,
    run_checkpoint,
};
use lsm_fs::{FsExt, SyncMode};
use lsm_fs_mem::MemFs;

use crate::{
    create::{DIR, TARGET, mem_db},
    db::{Db, files},
};

const STAGED: &str = "/.checkpoint.checkpoint-staged";

/// The data files of a tree, relative to the database and to its checkpoint.
fn data_files(trees: &[&str]) -> BTreeSet<PathBuf> {
    let of_tree = |tree: &&str| {
        let tree = Path::new(tree).to_path_buf();
        files().into_iter().map(move |(kind, name, _)| tree.join(kind.folder()).join(name))
    };
    trees.iter().flat_map(of_tree).collect()
}

fn there(fs: &MemFs, dir: &str, files: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    files.iter().filter(|file| fs.exists(&Path::new(dir).join(file)).unwrap()).cloned().collect()
}

/// The deletion of every captured file is requested. At each moment exactly the files that have arrived are deleted,
/// across all trees.
#[test]
fn each_file_of_several_trees_is_released_when_it_has_arrived() {
    let trees = ["users", "orders", "events"];
    let (fs, mut db) = mem_db(&trees);
    let all = data_files(&trees);
    let wanted_gone = all.clone();
    db.on_capture = Box::new(move |db| {
        for file in &wanted_gone {
            assert_eq!(db.pause.try_enqueue(&db.fs, &db.dir.join(file)), Enqueue::Deferred);
        }
    });
    let counts = Mutex::new(BTreeSet::new());
    let compare = |_: &Progress| {
        let arrived = there(&fs, STAGED, &all);
        let gone: BTreeSet<_> = all.difference(&there(&fs, DIR, &all)).cloned().collect();
        assert_eq!(gone, arrived);
        counts.lock().unwrap().insert(arrived.len());
        ControlFlow::Continue(())
    };
    Checkpoint::new().progress(&compare).create(&db, &fs, Path::new(TARGET)).unwrap();
    assert_eq!(counts.into_inner().unwrap(), (0..=all.len()).collect(), "after each file");
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
    assert!(there(&fs, DIR, &all).is_empty() && db.pause.deferred() == 0);
}

type During = Box<dyn Fn(&Db) + Send + Sync>;

/// A database that runs an action during its flush.
struct Flushing(Db, During);

impl CheckpointSource for Flushing {
    fn roots(&self) -> Vec<SourceRoot> {
        self.0.roots()
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        self.0.deletion_pause()
    }

    fn identity(&self) -> String {
        self.0.identity()
    }

    fn visible_seqno(&self) -> Option<u64> {
        self.0.visible_seqno()
    }

    fn flush(&self) -> Result<(), BoxError> {
        (self.1)(&self.0);
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        self.0.capture()
    }
}

/// A file that leaves the version before the capture is in no capture, so a long flush does not keep garbage on the
/// disk.
#[test]
fn deletions_are_held_from_the_capture_and_not_during_the_flush() {
    let (fs, mut db) = mem_db(&[""]);
    let old = Path::new("/db/tables/0");
    fs.write_new(old, b"compacted away", SyncMode::Normal).unwrap();
    db.on_capture = Box::new(|db| {
        let captured = db.dir.join(FileKind::Table.folder()).join("1");
        assert_eq!(db.pause.try_enqueue(&db.fs, &captured), Enqueue::Deferred, "the capture has it");
    });
    let during_flush: During = Box::new(move |db| {
        assert_eq!(db.pause.try_enqueue(&db.fs, old), Enqueue::DeleteNow, "no capture has it");
        db.fs.remove_file(old).unwrap();
    });
    run_checkpoint(&Flushing(db, during_flush), &fs, Path::new(TARGET)).unwrap();
    assert!(!fs.exists(old).unwrap() && !fs.exists(Path::new("/db/tables/1")).unwrap());
    assert!(
        Db::open(Arc::new(fs.clone()), Path::new(DIR), &[""]).check_target(&fs, Path::new(TARGET)).unwrap()
    );
}
