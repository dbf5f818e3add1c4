//! The identity of a database in catalogs. fjall has none, so a hidden file in its directory keeps one.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    io::ErrorKind,
    path::Path,
};

use lsm_fs::{Fs, FsExt, StdFs, SyncMode};

use crate::{Error, Result};

/// The file with the identity. fjall ignores hidden files. No backup contains it, so a restored database gets a new
/// identity.
pub(crate) const IDENTITY_FILE: &str = ".lsm-checkpoint-identity";

/// The maximal length of an identity.
const IDENTITY_MAX: u64 = 255;

/// Returns the identity of the database in a directory. The first call generates and stores it.
pub(crate) fn of(dir: &Path) -> Result<String> {
    let path = dir.join(IDENTITY_FILE);
    if !StdFs.exists(&path)? {
        name(dir, &path)?;
    }
    let bytes = StdFs.read_to_vec(&path, IDENTITY_MAX)?;
    String::from_utf8(bytes).map_err(|_| Error::damaged(&path, "the identity is not text; remove the file"))
}

/// Gives the database a name. If two calls race, the first one wins, except on a volume without an exclusive rename.
fn name(dir: &Path, path: &Path) -> Result<()> {
    // std draws the seed of a thread's first `RandomState` from the host, and changes it for each later one.
    let [a, b] = [(); 2].map(|()| RandomState::new().build_hasher().finish());
    let text = format!("fjall-{a:016x}{b:016x}");
    let new = dir.join(format!("{IDENTITY_FILE}-{b:016x}"));
    StdFs.write_new(&new, text.as_bytes(), SyncMode::Normal)?;
    match StdFs.rename_noreplace(&new, path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => StdFs.remove_file(&new)?,
        // Two concurrent first backups may then see different names.
        Err(error) if error.kind() == ErrorKind::Unsupported => StdFs.rename(&new, path)?,
        Err(error) => {
            StdFs.remove_file(&new)?;
            return Err(error.into());
        }
    }
    let _ = StdFs.sync_directory(dir, SyncMode::Normal)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(IDENTITY_FILE);
        name(dir.path(), &path).unwrap();
        let first = of(dir.path()).unwrap();
        name(dir.path(), &path).unwrap();
        assert_eq!(of(dir.path()).unwrap(), first, "another call looked before the first one named it");
        assert_eq!(StdFs.read_dir(dir.path()).unwrap().len(), 1, "nothing else is left");
    }
}
