//! [`AsDatabase`]: the three kinds of databases, and the directory of one.

use std::path::{Path, PathBuf};

use fjall::{Database, OptimisticTxDatabase, SingleWriterTxDatabase};
use lsm_fs::{Fs, FsExt, StdFs};

use crate::{Error, Result, manifest::CURRENT, offline::Lock, root::KEYSPACES};

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
    drop(keyspaces);
    let dir = given.ok_or(Error::UnknownDirectory)?;
    check(dir)?;
    Ok(dir.to_path_buf())
}

/// Refuses the directory of another database. The backup would take keyspace 0 from it, and so list keyspaces without
/// their data.
fn check(dir: &Path) -> Result<()> {
    let other = |reason: String| Error::OtherDirectory { dir: dir.to_path_buf(), reason };
    match Lock::take(dir) {
        Err(Error::Locked { .. }) => {}
        Err(error) => return Err(error),
        Ok(_) => return Err(other("no process has it open".to_owned())),
    }
    let folder = dir.join(KEYSPACES);
    for entry in StdFs.read_dir(&folder)? {
        if entry.name != "0" && StdFs.exists(&folder.join(&entry.name).join(CURRENT))? {
            let id = entry.name.display();
            return Err(other(format!("it has keyspace {id}, and the open database has no keyspaces")));
        }
    }
    Ok(())
}
