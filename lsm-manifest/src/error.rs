//! [`Error`]: a variant per decision that a caller can take.

use std::path::PathBuf;

use crate::{
    defect::{Damage, Defect},
    encryption::CryptError,
    found_names::FoundNames,
};

/// The result of every operation on archives and CURRENT.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed. Each variant says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes on disk are not what was written, and nothing here can restore them.
    ///
    /// Restore the file from a copy. If the rest of the archive matters, [`inspect`](crate::inspect) tells what is
    /// good.
    #[error("{}: offset {offset}: {what}", file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        what: Defect,
    },
    /// Neither the footer nor its mirror can be read, so nothing is known of the sections.
    ///
    /// Restore the file from a copy.
    #[error("{}: no footer can be read: at the tail, {tail}; in the head, {mirror}", file.display())]
    NoFooter {
        /// The file.
        file: PathBuf,
        /// What is wrong with the footer behind the sections.
        tail: Damage,
        /// What is wrong with the one in the head.
        mirror: Damage,
    },
    /// The archive is sound, and written in a layout that this version of the crate does not know.
    ///
    /// Open it with a newer version. Do not repair it.
    #[error("{}: unsupported layout version {found}", file.display())]
    UnsupportedVersion {
        /// The file.
        file: PathBuf,
        /// Its layout version.
        found: u8,
    },
    /// The archive is sound, but not the one that CURRENT was published for.
    ///
    /// One of the two was replaced. Restore both from one copy.
    #[error("{}: digest is {found:#034x}, CURRENT names {expected:#034x}", file.display())]
    DigestMismatch {
        /// The archive.
        file: PathBuf,
        /// The digest in CURRENT.
        expected: u128,
        /// The digest of the archive.
        found: u128,
    },
    /// There is no CURRENT, but there are files of an engine: CURRENT was lost.
    ///
    /// Never start an empty engine here. Restore CURRENT from a copy, or look at each `v{N}` with
    /// [`inspect`](crate::inspect). If the directory was written by an engine without CURRENT, use
    /// [`open_highest`](crate::open_highest).
    #[error("{}: missing, though there is {beside}; restore it, or move these away to start anew", file.display())]
    MissingCurrent {
        /// The place of CURRENT.
        file: PathBuf,
        /// All names that no new directory has.
        beside: FoundNames,
    },
    /// There is no CURRENT, and there are files or full folders that no engine of this directory has declared: it
    /// belongs to somebody else.
    ///
    /// Choose another directory. If the files are the engine's own, declare their names with
    /// [`DirectoryOptions`](crate::DirectoryOptions).
    #[error("{}: not a new directory, it holds {names}; choose another one, or move these away", dir.display())]
    ForeignDirectory {
        /// The directory.
        dir: PathBuf,
        /// All names that no new directory has.
        names: FoundNames,
    },
    /// Another process, or another [`ManifestDirectory`](crate::ManifestDirectory) of this one, has the directory open.
    ///
    /// Close it there. If the caller itself holds the owner lock, say so with
    /// [`locked_by_caller`](crate::DirectoryOptions::locked_by_caller).
    #[error("{}: in use by another process, which holds its owner lock", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// CURRENT names a version that is newer, or another archive of the same version. Nothing was published.
    ///
    /// Write the archive again, as the version that [`next_version_id`](crate::next_version_id) gives.
    #[error("{}: not published, CURRENT names version {live}", file.display())]
    NotNewer {
        /// The archive that was to be published.
        file: PathBuf,
        /// The version that CURRENT names.
        live: u64,
    },
    /// The largest number is taken, so there is none for another version.
    ///
    /// Nothing counts that far. If CURRENT does not name the file, move it away.
    #[error("{}: no version can follow; if CURRENT does not name it, move it away", file.display())]
    NoNextVersion {
        /// The archive, the edit log or the directory that has the largest number.
        file: PathBuf,
    },
    /// CURRENT is there and has no bytes: its contents were never synced before it got its name.
    ///
    /// As [`MissingCurrent`](Self::MissingCurrent). The writer that left it is broken.
    #[error("{}: the file is empty", file.display())]
    CurrentEmpty {
        /// CURRENT.
        file: PathBuf,
    },
    /// CURRENT is there and holds only zeros: its contents were never synced before it got its name.
    ///
    /// As [`MissingCurrent`](Self::MissingCurrent). The writer that left it is broken.
    #[error("{}: the file holds only zeros", file.display())]
    CurrentZeros {
        /// CURRENT.
        file: PathBuf,
    },
    /// CURRENT names a version whose archive is not there.
    ///
    /// Restore the archive from a copy; do not fall back to another version.
    #[error("{}: missing, though CURRENT names it", file.display())]
    MissingArchive {
        /// Where the archive should be.
        file: PathBuf,
    },
    /// The archive says of itself that it is another version than its name says.
    ///
    /// Someone renamed it. Restore it from a copy.
    #[error("{}: the archive says that it is version {found}", file.display())]
    WrongVersion {
        /// The archive.
        file: PathBuf,
        /// What its `version_id` section says.
        found: u64,
    },
    /// The archive has no section of that name.
    ///
    /// Optional sections are looked up with [`ManifestArchiveReader::section`](crate::ManifestArchiveReader::section).
    #[error("{}: no section {name}", file.display())]
    SectionNotFound {
        /// The archive.
        file: PathBuf,
        /// The name that was asked for.
        name: String,
    },
    /// A section cannot be written under that name. Nothing was written for it; the writer stays good.
    #[error("section name \"{name}\" is {problem}")]
    InvalidName {
        /// The name.
        name: String,
        /// Why it cannot be.
        problem: NameProblem,
    },
    /// The footer has no room for another section. Nothing was written for it; the writer stays good.
    ///
    /// Put the data into fewer sections.
    #[error("{}: the footer has no room for section {name}", file.display())]
    TooManySections {
        /// The archive.
        file: PathBuf,
        /// The section that does not fit.
        name: String,
    },
    /// The section would not fit into the 16 MiB that its block may have. The writer stays good.
    ///
    /// Split the section.
    #[error("{}: section {name} is too long", file.display())]
    SectionTooLong {
        /// The archive.
        file: PathBuf,
        /// The section.
        name: String,
    },
    /// The writer failed before, and has removed its file.
    ///
    /// Start over with a new writer.
    #[error("{}: the writer failed before", file.display())]
    WriterFailed {
        /// The archive.
        file: PathBuf,
    },
    /// The archive is not called `v{N}`, or lies in another directory, so no CURRENT can name it.
    ///
    /// Write it with [`ManifestDirectory::next_version`](crate::ManifestDirectory::next_version).
    #[error("{}: not the name of a version of this directory", file.display())]
    NotAVersion {
        /// The archive.
        file: PathBuf,
    },
    /// A block is sealed, and no key was given.
    ///
    /// Open the archive with its [`EncryptionProvider`](crate::EncryptionProvider).
    #[error("{}: the block at offset {offset} is encrypted and no key was given", file.display())]
    KeyRequired {
        /// The archive.
        file: PathBuf,
        /// Where the block starts.
        offset: u64,
    },
    /// A key was given, and a block is not sealed: whoever could write the file could have put it there.
    ///
    /// If the archive is known to be plain, open it without a key.
    #[error("{}: the block at offset {offset} is not encrypted though a key was given", file.display())]
    NotEncrypted {
        /// The archive.
        file: PathBuf,
        /// Where the block starts.
        offset: u64,
    },
    /// The block is as it was written, its checksum is good, but its tag does not match: the key is wrong, or someone
    /// changed the block and its checksum. It is not corruption.
    ///
    /// Try the right key; if it is the right key, trust nothing in this directory.
    #[error("{}: the block at offset {offset} is rejected by its key: wrong key or tampered with", file.display())]
    Rejected {
        /// The archive.
        file: PathBuf,
        /// Where the block starts.
        offset: u64,
    },
    /// The encryption provider could not seal or open a block, for another reason than a tag.
    ///
    /// The source says why. A block that is opened has a good checksum, so it is not corruption.
    #[error("{}: the block at offset {offset} could not be sealed or opened", file.display())]
    Encryption {
        /// The archive.
        file: PathBuf,
        /// Where the block starts.
        offset: u64,
        /// Why.
        source: CryptError,
    },
    /// A block is damaged and has parity, which this build cannot use.
    ///
    /// Build with the feature `parity` and try again.
    #[error("{}: the block at offset {offset} is damaged and needs the feature parity", file.display())]
    ParityUnavailable {
        /// The archive.
        file: PathBuf,
        /// Where the block starts.
        offset: u64,
    },
    /// The footer and its mirror are both sound and say different things, so neither can be repaired from the other.
    ///
    /// Restore the file from a copy. It opens from its tail.
    #[error("{}: the footer and its mirror disagree", file.display())]
    CopiesDisagree {
        /// The archive.
        file: PathBuf,
    },
    /// CURRENT names the new version, or may name it, and a crash may bring the old one back.
    ///
    /// Keep both versions. Publish again with the same proof, or write the next version.
    #[error("{}: published, but not known to be durable", file.display())]
    PublishedNotDurable {
        /// CURRENT.
        file: PathBuf,
        /// What failed: the sync of the directory, or a rename that may have been done all the same.
        source: lsm_fs::Error,
    },
    /// CURRENT names this archive, so it was not removed.
    ///
    /// Publish another version first.
    #[error("{}: CURRENT names this archive", file.display())]
    Live {
        /// The archive.
        file: PathBuf,
    },
    /// The filesystem failed.
    ///
    /// What was made for the failed operation is removed; a failed removal is attached to the error.
    #[error(transparent)]
    Fs(#[from] lsm_fs::Error),
}

/// Why a name can be no section's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NameProblem {
    /// It has no bytes.
    #[error("empty")]
    Empty,
    /// It is longer than 64 bytes.
    #[error("longer than 64 bytes")]
    TooLong,
    /// Another section has it.
    #[error("taken")]
    Duplicate,
}

impl Error {
    /// Whether the bytes on disk are damaged, as opposed to out of reach or not for this reader.
    #[must_use]
    pub const fn is_corruption(&self) -> bool {
        matches!(
            self,
            Self::Corrupt { .. }
                | Self::NoFooter { .. }
                | Self::CurrentEmpty { .. }
                | Self::CurrentZeros { .. }
                | Self::ParityUnavailable { .. }
        )
    }

    /// Names the file that pure code did not know.
    pub(crate) fn damaged(file: impl Into<PathBuf>, damage: Damage) -> Self {
        let file = file.into();
        match damage.what {
            Defect::LayoutVersion { found } => Self::UnsupportedVersion { file, found },
            Defect::ParityUnused => Self::ParityUnavailable { file, offset: damage.offset },
            what => Self::Corrupt { file, offset: damage.offset, what },
        }
    }
}
