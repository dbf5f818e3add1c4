//! The details of errors: the problems of names, files and records.

use crate::layout::NameProblem;

/// A reason to refuse an entry of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotProblem {
    /// The name is not a single path component of at most 1,024 bytes, is not UTF-8, or has control characters. The
    /// problem is also reported for an entry that was written outside every tree.
    #[error("not a valid file name")]
    Name,
    /// A folder lies deeper than four folders below its tree, or a tree deeper than four folders below the target.
    #[error("a folder has at most four components")]
    Depth,
    /// The name is used twice, by two files or by a file and a directory, or a folder lies in the directory of another
    /// tree.
    #[error("the name is taken")]
    Taken,
    /// Checkpoints use the name themselves in the target: `CHECKPOINT`, `.checkpoint-unpublished`, or any name that
    /// ends in `.checkpoint-staged`. The comparison ignores case.
    #[error("the name is reserved in the target's own directory")]
    Reserved,
    /// Written metadata is longer than 4 GiB.
    #[error("written metadata is longer than 4 GiB; list it as a file")]
    TooLong,
}

impl SnapshotProblem {
    /// Converts a defect that a catalog would have into a problem of the snapshot.
    pub(crate) const fn of(defect: CatalogDefect) -> Self {
        match defect {
            CatalogDefect::Duplicate => Self::Taken,
            CatalogDefect::Depth => Self::Depth,
            CatalogDefect::Reserved => Self::Reserved,
            CatalogDefect::TooLong => Self::TooLong,
            _ => Self::Name,
        }
    }
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
    /// The file is shorter than the snapshot says, or, if the file must not change at all, its length differs.
    #[error("{expected} bytes were captured, but it has {found}")]
    Length {
        /// The snapshot's length.
        expected: u64,
        /// The file's length.
        found: u64,
    },
    /// The entry is no regular file. It may be a symbolic link.
    #[error("it is not a regular file")]
    Type,
    /// The file is shorter than the snapshot says, by an unknown amount.
    #[error("it is shorter than {expected} bytes")]
    Short {
        /// The snapshot's length.
        expected: u64,
    },
}

/// A reason why a CURRENT in the format of `lsm-manifest` does not make the captured version readable.
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
    #[error("CURRENT is missing beside its archive")]
    NoCurrent,
    /// CURRENT names the version, but the archive of the version is missing.
    #[error("its archive is missing, although CURRENT names it")]
    NoArchive,
}

/// A difference between a staged directory and its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StagedProblem {
    /// A planned entry is missing.
    #[error("missing, although this checkpoint made it")]
    Missing,
    /// An entry was not planned.
    #[error("exists, but this checkpoint did not make it")]
    Unexpected,
    /// The target's filesystem ignores a difference in case or Unicode form, so the name equals a name that was made
    /// before.
    #[error("the filesystem does not distinguish this name from another")]
    Folded,
    /// The entry is not the regular file or the directory that was planned. For example, a hard link to a symbolic link
    /// in the source is itself a symbolic link, and leads out of the checkpoint.
    #[error("not the regular file or directory that this checkpoint made")]
    Type,
}

/// A defect in the content of a catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogDefect {
    /// A section ends in the middle of a record or text, or continues after its last record.
    #[error("a record is cut short or too long")]
    Length,
    /// A number that stands for no kind and no method in this format.
    #[error("unknown kind or method {0}")]
    Code(u8),
    /// The number of records differs from the number in the head, or a section of a list is missing.
    #[error("the number of records differs from the number in the head")]
    Count,
    /// The source's identity is empty, too long, or not text on one line.
    #[error("the source has no valid identity")]
    Identity,
    /// A name is not a single path component, is too long, or has control characters.
    #[error("a name is not a single path component")]
    Name,
    /// The path of a folder has more than four components.
    #[error("a folder has more than four components")]
    Depth,
    /// Two files, or a file and a directory, have the same name, or a folder lies in the directory of another tree.
    #[error("a name is used twice")]
    Duplicate,
    /// The protocol uses the name itself.
    #[error("a name is reserved")]
    Reserved,
    /// Attributes are listed for a directory that the checkpoint does not have, or twice for one directory.
    #[error("attributes of an unknown directory, or twice of the same")]
    Folder,
    /// A mode has bits other than permissions, setuid, setgid and sticky.
    #[error("{0:#o} is not a valid mode")]
    Mode(u32),
    /// Written metadata is longer than 4 GiB.
    #[error("written metadata is longer than 4 GiB")]
    TooLong,
    /// A file belongs to a tree that is not listed.
    #[error("a file belongs to no listed tree")]
    Tree,
    /// The files are not listed tree by tree.
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
