//! Refusals. Each has its own error and leaves nothing behind.

use std::{path::PathBuf, sync::Arc};

use fjall::{Database, KeyspaceCreateOptions};
use lsm_checkpoint::{BoxError, Capture, CheckpointSource, DeletionPause, PinnedSnapshot, SourceRoot};
use lsm_checkpoint_fjall::{Backup, Error, backup, backup_closed, restore};
use lsm_fs::StdFs;

use crate::world::{contents, filled, open, restored};

#[test]
fn a_poisoned_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder.path().join("db"));
    let keyspace = db.keyspace("a", KeyspaceCreateOptions::default).unwrap();
    std::fs::remove_dir_all(keyspace.path()).unwrap();
    assert!(keyspace.clear().is_err(), "its folder is gone");
    let error = backup(&db, folder.path().join("backup")).unwrap_err();
    assert!(matches!(error, Error::Poisoned), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left");
}

#[test]
fn a_keyspace_with_more_runs_than_its_manifest_can_count_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    // Without workers, nothing compacts.
    let db = Database::builder(folder.path().join("db")).worker_threads_unchecked(0).open().unwrap();
    let keyspace = db.keyspace("many", KeyspaceCreateOptions::default).unwrap();
    for run in 1..=256_u32 {
        let mut ingestion = keyspace.start_ingestion().unwrap();
        ingestion.write("key", run.to_le_bytes()).unwrap();
        ingestion.finish().unwrap();
        if run == 255 {
            let _ = backup(&db, folder.path().join("255")).unwrap();
        }
    }
    let error = backup(&db, folder.path().join("256")).unwrap_err();
    assert!(matches!(error, Error::TooManyRuns { level: 0, runs: 256, .. }), "{error}");
    assert_eq!(restored(&folder.path().join("255"))["many"][&b"key"[..]], 255_u32.to_le_bytes());
    drop((keyspace, db));
    let error = backup_closed(folder.path().join("db"), folder.path().join("256")).unwrap_err();
    assert!(matches!(error, Error::DamagedKeyspace { .. }), "{error}");
}

#[test]
fn a_database_without_keyspaces_needs_its_directory() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let db = open(&path("db"));
    let error = backup(&db, path("backup")).unwrap_err();
    assert!(matches!(error, Error::UnknownDirectory), "{error}");
    drop(filled(&path("filled")));
    drop(open(&path("empty")));
    let other = filled(&path("other"));
    for (dir, reason) in [
        ("filled", "no process has it open"),
        ("empty", "no process has it open"),
        ("other", "it has keyspace 1, and the open database has no keyspaces"),
    ] {
        let error = Backup::new().directory(path(dir)).create(&db, path("backup")).unwrap_err();
        assert!(matches!(error, Error::OtherDirectory { .. }), "{error}");
        assert!(error.to_string().ends_with(reason), "{error}");
        assert!(!path(dir).join(".lsm-checkpoint-identity").exists(), "{dir} is untouched");
    }
    let error = Backup::new().directory(folder.path()).create(&db, path("backup")).unwrap_err();
    assert!(matches!(error, Error::NotADatabase { .. }), "{error}");
    drop(other);
    let _ = Backup::new().directory(path("db")).create(&db, path("backup")).unwrap();
    assert!(restored(&path("backup")).is_empty());
}

#[test]
fn an_open_database_is_not_backed_up_from_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let db = filled(&folder.path().join("db"));
    let error = backup_closed(folder.path().join("db"), folder.path().join("backup")).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    drop(db);
    let _ = backup_closed(folder.path().join("db"), folder.path().join("backup")).unwrap();
}

/// An engine that is not fjall.
struct OtherEngine(PathBuf);

impl CheckpointSource for OtherEngine {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::new(StdFs), &self.0)]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn visible_seqno(&self) -> Option<u64> {
        None
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        Ok(Capture::one(PinnedSnapshot::new(1, ()).metadata("current", b"1".to_vec())))
    }

    fn identity(&self) -> String {
        "another engine".to_owned()
    }
}

#[test]
fn other_directories_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let db = filled(&path("db"));
    let expected = contents(&db);
    let _ = backup(&db, path("backup")).unwrap();
    for (dir, reason) in [("", "`version` is missing"), ("backup", "it is a checkpoint")] {
        let error = backup_closed(path(dir), path("other")).unwrap_err().to_string();
        assert!(error.ends_with(reason), "{error}");
    }
    let nested = backup(&db, path("db/backup")).unwrap_err();
    assert!(matches!(nested, Error::Checkpoint(lsm_checkpoint::Error::NestedTarget { .. })), "{nested}");
    let taken = backup(&db, path("backup")).unwrap_err();
    assert!(matches!(taken, Error::Checkpoint(lsm_checkpoint::Error::TargetExists { .. })), "{taken}");
    let not_one = restore(path("db"), path("copy")).unwrap_err();
    assert!(matches!(not_one, Error::Checkpoint(lsm_checkpoint::Error::NotACheckpoint { .. })), "{not_one}");
    let _ = lsm_checkpoint::run_checkpoint(&OtherEngine(path("db")), &StdFs, &path("foreign")).unwrap();
    let foreign = restore(path("foreign"), path("copy")).unwrap_err();
    assert!(matches!(foreign, Error::NotABackup { .. }), "{foreign}");
    assert!(!path("copy").exists());
    assert_eq!(contents(&db), expected);
    assert!(lsm_checkpoint::is_checkpoint(&StdFs, &path("backup")).unwrap());
}
