//! The identity of a database in catalogs. fjall has none, so a hidden file in its directory keeps one.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    path::Path,
};

use lsm_fs::{FsExt, StdFs, SyncMode};

use crate::{Error, Result};

/// The file. fjall ignores hidden files, and no backup contains it. So a restored database gets a new identity.
pub(crate) const IDENTITY_FILE: &str = ".lsm-checkpoint-identity";

/// The maximal length of an identity.
const IDENTITY_MAX: u64 = 255;

/// Returns the identity of the database in a directory. The first call generates and stores it.
pub(crate) fn of(dir: &Path) -> Result<String> {
    let path = dir.join(IDENTITY_FILE);
    if !StdFs.exists(&path)? {
        // std seeds each `RandomState` with random bits of the host.
        let [a, b] = [(); 2].map(|()| RandomState::new().build_hasher().finish());
        let text = format!("fjall-{a:016x}{b:016x}");
        let _ = StdFs.rewrite_atomic(&path, text.as_bytes(), SyncMode::Normal)?;
    }
    let bytes = StdFs.read_to_vec(&path, IDENTITY_MAX)?;
    String::from_utf8(bytes).map_err(|_| Error::damaged(&path, "the identity is not text; remove the file"))
}
