//! [`is_checkpoint`]: the check that an engine makes before it opens a directory.

use std::{io::ErrorKind, path::Path};

use lsm_fs::Fs;

use crate::{CATALOG_FILE, Result};

/// Returns `true` if the directory is a checkpoint, intact or damaged.
///
/// An engine calls this before it opens a directory for writing, and refuses the directory if the result is `true`,
/// because opening would change files of the backup. [`restore`](crate::restore()) creates a directory to work in,
/// which has no catalog.
///
/// # Contract
///
/// The call looks up the name of the catalog and does not read its contents. The result is also `true` if the catalog
/// is damaged, or if something other than a file has its name: data that can still be saved must not be overwritten.
/// For a directory that does not exist, the result is `false`.
///
/// # Errors
///
/// [`Fs`](crate::Error::Fs) if the name cannot be looked up. The directory must not be opened in this case.
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
