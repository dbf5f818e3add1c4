//! A checkpoint of a database of several trees, of different engines and with different options.

use std::sync::Arc;

use coordinode_v5::{Config, SequenceNumberCounter};
use lsm_checkpoint::{CheckpointDir, CheckpointSource, VerifyOptions, restore, run_checkpoint, verify};
use lsm_checkpoint_engines::{
    coordinode_v5::Source,
    exam::Exam,
    kind::{Kind, Special, Which},
    options_v5::key_v5,
    oracle::Plan,
    several::Several,
};
use lsm_fs::{FsExt, StdFs};

const PLAN: Plan = Plan { keys: 200, value_size: 64 };

#[test]
fn each_tree_opens_with_its_own_options() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let kinds = [
        ("users", Kind::special(Which::CoordinodeV5, Special::Encrypted)),
        ("orders/open", Kind::special(Which::CoordinodeV5, Special::Descending)),
        ("orders/done", Kind::new(Which::CoordinodeV7, true)),
        ("log", Kind::new(Which::Fjall, false)),
    ];
    let last = |n: usize| 1_000 + 100 * n as u64;
    let engines: Vec<_> =
        kinds.iter().map(|(folder, kind)| kind.open(&path("live").join(folder)).unwrap()).collect();
    for (n, engine) in engines.iter().enumerate() {
        (1..=last(n)).for_each(|operation| PLAN.apply(&**engine, operation));
    }
    let trees = kinds.iter().zip(&engines).map(|((folder, _), engine)| (*folder, engine.source())).collect();
    let database = Several { trees, identity: "a database" };
    let info = run_checkpoint(&database, &StdFs, &path("checkpoint")).unwrap();
    assert_eq!(info.seqno, Some(last(0)), "a replay starts at the tree that is furthest behind");
    assert_eq!(info.trees.len(), kinds.len());

    let report = verify(&StdFs, &path("checkpoint"), &VerifyOptions::full()).unwrap();
    assert!(report.is_sound(), "{report}");
    let checkpoint = CheckpointDir::open(Arc::new(StdFs), path("checkpoint")).unwrap();
    restore(&checkpoint, &StdFs, &path("restored")).unwrap();
    for (n, (folder, kind)) in kinds.iter().enumerate() {
        let restored = kind.open(&path("restored").join(folder)).unwrap();
        Exam::new(*kind, PLAN).compare(&*restored, last(n), last(n)).unwrap();
    }
}

/// If the adapter of one tree refuses it, no tree is flushed.
#[test]
fn a_tree_that_is_refused_refuses_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let orders = Kind::new(Which::CoordinodeV7, false).open(&path("orders")).unwrap();
    PLAN.apply(&*orders, 1);
    let visible = SequenceNumberCounter::default();
    let users = Config::new(path("users"), SequenceNumberCounter::default(), visible.clone())
        .with_encryption(Some(key_v5()))
        .open()
        .unwrap();
    let sealed = Source { tree: &users, visible: &visible, identity: "users", encryption: None };
    let trees: Vec<(_, Box<dyn CheckpointSource + '_>)> =
        vec![("orders", orders.source()), ("users", Box::new(sealed))];
    let database = Several { trees, identity: "a database" };
    let said = run_checkpoint(&database, &StdFs, &path("checkpoint")).unwrap_err().to_string();
    assert!(said.contains("is encrypted, but no key was given"), "{said}");
    assert_eq!(orders.runs(), 0, "a memtable was flushed");
    assert!(!StdFs.exists(&path("checkpoint")).unwrap());
}
