//! [`FsAbilities`]: the optional abilities of a backend.

use std::{ffi::OsStr, path::Path};

use crate::{FsFile, LinkReport, NamePair, Result};

/// The optional abilities of a backend. [`Fs::abilities`](crate::Fs::abilities) returns them.
///
/// Each method defaults to `None`, so a new ability breaks no backend. A caller that finds `None` makes the single
/// calls of [`Fs`](crate::Fs), or does without.
///
/// A wrapper that watches single calls must not return the abilities of the wrapped backend as they are: the calls
/// would pass it by. [`InterceptFs`](crate::intercept::InterceptFs) hides the bulk ability and watches the others. The
/// check `batches::a_wrapper_sees_every_call_of_a_batch` of the conformance suite proves it of any wrapper.
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
    /// Links and clones by directory handle. The batches of [`batch`](crate::batch) use it.
    fn bulk(&self) -> Option<&dyn FsBulk> {
        None
    }

    /// Attributes of files beyond their metadata.
    fn attributes(&self) -> Option<&dyn FsAttributes> {
        None
    }
}

/// The source and the target directory of a batch of links or clones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirPair<'a> {
    /// The directory that holds the existing names.
    pub from: &'a Path,
    /// The directory that gets the new names.
    pub to: &'a Path,
}

/// Links and clones by directory handle: each call looks up two names and no paths.
pub trait FsBulk {
    /// Opens both directories.
    ///
    /// # Errors
    ///
    /// Any: the caller then makes the calls by path, and each of them reports its own error.
    fn open_pair<'a>(&'a self, dirs: DirPair<'a>) -> Result<Box<dyn OpenDirPair + 'a>>;
}

/// Two open directories. Every name is one path component; the caller has checked it.
///
/// Errors name the operation and the full paths, as they do in [`Fs`](crate::Fs).
pub trait OpenDirPair: Send + Sync {
    /// Makes links one after the other, each as [`Fs::hard_link`](crate::Fs::hard_link), and reports each result by its
    /// index. `Break` ends them.
    ///
    /// It takes all names at once because a link costs so little that a call of its own for each would show.
    fn hard_link_each(&self, names: &[NamePair<'_>], report: LinkReport<'_>);

    /// As [`Fs::reflink_file`](crate::Fs::reflink_file), and returns a handle of the clone that can sync it: the handle
    /// that made it, where there is one.
    ///
    /// # Errors
    ///
    /// As [`Fs::reflink_file`](crate::Fs::reflink_file). No clone is left.
    fn reflink_file(&self, names: &NamePair<'_>) -> Result<Box<dyn FsFile>>;

    /// Removes a name from the target directory, as [`Fs::remove_file`](crate::Fs::remove_file).
    ///
    /// # Errors
    ///
    /// As [`Fs::remove_file`](crate::Fs::remove_file).
    fn remove_target(&self, name: &OsStr) -> Result<()>;
}

/// Attributes of files beyond their metadata.
pub trait FsAttributes {
    /// Asks that overwrites of this (still empty) file stay in place. `false`: the mount has no such switch.
    ///
    /// On btrfs this also switches off its checksums for the file, and clones of it need the same flag.
    ///
    /// # Errors
    ///
    /// `NotFound`; `PermissionDenied`.
    fn try_disable_cow(&self, path: &Path) -> Result<bool>;
}
