//! Changes of the source or of a restored database never reach the backup, and the reverse.

use std::{collections::BTreeMap, fs, path::Path};

use fjall::KeyspaceCreateOptions;
use lsm_checkpoint::{VerifyOptions, verify};
use lsm_checkpoint_fjall::{backup, restore};
use lsm_fs::StdFs;

use crate::world::{contents, filled, open, restored};

/// Returns the bytes of every file below a directory, by its path.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(at) = dirs.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                found.insert(path.strip_prefix(dir).unwrap().display().to_string(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn writes_to_source_and_copy_do_not_change_the_backup() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let db = filled(&path("db"));
    let expected = contents(&db);
    let _ = backup(&db, path("backup")).unwrap();
    let saved = files(&path("backup"));
    drop(db);
    let _ = restore(path("backup"), path("copy")).unwrap();

    // Change both in every way that modifies or removes files.
    for (name, text) in [("db", "source"), ("copy", "copy"), ("db", "source again")] {
        let db = open(&path(name));
        let plain = db.keyspace("plain", KeyspaceCreateOptions::default).unwrap();
        for n in 0..200_u32 {
            plain.insert(n.to_le_bytes(), text).unwrap();
        }
        plain.rotate_memtable_and_wait().unwrap();
        plain.major_compact().unwrap();
        db.keyspace("blobs", KeyspaceCreateOptions::default).unwrap().clear().unwrap();
        let _ = db.keyspace(text, KeyspaceCreateOptions::default).unwrap();
    }
    let [source, copy] = ["db", "copy"].map(|name| contents(&open(&path(name))));
    assert!(source["plain"].values().all(|value| value == b"source again"));
    assert!(copy["plain"].values().all(|value| value == b"copy"));
    assert!(source.contains_key("source") && !source.contains_key("copy"));
    assert!(copy.contains_key("copy") && !copy.contains_key("source"));
    assert_eq!(files(&path("backup")), saved);
    assert_eq!(restored(&path("backup")), expected);
}

/// The README warns of this. The source keeps its tables, because fjall removes only the names in the backup.
#[test]
fn a_backup_that_fjall_has_opened_is_not_sound_and_the_source_is_unharmed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let db = filled(&path("db"));
    let expected = contents(&db);
    let _ = backup(&db, path("backup")).unwrap();
    {
        let opened = open(&path("backup"));
        let plain = opened.keyspace("plain", KeyspaceCreateOptions::default).unwrap();
        plain.insert("key", "value").unwrap();
        plain.rotate_memtable_and_wait().unwrap();
        plain.major_compact().unwrap();
        opened.keyspace("blobs", KeyspaceCreateOptions::default).unwrap().clear().unwrap();
    }
    let report = verify(&StdFs, &path("backup"), &VerifyOptions::full()).unwrap();
    assert!(!report.is_sound(), "{report}");
    assert_eq!(contents(&db), expected);
    drop(db);
    assert_eq!(contents(&open(&path("db"))), expected);
}

/// Returns the number of names of each file in the directory of a database and in its keyspace 0.
#[cfg(unix)]
fn names(dir: &Path) -> Vec<(String, u64)> {
    use std::os::unix::fs::MetadataExt;
    let of = |path: &Path| (path.display().to_string(), fs::metadata(path).unwrap().nlink());
    let mut found = Vec::new();
    for folder in ["", "keyspaces/0", "keyspaces/0/tables"] {
        let entries = fs::read_dir(dir.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        found.extend(entries.filter(|path| path.is_file()).map(|path| of(&path)));
    }
    found
}

#[cfg(unix)]
#[test]
fn journals_and_keyspace_0_are_never_shared() {
    use lsm_checkpoint::{Checkpoint, CheckpointDir, Policy};

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let db = filled(&path("db"));
    let _ = backup(&db, path("backup")).unwrap();
    let checkpoint = CheckpointDir::open(std::sync::Arc::new(StdFs), path("backup")).unwrap();
    let linking = Checkpoint::new().policy(Policy::PreferLink);
    let _ = linking.restore(&checkpoint, &StdFs, &path("copy")).unwrap();
    for dir in ["db", "backup", "copy"] {
        let names = names(&path(dir));
        assert!(names.len() > 5 && names.iter().all(|(_, links)| *links == 1), "{names:?}");
    }
}
