//! The details of errors: the problems of names, files and records.

use crate::layout::NameProblem;

/// A reason to refuse an entry of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotProblem {
    /// The name is empty, not UTF-8, longer than 1,024 bytes, or no single path component. Control characters are not
    /// allowed either. The problem is also reported for an entry that was written outside every tree.
    #[error("not a file name")]
    Name,
    /// A folder lies deeper than four folders below its tree, or a tree deeper than four folders below the target.
    #[error("a folder has at most four components")]
    Depth,
    /// Two entries have the name, a file has the name of a directory, or a folder lies in the directory of another
    /// tree.
    #[error("the name is taken")]
    Taken,
    /// Checkpoints use the name themselves in the target: `CHECKPOINT`, `.checkpoint-unpublished`, or any name that
    /// ends in `.checkpoint-staged`. Upper and lower case do not differ.
    #[error("the name is reserved in the target's own directory")]
    Reserved,
    /// Written metadata is longer than 4 GiB.
    #[error("metadata that is written has at most 4 GiB; list it as a file")]
    TooLong,
}

/// The kind of entry that has a target's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Occupant {
    /// A directory without entries.
    #[error("the target exists, as an empty directory: remove it, or choose a name inside it")]
    EmptyDirectory,
    /// A directory that another volume is mounted on.
    #[error("the target exists, as a mount point: choose a name inside it")]
    MountPoint,
    /// Any other entry.
    #[error("the target exists")]
    Other,
}

/// A difference between a source file and the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Change {
    /// No entry has the file's name.
    #[error("it is gone")]
    Gone,
    /// The file is shorter than the snapshot says. For a file that may not change at all, any other length counts.
    #[error("{expected} bytes are captured, {found} are there")]
    Length {
        /// The snapshot's length.
        expected: u64,
        /// The file's length.
        found: u64,
    },
    /// The entry is no regular file. It may be a symbolic link.
    #[error("it is no regular file")]
    Type,
    /// The file is shorter than the snapshot says, by an unknown amount.
    #[error("it is shorter than {expected} bytes")]
    Short {
        /// The snapshot's length.
        expected: u64,
    },
}

/// A reason why CURRENT, in the format of `lsm-manifest`, does not name the captured version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointerProblem {
    /// CURRENT names another version.
    #[error("CURRENT names version {found}")]
    Version {
        /// CURRENT's version.
        found: u64,
    },
    /// The archive of the version exists, but CURRENT does not. An engine that writes `edits-{N}` beside `v{N}` needs
    /// no CURRENT, because it opens the highest `v{N}`.
    #[error("its archive is there and CURRENT is missing")]
    NoCurrent,
    /// CURRENT names the version, but the archive of the version is missing.
    #[error("CURRENT names it and its archive is missing")]
    NoArchive,
}

/// A difference between a staged directory and its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StagedProblem {
    /// A planned entry is missing.
    #[error("was made, and is not there")]
    Missing,
    /// An entry was not planned.
    #[error("is there, and was not made by this checkpoint")]
    Unexpected,
    /// The target's filesystem folds case or spelling, and the name equals one that was made before.
    #[error("has the name of another to the target's filesystem")]
    Folded,
    /// The entry is not the regular file or the directory that was planned. A hard link to a symbolic link of the
    /// source is itself a symbolic link, and leads out of the checkpoint.
    #[error("is neither the regular file nor the directory that it should be")]
    Type,
}

/// A defect in the content of a catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogDefect {
    /// A section ends in the middle of a record, or goes on after the last record.
    #[error("a record is cut short or too long")]
    Length,
    /// A code that no version of this format writes.
    #[error("unknown code {0}")]
    Code(u8),
    /// The head announces a number of records that differs from the actual number, or a section of a list is missing.
    #[error("the number of records is another than the catalog's head says")]
    Count,
    /// The source's identity is empty, too long, or not text on one line.
    #[error("the source has no valid identity")]
    Identity,
    /// A name that leads out of the checkpoint, is too long, or is not text.
    #[error("a name is no path component")]
    Name,
    /// A folder's path with more than four components.
    #[error("a folder has more than four components")]
    Depth,
    /// Two files, or a file and a directory, have the same name, or a folder lies in the directory of another tree.
    #[error("a name is there twice")]
    Duplicate,
    /// A name that the protocol uses itself.
    #[error("a name is reserved")]
    Reserved,
    /// Attributes of a directory that the checkpoint does not have, or that already has attributes.
    #[error("attributes are of no directory, or of one that has some")]
    Folder,
    /// A mode with more than permission bits.
    #[error("{0:#o} is no mode")]
    Mode(u32),
    /// Written metadata is longer than 4 GiB.
    #[error("written metadata is longer than 4 GiB")]
    TooLong,
    /// A file of a tree that is not listed.
    #[error("a file is of no tree")]
    Tree,
    /// The files of a tree do not stand together.
    #[error("the files are not listed tree by tree")]
    Order,
    /// The catalog lists far more names than the directory holds. It is forged, or most of the checkpoint is lost.
    #[error("it lists far more than the directory holds")]
    Excess,
}

impl From<NameProblem> for SnapshotProblem {
    fn from(problem: NameProblem) -> Self {
        match problem {
            NameProblem::Name => Self::Name,
            NameProblem::Depth => Self::Depth,
            NameProblem::Taken => Self::Taken,
            NameProblem::Reserved => Self::Reserved,
        }
    }
}

impl From<NameProblem> for CatalogDefect {
    fn from(problem: NameProblem) -> Self {
        match problem {
            NameProblem::Name => Self::Name,
            NameProblem::Depth => Self::Depth,
            NameProblem::Taken => Self::Duplicate,
            NameProblem::Reserved => Self::Reserved,
        }
    }
}
