//! Makes a database and three backups of it, to try the command `lsm-checkpoint` on:
//! `cargo run -p lsm-checkpoint-fjall --example nightly -- /tmp/try`.
//!
//! Without a directory, it uses a temporary one and removes it.

use std::{error::Error, path::Path};

use fjall::{Database, KeyspaceCreateOptions};
use lsm_checkpoint_fjall::Backup;
use lsm_fs::{FsExt, StdFs};

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args_os().nth(1) {
        Some(dir) => nightly(Path::new(&dir)),
        None => nightly(tempfile::tempdir()?.path()),
    }
}

fn nightly(dir: &Path) -> Result<(), Box<dyn Error>> {
    let backups = dir.join("backups");
    StdFs.create_dir_all(&backups)?;
    let db = Database::builder(dir.join("db")).open()?;
    let users = db.keyspace("users", KeyspaceCreateOptions::default)?;
    for night in ["monday", "tuesday", "wednesday"] {
        for user in 0..1000 {
            users.insert(format!("{night} {user}"), "a record")?;
        }
        let target = backups.join(night);
        let _ = Backup::new().create(&db, &target)?;
    }
    Ok(())
}
