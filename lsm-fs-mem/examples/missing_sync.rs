//! A crash sweep finds the crash that loses a table whose directory was not synced.

use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_fs_mem::{MemFs, Notes, crash_sweep};
use std::path::Path;

fn store(fs: &MemFs, syncs_directory: bool) -> lsm_fs::Result<()> {
    fs.write_new(Path::new("/1.sst"), b"rows", SyncMode::Normal)?; // the bytes are durable
    if syncs_directory {
        let _ = fs.sync_directory(Path::new("/"), SyncMode::Normal)?; // the name is durable too
    }
    fs.note("stored"); // a promise: from here on the table survives every crash
    Ok(())
}

fn check(image: &MemFs, notes: &Notes) -> Result<(), &'static str> {
    let is_there = image.exists(Path::new("/1.sst")).unwrap_or(false);
    if is_there || !notes.contains("stored") { Ok(()) } else { Err("stored, and lost") }
}

fn main() {
    assert!(crash_sweep(|fs| store(fs, true), check).is_ok());
    assert!(crash_sweep(|fs| store(fs, false), check).is_err()); // its message names the state and the lost name
}
