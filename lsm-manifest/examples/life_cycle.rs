//! The life cycle of an engine's directory: open, first version, next version, removal of stale versions.

use std::{path::Path, sync::Arc};

use lsm_fs::{Fs, FsExt, StdFs};
use lsm_manifest::{DirectoryOptions, ManifestDirectory, Result, WriteOptions};

/// One run of an engine: reads the stored rows and stores one more.
pub(crate) fn run(fs: &Arc<dyn Fs>, dir: &Path, row: u8) -> Result<Vec<u8>> {
    // Declare every name that the engine uses, except `tables`, `blobs`, `v{N}` and `current`.
    let options = DirectoryOptions::new().folder("wal").bystander("LOG");
    let (directory, live) = ManifestDirectory::open(fs, dir, &options)?; // takes the owner lock
    let mut rows = match &live {
        Some(live) => live.archive.read_section("rows")?.payload,
        None => Vec::new(), // a new directory, or an interrupted first start
    };
    for folder in ["tables", "wal"] {
        fs.create_dir_all(&dir.join(folder))?;
    }
    rows.push(row);
    let mut writer = directory.next_version(WriteOptions::new())?; // the first one, or the next
    writer.add_section("rows", &rows)?;
    let archive = writer.finish()?; // syncs the file and its name
    let _ = directory.publish(&archive)?; // after this, the rows are stored
    directory.remove_stale()?; // removes the previous version if this one is durable
    Ok(rows)
}

fn main() -> Result<()> {
    let fs: Arc<dyn Fs> = Arc::new(StdFs);
    let dir = std::env::temp_dir().join(format!("lsm-manifest-{}", std::process::id()));
    assert_eq!(run(&fs, &dir, 1)?, [1]);
    assert_eq!(run(&fs, &dir, 2)?, [1, 2]);
    Ok(fs.remove_dir_all(&dir)?)
}
