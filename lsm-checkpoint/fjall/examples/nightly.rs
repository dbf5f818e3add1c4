//! Makes a database and three backups of it in a directory, to try the command `lsm-checkpoint` on:
//! `cargo run -p lsm-checkpoint-fjall --example nightly -- /tmp/try`.

use std::{error::Error, path::PathBuf};

use fjall::{Database, KeyspaceCreateOptions};
use lsm_checkpoint_fjall::Backup;
use lsm_fs::{FsExt, StdFs};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("usage: nightly DIR")?);
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
