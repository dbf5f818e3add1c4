//! Shows the capabilities of the mount at a directory. Publishes a directory there that is either absent or complete
//! after any crash.
//!
//! `cargo run -p lsm-fs --example mount -- /some/directory`
#![allow(clippy::print_stdout, reason = "this program is for reading")]

use std::{env, error::Error, path::PathBuf};

use lsm_fs::{Fs, FsExt, StdFs, SyncMode};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = env::args_os().nth(1).map_or_else(env::temp_dir, PathBuf::from);
    println!("{}", dir.display());
    println!("  {:#?}", StdFs.capabilities(&dir)?);
    println!("  {} MiB available", StdFs.available_space(&dir)? >> 20);

    // The directory is built under a private name, synced from the leaves up, and renamed into place in one step.
    let process = std::process::id();
    let [staged, published] = [".staged", "published"].map(|name| dir.join(format!("{name}-{process}")));
    StdFs.create_dir(&staged)?;
    StdFs.write_new(&staged.join("table"), b"rows", SyncMode::Normal)?;
    let inside = StdFs.sync_directory(&staged, SyncMode::Normal)?;
    if let Err(error) = StdFs.rename_noreplace(&staged, &published) {
        StdFs.remove_dir_all(&staged)?;
        return Err(error.into());
    }
    let name = StdFs.sync_directory(&dir, SyncMode::Normal)?;
    inside.require_durable(&published)?;
    name.require_durable(&dir)?;
    println!("  published {}, durable", published.display());
    StdFs.remove_dir_all(&published)?;
    Ok(())
}
