//! [`is_checkpoint`]: an engine's question before it opens a directory.

use std::{io::ErrorKind, path::Path};

use lsm_fs::Fs;

use crate::{CATALOG_FILE, Result};

/// Returns `true` if the directory is a checkpoint, or was one before something happened to it.
///
/// An engine asks before it opens a directory for writing, and refuses if the answer is `true`: it would change files
/// that are all the backup there is. [`restore`](crate::restore()) makes a directory to live in, without a catalog.
///
/// # Contract
///
/// The call looks at the name of the catalog, not at its contents. The answer is `true` for a damaged catalog, and for
/// anything else of that name: an engine that opened the directory could destroy data that can still be saved. A
/// directory that does not exist is no checkpoint.
///
/// # Errors
///
/// [`Fs`](crate::Error::Fs) if the name cannot be looked up. Do not open the directory then.
///
/// # Examples
///
/// ```
/// use lsm_checkpoint::{BoxError, is_checkpoint};
/// use lsm_fs::Fs;
/// use std::path::Path;
///
/// fn open(fs: &dyn Fs, dir: &Path) -> Result<(), BoxError> {
///     if is_checkpoint(fs, dir)? {
///         return Err(format!("{}: this is a checkpoint; restore it and open the copy", dir.display()).into());
///     }
///     // …
///     Ok(())
/// }
/// # use lsm_fs::{FsExt, SyncMode};
/// # let fs = lsm_fs_mem::MemFs::new();
/// # fs.write_new(Path::new("/CHECKPOINT"), b"damaged", SyncMode::Normal)?;
/// # assert!(open(&fs, Path::new("/")).is_err() && open(&fs, Path::new("/new")).is_ok());
/// # Ok::<(), lsm_fs::Error>(())
/// ```
pub fn is_checkpoint(fs: &dyn Fs, dir: &Path) -> Result<bool> {
    match fs.symlink_metadata(&dir.join(CATALOG_FILE)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}
