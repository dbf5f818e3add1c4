//! The workload whose crash states the benches enumerate.

use std::path::Path;

use lsm_fs::{Fs, FsFile, FsOpenOptions, SyncMode};
use lsm_fs_mem::MemFs;

/// Makes 40 micro-operations with a few syncs between them, like a flush or a small checkpoint.
pub(crate) fn forty(fs: &MemFs) -> lsm_fs::Result<()> {
    fs.create_dir(Path::new("/d"))?;
    for index in 0..8 {
        let path = format!("/d/{index}");
        let file = fs.open(Path::new(&path), &FsOpenOptions::new().write(true).create(true))?;
        file.write_at(&[index; 3000], 0)?;
        if index % 4 != 3 {
            file.sync_all(SyncMode::Normal)?;
        }
    }
    for index in 0..7 {
        fs.hard_link(Path::new(&format!("/d/{index}")), Path::new(&format!("/d/{index}.link")))?;
    }
    let _ = fs.sync_directory(Path::new("/d"), SyncMode::Normal)?;
    for index in 0..4 {
        fs.rename(Path::new(&format!("/d/{index}.link")), Path::new(&format!("/d/{index}.moved")))?;
    }
    fs.note("done");
    Ok(())
}
