//! [`Journal`]: an open journal.

use std::path::PathBuf;

use lsm_fs::FsFile;

/// An open journal. It stays readable if fjall removes its name.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) path: PathBuf,
    pub(super) file: Box<dyn FsFile>,
}

/// Returns the name of a journal.
pub(super) fn file_name(number: u64) -> String {
    format!("{number}.jnl")
}
