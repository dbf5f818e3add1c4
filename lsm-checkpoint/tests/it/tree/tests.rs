//! Tests of the tree itself, because a faulty test bed proves nothing.

use std::{path::Path, sync::Arc};

use lsm_fs::{Fs, Op, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs};

use super::{Deletion, Options, Oracle, Tree, Workload};

const DIR: &str = "/db";

fn each_deletion(run: impl Fn(Options)) {
    for deletion in [Deletion::Eager, Deletion::Pinned] {
        run(Options { deletion, ..Options::default() });
    }
}

#[test]
fn a_tree_reads_back_what_was_written() {
    each_deletion(|options| {
        let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
        let mut tree = Tree::open(&fs, Path::new(DIR), options).unwrap();
        let (oracle, mut work) = (Oracle::default(), Workload::new(3, 40));
        for round in 0..12 {
            work.write(&tree, &oracle, 25);
            oracle.check(&tree, tree.visible_seqno()).unwrap();
            tree.flush().unwrap();
            oracle.check(&tree, tree.visible_seqno()).unwrap();
            if round % 3 == 2 {
                tree.compact(2 + round % 2).unwrap();
            }
            oracle.check(&tree, tree.visible_seqno()).unwrap();
            tree.check().unwrap();
            if round % 4 == 3 {
                tree = Tree::open(&fs, Path::new(DIR), options).unwrap();
                oracle.check(&tree, tree.visible_seqno()).unwrap();
            }
        }
        for (key, value) in oracle.at(u64::MAX) {
            assert_eq!(tree.get(&key), Some(value));
        }
        assert!(tree.version().runs.iter().any(|run| run.meta.blob.is_some()));
    });
}

#[test]
fn a_held_version_pins_files_only_if_the_last_drop_unlinks() {
    each_deletion(|options| {
        let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
        let tree = Tree::open(&fs, Path::new(DIR), options).unwrap();
        let (oracle, mut work) = (Oracle::default(), Workload::new(1, 40));
        for _ in 0..2 {
            work.write(&tree, &oracle, 25);
            tree.flush().unwrap();
        }
        let held = tree.version();
        tree.compact(2).unwrap();
        let there = held.runs.iter().flat_map(|run| run.paths()).all(|path| fs.metadata(&path).is_ok());
        assert_eq!(there, options.deletion == Deletion::Pinned);
        drop(held);
        tree.check().unwrap();
    });
}

#[test]
fn a_failed_flush_or_compaction_loses_nothing_and_leaves_nothing() {
    each_deletion(|options| {
        for (op, nth) in [(Op::SyncAll, 1), (Op::SyncDirectory, 1), (Op::WriteAt, 1), (Op::Rename, 1)] {
            let faulty = FaultFs::new(MemFs::new());
            let fs: Arc<dyn Fs> = Arc::new(faulty.clone());
            let tree = Tree::open(&fs, Path::new(DIR), options).unwrap();
            let (oracle, mut work) = (Oracle::default(), Workload::new(5, 40));
            work.write(&tree, &oracle, 25);
            tree.flush().unwrap();
            work.write(&tree, &oracle, 25);
            faulty.inject(Fault::on(op).nth(nth).before(errno::EIO));
            assert!(tree.flush().is_err());
            tree.check().unwrap();
            oracle.check(&tree, tree.visible_seqno()).unwrap();
            work.write(&tree, &oracle, 25);
            tree.flush().unwrap();
            faulty.inject(Fault::on(op).nth(nth).before(errno::EIO));
            assert!(tree.compact(9).is_err());
            tree.check().unwrap();
            tree.compact(9).unwrap();
            tree.check().unwrap();
            let tree = Tree::open(&fs, Path::new(DIR), options).unwrap();
            oracle.check(&tree, 75).unwrap();
        }
    });
}

#[test]
fn the_next_open_removes_the_leftovers_of_a_crash() {
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let options = Options::default();
    let tree = Tree::open(&fs, Path::new(DIR), options).unwrap();
    let (oracle, mut work) = (Oracle::default(), Workload::new(9, 40));
    work.write(&tree, &oracle, 25);
    tree.flush().unwrap();
    let table = tree.version().runs[0].paths().next().unwrap();
    fs.hard_link(&table, Path::new("/db/tables/77")).unwrap();
    fs.hard_link(&table, Path::new("/db/blobs/78")).unwrap();
    fs.hard_link(&table, Path::new("/db/v77")).unwrap();
    assert!(tree.check().is_err());
    let tree = Tree::open(&fs, Path::new(DIR), options).unwrap();
    tree.check().unwrap();
    work.write(&tree, &oracle, 25);
    tree.flush().unwrap();
    assert!(tree.version().runs[1].meta.table.id > 78, "an id is used once");
    oracle.check(&tree, 50).unwrap();
}
