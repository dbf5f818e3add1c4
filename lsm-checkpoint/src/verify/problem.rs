//! What a verification can find: [`Problem`], [`Defect`].

use std::{fmt, path::PathBuf};

/// Something in a checkpoint that is not as its catalog says.
#[derive(Debug)]
#[non_exhaustive]
pub struct Problem {
    /// Where, relative to the checkpoint.
    pub path: PathBuf,
    /// What is wrong there.
    pub what: Defect,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.what)
    }
}

/// What is wrong with a file of a checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// The catalog has it, the directory has not.
    #[error("missing")]
    Missing,
    /// The directory has this file, or this folder with entries, and the catalog has not. Restoring leaves it out.
    #[error("not in the catalog")]
    Unexpected,
    /// It is a directory, a symbolic link or something else.
    #[error("not a regular file")]
    NotAFile,
    /// It is shorter or longer.
    #[error("{expected} bytes in the catalog, {found} on disk")]
    Length {
        /// The catalog's length.
        expected: u64,
        /// The file's length.
        found: u64,
    },
    /// Its bytes are others.
    #[error("checksum is {found:#034x}, the catalog says {expected:#034x}")]
    Checksum {
        /// The catalog's XXH3-128.
        expected: u128,
        /// That of the bytes on disk.
        found: u128,
    },
    /// CURRENT names another version.
    #[error("version {expected} in the catalog, CURRENT names {found}")]
    Version {
        /// The catalog's version.
        expected: u64,
        /// CURRENT's.
        found: u64,
    },
    /// CURRENT or the manifest is damaged, or they do not belong together.
    #[error(transparent)]
    Manifest(lsm_manifest::Error),
    /// The catalog was read from one copy of its footer, and the other is damaged. It serves as long as that one lasts;
    /// [`repair`](lsm_manifest::repair()) restores the other.
    #[error("one copy of its footer is damaged")]
    Degraded,
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(lsm_fs::Error),
}
