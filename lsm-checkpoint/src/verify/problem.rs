//! [`Problem`] and [`Defect`]: the findings of a verification.

use std::{fmt, path::PathBuf};

/// A difference between a checkpoint and its catalog.
#[derive(Debug)]
#[non_exhaustive]
pub struct Problem {
    /// The path, relative to the checkpoint.
    pub path: PathBuf,
    /// The defect at this path.
    pub what: Defect,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.what)
    }
}

/// The kind of a problem.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// The catalog lists the entry, but it does not exist.
    #[error("missing")]
    Missing,
    /// The catalog does not list the file or the non-empty folder. A restore ignores it.
    #[error("not in the catalog")]
    Unexpected,
    /// The entry is not a regular file but a directory, a symbolic link or something else.
    #[error("not a regular file")]
    NotAFile,
    /// The file is shorter or longer than the catalog states.
    #[error("{expected} bytes in the catalog, but {found} on disk")]
    Length {
        /// The length in the catalog.
        expected: u64,
        /// The length of the file.
        found: u64,
    },
    /// The file has other bytes than the source file had.
    #[error("its checksum is {found:#034x}, but the catalog has {expected:#034x}")]
    Checksum {
        /// The XXH3-128 in the catalog.
        expected: u128,
        /// The XXH3-128 of the bytes on disk.
        found: u128,
    },
    /// CURRENT names another version.
    #[error("version {expected} in the catalog, but CURRENT names {found}")]
    Version {
        /// The version in the catalog.
        expected: u64,
        /// The version in CURRENT.
        found: u64,
    },
    /// CURRENT or the manifest is damaged, or CURRENT belongs to another manifest.
    #[error(transparent)]
    Manifest(lsm_manifest::Error),
    /// One of the two copies of the catalog's footer is damaged. The catalog remains readable as long as the other copy
    /// is intact. [`repair`](lsm_manifest::repair()) restores the damaged copy.
    #[error("one copy of its footer is damaged")]
    Degraded,
    /// The entry cannot be read.
    #[error(transparent)]
    Unreadable(lsm_fs::Error),
}
