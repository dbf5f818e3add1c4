//! The details of errors: what is wrong with a name, a file, a record.

use crate::layout::NameProblem;

/// A reason to refuse an entry of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotProblem {
    /// The name is empty, not UTF-8, longer than 1,024 bytes, or no single path component; or something was written
    /// where no tree is. Control characters are not allowed either.
    #[error("not a file name")]
    Name,
    /// A folder lies deeper than four folders below its tree, or a tree deeper than four folders below the target.
    #[error("a folder has at most four components")]
    Depth,
    /// Two entries have the name, a file has that of a directory, or a folder lies in the directory of another tree.
    #[error("the name is taken")]
    Taken,
    /// The name is one that checkpoints use themselves in the target, in any case: `CHECKPOINT`,
    /// `.checkpoint-unpublished`, or one that ends in `.checkpoint-staged`.
    #[error("the name is reserved in the target's own directory")]
    Reserved,
    /// Something that was written as metadata is longer than 4 GiB.
    #[error("metadata that is written has at most 4 GiB; list it as a file")]
    TooLong,
}

/// The thing that has a target's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Occupant {
    /// A directory without entries.
    #[error("the target exists, as an empty directory: remove it, or choose a name inside it")]
    EmptyDirectory,
    /// A directory that another volume is mounted on.
    #[error("the target exists, as a mount point: choose a name inside it")]
    MountPoint,
    /// Anything else.
    #[error("the target exists")]
    Other,
}

/// What is seen of a source file that is not what the snapshot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Change {
    /// Nothing has its name.
    #[error("it is gone")]
    Gone,
    /// It is shorter than the snapshot says, or of another length where it may not change at all.
    #[error("{expected} bytes are captured, {found} are there")]
    Length {
        /// The snapshot's length.
        expected: u64,
        /// The file's.
        found: u64,
    },
    /// It is something else, such as a symbolic link.
    #[error("it is no regular file")]
    Type,
    /// It is shorter than the snapshot says; how much is not known.
    #[error("it is shorter than {expected} bytes")]
    Short {
        /// The snapshot's length.
        expected: u64,
    },
}

/// How CURRENT, of the format of `lsm-manifest`, fails to name the captured version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointerProblem {
    /// It names another version.
    #[error("CURRENT names version {found}")]
    Version {
        /// CURRENT's version.
        found: u64,
    },
    /// The archive of the version is there, and no CURRENT is. An engine that writes `edits-{N}` beside `v{N}` needs
    /// none, because it opens the highest `v{N}`.
    #[error("its archive is there and CURRENT is missing")]
    NoCurrent,
    /// It names the version, whose archive is missing.
    #[error("CURRENT names it and its archive is missing")]
    NoArchive,
}

/// How a staged directory differs from its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StagedProblem {
    /// Planned, and not there.
    #[error("was made, and is not there")]
    Missing,
    /// There, and not planned.
    #[error("is there, and was not made by this checkpoint")]
    Unexpected,
    /// A name that was made before is the same to the target's filesystem, which folds case or spelling.
    #[error("has the name of another to the target's filesystem")]
    Folded,
    /// Not the regular file or the directory that was planned. A link to a source file that is a symbolic link is one
    /// in turn, and leads out of the checkpoint.
    #[error("is neither the regular file nor the directory that it should be")]
    Type,
}

/// What is impossible in a catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogDefect {
    /// A section ends in the middle of a record, or goes on behind the last.
    #[error("a record is cut short or too long")]
    Length,
    /// A code that no version of this format writes.
    #[error("unknown code {0}")]
    Code(u8),
    /// The head announces other numbers of records than there are, or a section of a list is missing.
    #[error("the number of records is another than the catalog's head says")]
    Count,
    /// The source's name for itself is empty, too long, or no text on one line.
    #[error("the source has no valid identity")]
    Identity,
    /// A name that leads out of the checkpoint, is too long, or is not text.
    #[error("a name is no path component")]
    Name,
    /// A folder's path with more than four components.
    #[error("a folder has more than four components")]
    Depth,
    /// A name that two files have, or a file and a directory; or a folder in the directory of another tree.
    #[error("a name is there twice")]
    Duplicate,
    /// A name that the protocol uses itself.
    #[error("a name is reserved")]
    Reserved,
    /// Attributes of a directory that the checkpoint does not have, or that has some already.
    #[error("attributes are of no directory, or of one that has some")]
    Folder,
    /// A mode with more than permission bits.
    #[error("{0:#o} is no mode")]
    Mode(u32),
    /// Metadata that was written, of more than 4 GiB.
    #[error("written metadata is longer than 4 GiB")]
    TooLong,
    /// A file of a tree that is not listed.
    #[error("a file is of no tree")]
    Tree,
    /// The files of a tree do not stand together.
    #[error("the files are not listed tree by tree")]
    Order,
    /// Far more names than the directory holds: it is forged, or most of the checkpoint is lost.
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
