//! The two duties that the engines leave to the owner of a tree: its identity, and the refusal to open a checkpoint.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    path::Path,
};

use lsm_checkpoint::{BoxError, is_checkpoint};
use lsm_fs::{FsExt, StdFs, SyncMode};

/// The file with the identity, in the directory of the tree. The engines ignore it, and no checkpoint contains it.
const IDENTITY_FILE: &str = "IDENTITY";

/// The maximal length of an identity. Generated ones are much shorter.
const IDENTITY_MAX: u64 = 255;

/// Returns an error if a directory is a checkpoint. An engine would open and change it.
///
/// # Errors
///
/// The refusal, or the error of the lookup. The refusal names the directory and the remedy.
pub fn refuse_checkpoint(dir: &Path) -> Result<(), BoxError> {
    if is_checkpoint(&StdFs, dir)? {
        return Err(format!("{}: a checkpoint; restore it and open the copy", dir.display()).into());
    }
    Ok(())
}

/// Returns the identity of the tree in a directory. The first call generates and stores it.
///
/// A restored tree gets a new identity.
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
