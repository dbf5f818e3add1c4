//! Databases, and their contents.

use std::{collections::BTreeMap, path::Path};

use fjall::{Database, KeyspaceCreateOptions};
use lsm_checkpoint_fjall::restore;

/// The keys and values of each keyspace.
pub(crate) type Contents = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

/// Opens a database.
pub(crate) fn open(path: &Path) -> Database {
    let opened = Database::builder(path).worker_threads(2).open();
    opened.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the contents of all keyspaces.
pub(crate) fn contents(db: &Database) -> Contents {
    let dump = |name: &str| {
        let keyspace = db.keyspace(name, KeyspaceCreateOptions::default).unwrap();
        let pairs = keyspace.iter().map(|pair| pair.into_inner().unwrap());
        pairs.map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
    };
    db.list_keyspace_names().iter().map(|name| (name.to_string(), dump(name))).collect()
}

/// Restores a backup, opens the restored database with fjall, and returns its contents. The restored database is
/// removed.
pub(crate) fn restored(backup: &Path) -> Contents {
    let copy = backup.with_extension("copy");
    let _ = restore(backup, &copy).unwrap();
    let found = contents(&open(&copy));
    std::fs::remove_dir_all(copy).unwrap();
    found
}

/// Makes a database with tables, a journal, and separated values.
pub(crate) fn filled(path: &Path) -> Database {
    let db = open(path);
    let plain = db.keyspace("plain", KeyspaceCreateOptions::default).unwrap();
    let blobs =
        KeyspaceCreateOptions::default().with_kv_separation(Some(fjall::KvSeparationOptions::default()));
    let blobs = db.keyspace("blobs", || blobs).unwrap();
    for n in 0..100_u32 {
        plain.insert(n.to_le_bytes(), format!("value {n}")).unwrap();
        blobs.insert(n.to_le_bytes(), vec![b'b'; 5000 + n as usize]).unwrap();
    }
    plain.rotate_memtable_and_wait().unwrap();
    blobs.rotate_memtable_and_wait().unwrap();
    for n in 50..150_u32 {
        plain.insert(n.to_le_bytes(), format!("later {n}")).unwrap();
        blobs.insert(n.to_le_bytes(), vec![b'c'; 4000 + n as usize]).unwrap();
    }
    plain.remove(7_u32.to_le_bytes()).unwrap();
    db
}
