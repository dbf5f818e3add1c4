//! The tools for checkpoints work on backups of fjall.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Mutex,
};

use fjall::KeyspaceCreateOptions;
use lsm_checkpoint::{Method, Policy, VerifyOptions, list, remove, verify};
use lsm_checkpoint_fjall::{Backup, Error, backup};
use lsm_fs::{StdFs, SyncMode};

use crate::world::{contents, filled, open, restored};

#[test]
fn a_backup_is_listed_verified_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let db = filled(&folder.path().join("db"));
    let backups = folder.path().join("backups");
    std::fs::create_dir(&backups).unwrap();
    let names = ["monday", "tuesday"];
    for name in names {
        let _ = backup(&db, backups.join(name)).unwrap();
    }
    let full = VerifyOptions::full();
    let report = verify(&StdFs, &backups.join("monday"), &full).unwrap();
    assert!(report.is_sound() && report.unchecked_files == 0, "{report}");
    let listed = list(&StdFs, &backups).unwrap();
    assert_eq!(listed.len(), 2);
    // A flipped byte in a journal is found.
    let journal = backups.join("monday/0.jnl");
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    assert!(!verify(&StdFs, &backups.join("monday"), &full).unwrap().is_sound());
    let _ = remove(&StdFs, &backups.join("monday"), SyncMode::Normal).unwrap();
    assert_eq!(list(&StdFs, &backups).unwrap().len(), 1);
    assert_eq!(restored(&backups.join("tuesday")), contents(&db));
}

#[test]
fn the_identity_survives_a_restart_and_is_not_inherited() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let identity = |dir: &Path, target: &str| {
        let db = open(dir);
        let _ = backup(&db, path(target)).unwrap();
        lsm_checkpoint::Catalog::read(&StdFs, &path(target)).unwrap().identity
    };
    drop(filled(&path("db")));
    let first = identity(&path("db"), "1");
    assert_eq!(identity(&path("db"), "2"), first);
    let _ = lsm_checkpoint_fjall::restore(path("1"), path("copy")).unwrap();
    assert_ne!(identity(&path("copy"), "3"), first);
    let db = open(&path("db"));
    let _ = Backup::new().identity("orders").create(&db, path("4")).unwrap();
    assert_eq!(lsm_checkpoint::Catalog::read(&StdFs, &path("4")).unwrap().identity, "orders");
}

#[test]
fn an_increment_links_tables_of_its_base_by_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let db = filled(&path("db"));
    let copies = Backup::new().policy(Policy::Independent);
    let first = copies.create(&db, path("1")).unwrap();
    assert_eq!(first.checkpoint.by_method(Method::BaseLink).files, 0);
    db.keyspace("plain", KeyspaceCreateOptions::default).unwrap().insert("later", "1").unwrap();
    let base = path("1");
    let second = copies.clone().base(&base).create(&db, path("2")).unwrap();
    let linked = second.checkpoint.by_method(Method::BaseLink).files;
    assert!(linked >= 2, "{second:?}");
    assert_eq!(restored(&path("2")), contents(&db));
}

/// Returns the names and the lengths of the tables of the first keyspace in a backup.
fn tables(backup: &Path) -> Vec<(std::ffi::OsString, u64)> {
    let entries = std::fs::read_dir(backup.join("keyspaces/1/tables")).unwrap().map(Result::unwrap);
    let mut found: Vec<_> =
        entries.map(|entry| (entry.file_name(), entry.metadata().unwrap().len())).collect();
    found.sort();
    found
}

/// A clear removes all tables of a keyspace. After a restart, fjall gives their ids to other tables.
#[test]
fn an_increment_does_not_take_a_table_whose_id_was_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut base: Option<PathBuf> = None;
    for (round, value) in ["one", "two", "six"].into_iter().enumerate() {
        let db = open(&path("db"));
        let plain = db.keyspace("plain", KeyspaceCreateOptions::default).unwrap();
        plain.insert("key", value).unwrap();
        plain.rotate_memtable_and_wait().unwrap();
        let target = path(&format!("backup {round}"));
        let mut copies = Backup::new().policy(Policy::Independent);
        if let Some(base) = &base {
            copies = copies.base(base);
        }
        let info = copies.create(&db, &target).unwrap();
        assert_eq!(info.checkpoint.by_method(Method::BaseLink).files, 0, "round {round}");
        assert_eq!(restored(&target), contents(&db), "round {round}");
        if let Some(base) = base.replace(target.clone()).filter(|_| round > 1) {
            assert_eq!(tables(&base), tables(&target), "only the checksums differ");
        }
        plain.clear().unwrap();
    }
}

#[test]
fn progress_counts_journals_and_cancels_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let db = filled(&path("db"));
    let last = Mutex::new((0, 0, 0));
    let report = |progress: &lsm_checkpoint::Progress| {
        *last.lock().unwrap() = (progress.files_done, progress.files_total, progress.bytes_done);
        ControlFlow::Continue(())
    };
    let info = Backup::new().policy(Policy::Independent).progress(&report).create(&db, path("1")).unwrap();
    let (done, total, bytes) = last.into_inner().unwrap();
    assert_eq!(done, total);
    assert!(bytes >= info.journal_bytes);
    let cancel = |_: &lsm_checkpoint::Progress| ControlFlow::Break(());
    let error = Backup::new().progress(&cancel).create(&db, path("2")).unwrap_err();
    assert!(matches!(error, Error::Checkpoint(lsm_checkpoint::Error::Cancelled)), "{error}");
    assert!(!path("2").exists());
}
