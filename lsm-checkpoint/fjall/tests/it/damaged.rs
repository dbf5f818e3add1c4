//! Closed databases whose keyspaces are damaged. At an open, fjall would remove data, panic or return an error.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lsm_checkpoint_fjall::{Error, backup_closed};

use crate::world::{contents, filled, open};

/// Changes a closed database, and returns the error of a backup. Nothing may be left of the backup.
fn refused(change: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    drop(filled(&path("db")));
    change(&path("db/keyspaces"));
    let error = backup_closed(path("db"), path("backup")).unwrap_err();
    assert!(matches!(error, Error::DamagedKeyspace { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left");
    error.to_string()
}

/// Flips a bit of the last byte of a file.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Returns the path of the manifest of a keyspace.
fn manifest(keyspace: &Path) -> PathBuf {
    let current = fs::read(keyspace.join("current")).unwrap();
    keyspace.join(format!("v{}", u64::from_le_bytes(current[..8].try_into().unwrap())))
}

#[test]
fn a_database_without_keyspace_0_is_refused_because_fjall_would_remove_all_others() {
    let error = refused(|keyspaces| fs::remove_dir_all(keyspaces.join("0")).unwrap());
    assert!(error.ends_with("keyspaces: keyspace 0 is missing"), "{error}");
}

#[test]
fn a_folder_without_an_id_is_refused() {
    let error = refused(|keyspaces| fs::create_dir(keyspaces.join("old")).unwrap());
    assert!(error.ends_with("old: its name is not the id of a keyspace"), "{error}");
}

#[test]
fn a_damaged_manifest_is_refused() {
    for keyspace in ["0", "1", "2"] {
        let error = refused(|keyspaces| flip(&manifest(&keyspaces.join(keyspace))));
        assert!(error.ends_with("its checksum differs from the one in `current`"), "{error}");
        let error = refused(|keyspaces| flip(&keyspaces.join(keyspace).join("current")));
        assert!(error.ends_with("current: it does not name a version"), "{error}");
    }
}

/// fjall removes such a folder at its next open, because it has never been a whole keyspace.
#[test]
fn a_keyspace_that_was_never_finished_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let expected = contents(&filled(&path("db")));
    fs::create_dir_all(path("db/keyspaces/9/tables")).unwrap();
    let _ = backup_closed(path("db"), path("backup")).unwrap();
    assert!(!path("backup/keyspaces/9").exists());
    assert_eq!(crate::world::restored(&path("backup")), expected);
    assert_eq!(contents(&open(&path("db"))), expected);
}
