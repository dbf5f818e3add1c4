//! [`World`]: a scratch directory with a database, its backups, and databases that are restored from them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use fjall::{Database, KeyspaceCreateOptions};

use crate::{Backup, restore};

/// The keys and values of each keyspace.
pub(super) type Contents = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

/// A scratch directory.
pub(super) struct World {
    folder: tempfile::TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Opens the database.
    pub(super) fn open(&self) -> Database {
        open(&self.path("db"))
    }

    /// Takes a backup.
    pub(super) fn backup(&self, backup: &Backup<'_>, db: &Database, name: &str) {
        let _ = backup.create(db, self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// Restores a backup, opens the restored database with fjall, and returns its contents. The restored database is
    /// removed.
    pub(super) fn restored(&self, name: &str) -> Contents {
        let copy = self.path(format!("{name}-copy"));
        let _ = restore(self.path(name), &copy).unwrap();
        let found = contents(&open(&copy));
        std::fs::remove_dir_all(copy).unwrap();
        found
    }
}

/// Opens a database.
pub(super) fn open(path: &Path) -> Database {
    Database::builder(path)
        .worker_threads(1)
        .open()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the contents of all keyspaces.
pub(super) fn contents(db: &Database) -> Contents {
    let dump = |name: &str| {
        let keyspace = db.keyspace(name, KeyspaceCreateOptions::default).unwrap();
        let pairs = keyspace.iter().map(|pair| pair.into_inner().unwrap());
        pairs.map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
    };
    db.list_keyspace_names().iter().map(|name| (name.to_string(), dump(name))).collect()
}

/// Ingests a key into a keyspace, which may be new. Returns `true` if the key is there after a restart.
pub(super) fn keeps_ingested_key(dir: &Path, name: &str) -> bool {
    let db = open(dir);
    let keyspace = db.keyspace(name, KeyspaceCreateOptions::default).unwrap();
    let mut ingestion = keyspace.start_ingestion().unwrap();
    ingestion.write("key", "ingested").unwrap();
    ingestion.finish().unwrap();
    drop((keyspace, db));
    contents(&open(dir))[name].contains_key(&b"key"[..])
}
