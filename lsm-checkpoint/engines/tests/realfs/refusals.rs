//! Trees that an adapter refuses before it makes any file.

use std::path::Path;

use coordinode_v5::AbstractTree as _;
use lsm_checkpoint::{CheckpointSource, run_checkpoint};
use lsm_checkpoint_engines::{
    kind::{Kind, Which},
    options::key_v7,
    options_v5::key_v5,
    oracle::Plan,
};
use lsm_fs::{Fs, FsExt, StdFs, SyncMode};

/// Returns the message of the refusal, and checks that nothing was left behind.
fn refusal(source: &dyn CheckpointSource, dir: &Path) -> String {
    let before = StdFs.read_dir(dir).unwrap().len();
    let checked = source.check().unwrap_err().to_string();
    let said = run_checkpoint(source, &StdFs, &dir.join("checkpoint")).unwrap_err().to_string();
    assert_eq!(said, checked);
    assert_eq!(StdFs.read_dir(dir).unwrap().len(), before, "something was left");
    said
}

fn v5_config(dir: &Path, visible: &coordinode_v5::SequenceNumberCounter) -> coordinode_v5::Config {
    coordinode_v5::Config::new(dir, coordinode_v5::SequenceNumberCounter::default(), visible.clone())
}

#[test]
fn an_encrypted_tree_without_its_key_is_refused() {
    let (dir, visible) = (tempfile::tempdir().unwrap(), coordinode_v5::SequenceNumberCounter::default());
    let tree = v5_config(&dir.path().join("db"), &visible).with_encryption(Some(key_v5())).open().unwrap();
    tree.insert("key", "value", 1);
    let source = |encryption| lsm_checkpoint_engines::coordinode_v5::Source {
        tree: &tree,
        visible: &visible,
        identity: "sealed",
        encryption,
    };
    let said = refusal(&source(None), dir.path());
    assert!(said.contains("is encrypted, but no key was given"), "{said}");
    assert_eq!(tree.table_count(), 0, "the memtable was flushed");
    run_checkpoint(&source(Some(key_v5())), &StdFs, &dir.path().join("checkpoint")).unwrap();
}

#[test]
fn a_key_for_a_plain_tree_is_refused() {
    let (dir, visible) = (tempfile::tempdir().unwrap(), coordinode_v5::SequenceNumberCounter::default());
    let tree = v5_config(&dir.path().join("db"), &visible).open().unwrap();
    let encryption = Some(key_v5());
    let source = lsm_checkpoint_engines::coordinode_v5::Source {
        tree: &tree,
        visible: &visible,
        identity: "not sealed",
        encryption,
    };
    let _ = refusal(&source, dir.path());
}

#[test]
fn a_tree_on_its_own_filesystem_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let visible = coordinode_v5::SequenceNumberCounter::default();
    let fs = coordinode_v5::fs::MemFs::new();
    let tree = v5_config(&dir.path().join("db"), &visible).with_fs(fs).open().unwrap();
    let source = lsm_checkpoint_engines::coordinode_v5::Source {
        tree: &tree,
        visible: &visible,
        identity: "in memory",
        encryption: None,
    };
    assert!(refusal(&source, dir.path()).contains("a filesystem of its own"));

    let visible = coordinode_v7::SequenceNumberCounter::default();
    let next = coordinode_v7::SequenceNumberCounter::default();
    let config = coordinode_v7::Config::new(dir.path().join("db"), next, visible.clone());
    let fs = coordinode_v7::fs::MemFs::new();
    let tree = config.with_fs(fs).with_encryption(Some(key_v7())).open().unwrap();
    let source = lsm_checkpoint_engines::coordinode_v7::Source {
        tree: &tree,
        visible: &visible,
        identity: "in memory",
    };
    assert!(refusal(&source, dir.path()).contains("a filesystem of its own"));
}

#[test]
fn a_table_that_was_rewritten_in_place_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let engine = Kind::new(Which::CoordinodeV7, false).open(&path("db")).unwrap();
    Plan { keys: 1, value_size: 16 }.apply(&*engine, 1);
    engine.flush().unwrap();
    for name in ["0.heal-attest", "0.restrict-bound"] {
        let beside = path("db/tables").join(name);
        StdFs.write_new(&beside, b"pending", SyncMode::Normal).unwrap();
        let said = refusal(&*engine.source(), dir.path());
        assert!(said.contains(name), "{said}");
        StdFs.remove_file(&beside).unwrap();
    }
    run_checkpoint(&*engine.source(), &StdFs, &path("checkpoint")).unwrap();
}
