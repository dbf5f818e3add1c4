//! Pipes, sockets and devices in a broken backend.

use std::path::Path;

use lsm_fs::{Fs, FsFile, FsOpenOptions, Result, StdFs};

pub(super) fn is(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// A file that is unrelated to the requested one.
pub(super) fn some_file() -> Result<Box<dyn FsFile>> {
    StdFs.open(&std::env::current_exe().unwrap(), &FsOpenOptions::new().read(true))
}
