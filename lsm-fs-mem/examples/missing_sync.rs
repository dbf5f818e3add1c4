//! A crash sweep tries every crash of code that stores a table.

use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_fs_mem::{MemFs, SweepError, crash_sweep};

fn store(fs: &MemFs) -> lsm_fs::Result<()> {
    fs.write_new("/1.sst".as_ref(), b"rows", SyncMode::Normal)?; // the bytes are durable
    let _ = fs.sync_directory("/".as_ref(), SyncMode::Normal)?; // the name is durable too
    fs.note("stored"); // a promise: from here on the table survives every crash
    Ok(())
}

fn main() -> Result<(), SweepError> {
    let swept = crash_sweep(store, |image, notes| {
        let is_there = image.exists("/1.sst".as_ref()).unwrap_or(false);
        if is_there || !notes.contains("stored") { Ok(()) } else { Err("stored, and lost") }
    });
    swept.map(drop)
}
