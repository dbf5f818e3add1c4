//! Makes a database and three nightly backups of it, to try the command `lsm-checkpoint` on:
//! `cargo run -p lsm-checkpoint-fjall --example nightly -- /tmp/try`.
//!
//! Without a directory, it uses a temporary one and removes it.

use std::path::Path;

use fjall::{Database, KeyspaceCreateOptions};
use lsm_checkpoint_fjall::{AsDatabase, Backup, BackupInfo, Result};
use lsm_fs::{FsExt, StdFs};

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    match std::env::args_os().nth(1) {
        Some(dir) => three_nights(Path::new(&dir)),
        None => three_nights(tempfile::tempdir()?.path()),
    }
}

/// Makes the database `db` and its backups in `backups`.
pub(crate) fn three_nights(dir: &Path) -> Result<(), AnyError> {
    let backups = dir.join("backups");
    StdFs.create_dir_all(&backups)?;
    let db = Database::builder(dir.join("db")).open()?;
    let users = db.keyspace("users", KeyspaceCreateOptions::default)?;
    for today in ["monday", "tuesday", "wednesday"] {
        for user in 0..1000 {
            users.insert(format!("{today} {user}"), "a record")?;
        }
        let _ = nightly(&db, &backups, today)?;
    }
    Ok(())
}

/// Takes the backup of a night. Files that the newest backup holds are linked from it. The README shows this function.
fn nightly(db: &impl AsDatabase, backups: &Path, today: &str) -> Result<BackupInfo> {
    let all = lsm_checkpoint::list(&StdFs, backups)?;
    let newest = all.iter().filter_map(|one| Some((one.contents.as_ref()?.created, &one.name))).max();
    let newest = newest.map(|(_, name)| backups.join(name));
    let mut backup = Backup::new().policy(lsm_checkpoint::Policy::Independent);
    if let Some(newest) = &newest {
        backup = backup.optional_base(newest);
    }
    backup.create(db, backups.join(today))
}
