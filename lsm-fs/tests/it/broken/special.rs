//! What a broken backend does with pipes, sockets and devices.

use std::path::Path;

use lsm_fs::{Fs, FsFile, FsOpenOptions, Result, StdFs};

pub(super) fn is(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// A file that has nothing to do with the one that was asked for.
pub(super) fn some_file() -> Result<Box<dyn FsFile>> {
    StdFs.open(&std::env::current_exe().unwrap(), &FsOpenOptions::new().read(true))
}
