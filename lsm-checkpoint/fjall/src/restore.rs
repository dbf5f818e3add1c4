//! [`restore`]: a database from a backup.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{CheckpointDir, CheckpointInfo};
use lsm_fs::StdFs;

use crate::{
    Error, Result,
    root::{VERSION, folder_of},
};

/// Makes a database from a backup. Open it with the same release of fjall and the same features as the source.
///
/// # Contract
///
/// The database shares no inode with the backup, so both stay independent. Files are cloned where the filesystem can
/// clone, and copied otherwise. Copies are compared with the checksums of the backup. Clones are not read, so run
/// [`verify`](lsm_checkpoint::verify()) first to check them. The backup is only read, and can be restored again. The
/// command `lsm-checkpoint restore` does the same.
///
/// # Crash semantics
///
/// As [`lsm_checkpoint::restore`]: the target is absent or complete if the filesystem can rename directories, and
/// complete after `Ok`.
///
/// # Errors
///
/// [`NotABackup`](Error::NotABackup), and the errors of [`lsm_checkpoint::restore`].
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// use fjall::{Database, KeyspaceCreateOptions};
/// use lsm_checkpoint_fjall::{backup, restore};
///
/// let db = Database::builder(folder.join("db")).open()?;
/// db.keyspace("users", KeyspaceCreateOptions::default)?.insert("ada", "1815")?;
/// backup(&db, folder.join("monday"))?;
///
/// restore(folder.join("monday"), folder.join("copy"))?;
/// let copy = Database::builder(folder.join("copy")).open()?;
/// assert_eq!(copy.keyspace("users", KeyspaceCreateOptions::default)?.get("ada")?.as_deref(), Some(&b"1815"[..]));
/// # Ok(())
/// # }
/// ```
pub fn restore(backup: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<CheckpointInfo> {
    let checkpoint = CheckpointDir::open(Arc::new(StdFs), backup.as_ref())?;
    let catalog = checkpoint.catalog();
    let has_meta = catalog.trees.iter().any(|tree| tree.folder == folder_of(0));
    let has_version = catalog.files.iter().any(|file| catalog.path_of(file) == Path::new(VERSION));
    if !has_meta || !has_version {
        return Err(Error::NotABackup { dir: backup.as_ref().to_path_buf() });
    }
    Ok(lsm_checkpoint::restore(&checkpoint, &StdFs, target.as_ref())?)
}
