//! The owner's part of a tree: its name, and the refusal to open a checkpoint. The engines have neither.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    path::Path,
};

use lsm_checkpoint::{BoxError, is_checkpoint};
use lsm_fs::{FsExt, StdFs, SyncMode};

/// The file in a tree's directory that holds the tree's name. The engines pass it by, and no checkpoint has it.
const IDENTITY_FILE: &str = "IDENTITY";

/// Far longer than any name.
const IDENTITY_MAX: u64 = 255;

/// Returns an error if a directory is a checkpoint. An engine would open it, and change it.
///
/// # Errors
///
/// The refusal, with the directory and the remedy; an error of the look-up.
pub fn refuse_checkpoint(dir: &Path) -> Result<(), BoxError> {
    if is_checkpoint(&StdFs, dir)? {
        return Err(format!("{}: a checkpoint; restore it and open the copy", dir.display()).into());
    }
    Ok(())
}

/// Returns the name of the tree in a directory. The first call draws one and stores it there.
///
/// A restored tree draws a name of its own.
///
/// # Errors
///
/// The errors of reading and writing the file.
pub fn identity(dir: &Path) -> Result<String, BoxError> {
    let path = dir.join(IDENTITY_FILE);
    if StdFs.exists(&path)? {
        return Ok(String::from_utf8(StdFs.read_to_vec(&path, IDENTITY_MAX)?)?);
    }
    let identity = format!("tree {:016x}", RandomState::new().build_hasher().finish());
    let _ = StdFs.rewrite_atomic(&path, identity.as_bytes(), SyncMode::Normal)?;
    Ok(identity)
}
