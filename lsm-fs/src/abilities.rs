//! [`FsAbilities`]: the optional abilities of a backend.

use std::{ffi::OsStr, path::Path};

use crate::{DirPair, FsFile, LinkReport, NamePair, Permissions, PermissionsSet, Result};

/// Optional abilities of a backend, as returned by [`Fs::abilities`](crate::Fs::abilities).
///
/// Every method defaults to `None`, so a new ability breaks no backend. If an ability is `None`, the caller uses the
/// single calls of [`Fs`](crate::Fs) or does without it.
///
/// A wrapper that observes single calls must not return the abilities of the wrapped backend unchanged, because their
/// calls would bypass the wrapper. [`InterceptFs`](crate::intercept::InterceptFs) hides the bulk ability and observes
/// the others. The conformance check `batches::a_wrapper_sees_every_call_of_a_batch` detects a wrapper whose batches
/// bypass it.
///
/// # Examples
///
/// ```
/// use lsm_fs::{Fs, FsAbilities, StdFs};
///
/// # fn main() -> lsm_fs::Result<()> {
/// # let file = tempfile::NamedTempFile::new().unwrap();
/// # let path = file.path();
/// if let Some(attributes) = StdFs.abilities().and_then(FsAbilities::attributes) {
///     let _is_off = attributes.try_disable_cow(path)?;
/// }
/// # Ok(())
/// # }
/// ```
pub trait FsAbilities {
    /// Returns the ability to link and clone by directory handle, which the functions in [`batch`](crate::batch) use.
    fn bulk(&self) -> Option<&dyn FsBulk> {
        None
    }

    /// Returns the ability to change attributes that [`FsMetadata`](crate::FsMetadata) does not show.
    fn attributes(&self) -> Option<&dyn FsAttributes> {
        None
    }

    /// Returns the ability to set modes, owners and groups of directories.
    fn permissions(&self) -> Option<&dyn FsPermissions> {
        None
    }
}

/// Links and clones by directory handle, so that each call looks up two names instead of two paths.
pub trait FsBulk {
    /// Opens both directories.
    ///
    /// # Errors
    ///
    /// Any error is allowed. The caller then falls back to paths, and each call by path reports its own error.
    fn open_pair<'a>(&'a self, dirs: DirPair<'a>) -> Result<Box<dyn OpenDirPair + 'a>>;
}

/// Two open directories. Every name must be a single path component, which the caller has checked.
///
/// Errors name the operation and the full paths, as in [`Fs`](crate::Fs).
pub trait OpenDirPair: Send + Sync {
    /// Creates links one after the other, each as [`Fs::hard_link`](crate::Fs::hard_link) does, and reports each result
    /// by its index. `Break` ends the batch.
    ///
    /// The method takes all names at once, because a link is so cheap that a dynamic call for each one would be
    /// measurable.
    fn hard_link_each(&self, names: &[NamePair<'_>], report: LinkReport<'_>);

    /// Clones a file as [`Fs::reflink_file`](crate::Fs::reflink_file) does. Returns a handle that can sync the clone,
    /// preferably the handle that created it.
    ///
    /// If `mode` is given, the caller sets this mode next, and [the caller is responsible for the
    /// owner](crate::batch::ReflinkOptions::created_with). A backend may create the file with these bits below `0o777`,
    /// less the umask. It may also ignore `mode`, and create a private file.
    ///
    /// # Errors
    ///
    /// The errors of [`Fs::reflink_file`](crate::Fs::reflink_file). No clone is left.
    fn reflink_file(&self, names: &NamePair<'_>, mode: Option<u32>) -> Result<Box<dyn FsFile>>;

    /// Removes a name from the target directory, as [`Fs::remove_file`](crate::Fs::remove_file) does.
    ///
    /// # Errors
    ///
    /// The errors of [`Fs::remove_file`](crate::Fs::remove_file).
    fn remove_target(&self, name: &OsStr) -> Result<()>;
}

/// Attributes of files that [`FsMetadata`](crate::FsMetadata) does not show.
pub trait FsAttributes {
    /// Asks the filesystem to overwrite a file in place instead of writing to new blocks (`FS_NOCOW_FL`, `chattr +C`).
    /// Returns `true` if the file has the attribute afterwards. It is `false` if the filesystem has no such attribute,
    /// or refuses it because the file is not empty.
    ///
    /// On btrfs, the attribute also disables checksums for the file (btrfs(5), `nodatacow`), and a clone of the file
    /// must have the attribute, too.
    ///
    /// # Errors
    ///
    /// `NotFound`, `PermissionDenied`.
    fn try_disable_cow(&self, path: &Path) -> Result<bool>;
}

/// Modes, owners and groups of directories. The equivalents for files are [`FsFile::set_permissions`] and
/// [`FsOpenOptions::private`](crate::FsOpenOptions::private).
///
/// A copy made in three steps never grants more access than its source: create it private, set its owner, set its mode.
pub trait FsPermissions {
    /// Creates a directory that only its owner can use, as [`Fs::create_dir`](crate::Fs::create_dir) does. The mode is
    /// `0o700` minus the bits of the umask.
    ///
    /// # Errors
    ///
    /// - The errors of [`Fs::create_dir`](crate::Fs::create_dir).
    /// - `Unsupported`: the backend is a wrapper, and the wrapped backend does not have this ability.
    fn create_private_dir(&self, path: &Path) -> Result<()>;

    /// Sets the owner and group of a directory and then its mode, all through one handle. Symbolic links are not
    /// followed.
    ///
    /// # Contract
    ///
    /// The same as for [`FsFile::set_permissions`].
    ///
    /// # Crash semantics
    ///
    /// The change is durable after [`sync_directory`](crate::Fs::sync_directory) of the directory itself.
    ///
    /// # Errors
    ///
    /// - `NotFound`: the name does not exist.
    /// - `NotADirectory`: the name belongs to something else, for example a symbolic link.
    /// - `PermissionDenied`: the directory cannot be opened.
    ///
    /// A refused owner or mode is not an error. The result reports it.
    fn set_directory_permissions(&self, path: &Path, permissions: &Permissions) -> Result<PermissionsSet>;
}
