//! [`AsDatabase`]: the three kinds of databases, and the directory of one.

use std::path::{Path, PathBuf};

use fjall::{Database, OptimisticTxDatabase, SingleWriterTxDatabase};
use lsm_fs::{Fs, FsExt, StdFs};

use crate::{Error, Result, manifest::CURRENT, root::KEYSPACES};

/// A fjall database of any kind. The trait is sealed, because a backup depends on the internals of exactly these types.
pub trait AsDatabase: sealed::Sealed {
    /// Returns the plain database, which has all keyspaces.
    fn as_database(&self) -> &Database;
}

impl AsDatabase for Database {
    fn as_database(&self) -> &Database {
        self
    }
}

impl AsDatabase for SingleWriterTxDatabase {
    fn as_database(&self) -> &Database {
        self.inner()
    }
}

impl AsDatabase for OptimisticTxDatabase {
    fn as_database(&self) -> &Database {
        self.inner()
    }
}

mod sealed {
    /// Keeps other crates from implementing [`AsDatabase`](super::AsDatabase).
    pub trait Sealed {}

    impl Sealed for fjall::Database {}
    impl Sealed for fjall::SingleWriterTxDatabase {}
    impl Sealed for fjall::OptimisticTxDatabase {}
}

/// Returns the directory of a database. fjall does not expose it, but each keyspace lies in its `keyspaces/{id}`.
pub(crate) fn dir_of(db: &Database, given: Option<&Path>) -> Result<PathBuf> {
    let keyspaces = db.supervisor.keyspaces.read().map_err(|_| Error::Poisoned)?;
    if let Some(dir) = keyspaces.values().next().and_then(|keyspace| keyspace.path().ancestors().nth(2)) {
        return Ok(dir.to_path_buf());
    }
    let dir = given.ok_or(Error::UnknownDirectory)?;
    // Refuse the directory of another database. The backup would have the names of its keyspaces without their data.
    let folder = dir.join(KEYSPACES);
    for entry in StdFs.read_dir(&folder)? {
        let keyspace = folder.join(&entry.name);
        if entry.name != "0" && StdFs.exists(&keyspace.join(CURRENT))? {
            return Err(Error::OtherDirectory { keyspace });
        }
    }
    Ok(dir.to_path_buf())
}
