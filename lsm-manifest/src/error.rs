//! [`Error`]: one variant for each decision that a caller can make.

use std::path::PathBuf;

use crate::{
    defect::{Damage, Defect},
    encryption::CryptError,
    found_names::FoundNames,
};

/// The result of every operation on archives and CURRENT.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why an operation failed. Each variant documents the caller's next step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes on disk are damaged, and the file cannot be repaired from its own contents.
    ///
    /// Restore the file from a copy. If you need the undamaged parts of the archive, [`inspect`](crate::inspect) lists
    /// them. In a [`BlockState`](crate::BlockState), this error concerns one copy of the footer or one section, and
    /// [`repair`](crate::repair()) may restore the footer from its other copy.
    #[error("{}: offset {offset}: {what}", file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// Offset of the damage.
        offset: u64,
        /// The problem at that offset.
        what: Defect,
    },
    /// Neither the footer nor its mirror can be read, so the sections are unknown.
    ///
    /// Restore the file from a copy.
    #[error("{}: cannot read a footer: at the tail, {tail}; in the head, {mirror}", file.display())]
    NoFooter {
        /// The file.
        file: PathBuf,
        /// The problem with the footer behind the sections.
        tail: Damage,
        /// The problem with the copy in the head.
        mirror: Damage,
    },
    /// The archive has a layout version that this version of the crate does not support.
    ///
    /// Open it with a newer version of the crate. Do not repair it.
    #[error("{}: unsupported layout version {found}", file.display())]
    UnsupportedVersion {
        /// The file.
        file: PathBuf,
        /// The layout version of the file.
        found: u8,
    },
    /// The archive is undamaged, but CURRENT was published for another archive.
    ///
    /// One of the two files was replaced. Restore both from the same copy.
    #[error("{}: CURRENT is for another archive: digest {found:#034x}, expected {expected:#034x}", file.display())]
    DigestMismatch {
        /// The archive.
        file: PathBuf,
        /// The digest in CURRENT.
        expected: u128,
        /// The digest of the archive.
        found: u128,
    },
    /// The directory has files of an engine, but no CURRENT. It was lost, or a first start was interrupted that left no
    /// usable mark: the engine writes none, or the volume cannot sync directories.
    ///
    /// Never start an empty engine here. Restore CURRENT from a copy, or examine each `v{N}` with
    /// [`inspect`](crate::inspect). If the engine that wrote the directory does not use CURRENT, call
    /// [`open_highest`](crate::open_highest).
    #[error("{}: missing, but found {beside}; restore it, or move these away to start anew", file.display())]
    MissingCurrent {
        /// The missing CURRENT.
        file: PathBuf,
        /// All names that distinguish the directory from a new one.
        beside: FoundNames,
    },
    /// There is no CURRENT, and the directory holds undeclared files or non-empty folders, so it may belong to another
    /// application.
    ///
    /// Choose another directory. If the files belong to the engine, declare their names in
    /// [`DirectoryOptions`](crate::DirectoryOptions).
    #[error("{}: not a new directory: it holds {names}; choose another one, or move these away", dir.display())]
    ForeignDirectory {
        /// The directory.
        dir: PathBuf,
        /// All names that distinguish the directory from a new one.
        names: FoundNames,
    },
    /// The directory is open in another process, or through another [`ManifestDirectory`](crate::ManifestDirectory) of
    /// this one.
    ///
    /// Close it there. If the caller itself holds the owner lock, set
    /// [`locked_by_caller`](crate::DirectoryOptions::locked_by_caller).
    #[error("{}: in use by another process, which holds its owner lock", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// CURRENT names a newer version, or another archive of the same version. Nothing was published.
    ///
    /// Write the archive again under the version that [`next_version_id`](crate::next_version_id) returns.
    #[error("{}: not published, because CURRENT names version {live}", file.display())]
    NotNewer {
        /// The archive that was not published.
        file: PathBuf,
        /// The version that CURRENT names.
        live: u64,
    },
    /// The highest possible version is taken, so no version can follow.
    ///
    /// Normal use never reaches this number. If CURRENT does not name the file, move it away.
    #[error("{}: no higher version is possible; if CURRENT does not name it, move it away", file.display())]
    NoNextVersion {
        /// The path of `v{N}` for the highest version N. The number may also be taken by CURRENT or by `edits-{N}`.
        file: PathBuf,
    },
    /// CURRENT is empty. Its contents were probably not synced before it was renamed into place.
    ///
    /// Proceed as for [`MissingCurrent`](Self::MissingCurrent). The writer that produced this file probably has a bug.
    #[error("{}: the file is empty; restore it from a copy", file.display())]
    CurrentEmpty {
        /// CURRENT.
        file: PathBuf,
    },
    /// CURRENT holds only zeros. Its contents were probably not synced before it was renamed into place.
    ///
    /// Proceed as for [`MissingCurrent`](Self::MissingCurrent). The writer that produced this file probably has a bug.
    #[error("{}: the file holds only zeros; restore it from a copy", file.display())]
    CurrentZeros {
        /// CURRENT.
        file: PathBuf,
    },
    /// The archive of the version that CURRENT names does not exist.
    ///
    /// Restore the archive from a copy. Do not fall back to another version.
    #[error("{}: missing, although CURRENT names it", file.display())]
    MissingArchive {
        /// The missing archive.
        file: PathBuf,
    },
    /// The version stored in the archive differs from the version in its name, or is not stored in 8 bytes.
    ///
    /// The archive was renamed or replaced. Restore it from a copy.
    #[error("{}: the archive contains version {found}, so it was renamed", file.display())]
    WrongVersion {
        /// The archive.
        file: PathBuf,
        /// The version in the archive's `version_id` section, or `u64::MAX` if the section is shorter than 8 bytes.
        found: u64,
    },
    /// The archive has no section with this name.
    ///
    /// To look up an optional section, use [`ManifestArchiveReader::section`](crate::ManifestArchiveReader::section).
    #[error("{}: it has no section named {name}", file.display())]
    SectionNotFound {
        /// The archive.
        file: PathBuf,
        /// The requested name.
        name: String,
    },
    /// The name is not allowed for a section. Nothing was written, and the writer remains usable.
    ///
    /// Choose another name.
    #[error("section name \"{name}\" is {problem}")]
    InvalidName {
        /// The name.
        name: String,
        /// The reason why it is not allowed.
        problem: NameProblem,
    },
    /// The footer has no room for another section. Nothing was written, and the writer remains usable.
    ///
    /// Put the data into fewer sections.
    #[error("{}: the footer has no room for section {name}", file.display())]
    TooManySections {
        /// The archive.
        file: PathBuf,
        /// The section that does not fit.
        name: String,
    },
    /// The block of the section would exceed 16 MiB. The writer remains usable.
    ///
    /// Split the section.
    #[error("{}: section {name} is longer than 16 MiB; split it", file.display())]
    SectionTooLong {
        /// The archive.
        file: PathBuf,
        /// The section.
        name: String,
    },
    /// The writer failed earlier and removed its file.
    ///
    /// Create a new writer and start over.
    #[error("{}: the writer failed earlier and removed the file", file.display())]
    WriterFailed {
        /// The archive.
        file: PathBuf,
    },
    /// The archive is not named `v{N}`, or it is in another directory, so CURRENT cannot name it.
    ///
    /// Write it with [`ManifestDirectory::next_version`](crate::ManifestDirectory::next_version).
    #[error("{}: not an archive v{{N}} in the directory of CURRENT", file.display())]
    NotAVersion {
        /// The archive.
        file: PathBuf,
    },
    /// The block is sealed, but no key was given.
    ///
    /// Open the archive with its [`EncryptionProvider`](crate::EncryptionProvider).
    #[error("{}: the block at offset {offset} is encrypted, but no key was given", file.display())]
    KeyRequired {
        /// The archive.
        file: PathBuf,
        /// Where the block starts.
        offset: u64,
    },
    /// A key was given, but the block is not sealed. Anyone with write access to the file could have put the block
    /// there.
    ///
    /// If the archive is known to be unencrypted, open it without a key.
    #[error("{}: the block at offset {offset} is not encrypted, but a key was given", file.display())]
    NotEncrypted {
        /// The archive.
        file: PathBuf,
        /// Where the block starts.
        offset: u64,
    },
    /// The checksum of the block matches, but its authentication tag does not. The key is wrong, or the block and its
    /// checksum were modified deliberately. This is not corruption.
    ///
    /// Try the right key. If the key is right, do not trust anything in this directory.
    #[error("{}: the block at offset {offset} cannot be opened: wrong key, or tampered with", file.display())]
    Rejected {
        /// The archive.
        file: PathBuf,
        /// Where the block starts.
        offset: u64,
    },
    /// The encryption provider failed to seal or open a block, for a reason other than a wrong tag.
    ///
    /// The source is the provider's error. Mend its cause, and try again. Before a block is opened, its checksum is
    /// verified, so this is not corruption.
    #[error("{}: the block at offset {offset} could not be sealed or opened", file.display())]
    Encryption {
        /// The archive.
        file: PathBuf,
        /// Where the block starts.
        offset: u64,
        /// The error of the provider.
        source: CryptError,
    },
    /// The block is damaged and has parity, but this build cannot use parity.
    ///
    /// Enable the feature `parity` and try again.
    #[error(
        "{}: the block at offset {offset} is damaged; its parity can restore it, in a build with the feature parity",
        file.display()
    )]
    ParityUnavailable {
        /// The archive.
        file: PathBuf,
        /// Where the block starts.
        offset: u64,
    },
    /// The footer and its mirror are both valid but differ, so neither can be repaired from the other.
    ///
    /// Restore the file from a copy. Readers use the footer at the tail.
    #[error("{}: the footer and its mirror are both valid but differ", file.display())]
    CopiesDisagree {
        /// The archive.
        file: PathBuf,
    },
    /// CURRENT names the new version, or may name it, but a crash may bring back the old CURRENT.
    ///
    /// Keep both versions. Publish the same [`DurableArchive`](crate::DurableArchive) again, or write the next version.
    #[error("{}: published, but not known to be durable", file.display())]
    PublishedNotDurable {
        /// CURRENT.
        file: PathBuf,
        /// The failed operation: the sync of the directory, or a rename that may have taken effect.
        source: lsm_fs::Error,
    },
    /// CURRENT names this archive, so it was not removed.
    ///
    /// Publish another version first.
    #[error("{}: not removed, because CURRENT names it", file.display())]
    Live {
        /// The archive.
        file: PathBuf,
    },
    /// The filesystem failed.
    ///
    /// Mend the cause, such as a full disk or a missing right, and try again. The failed operation has removed its
    /// unfinished archive or temporary file. If it could not, that error is attached to this one.
    #[error(transparent)]
    Fs(#[from] lsm_fs::Error),
}

/// The reason why a name is not allowed for a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NameProblem {
    /// The name is empty.
    #[error("empty")]
    Empty,
    /// The name is longer than 64 bytes.
    #[error("longer than 64 bytes")]
    TooLong,
    /// The archive already has a section with this name.
    #[error("taken")]
    Duplicate,
}

impl Error {
    /// Returns `true` if bytes on disk are damaged. An error that another reader could avoid, such as a missing key, is
    /// not damage.
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

    /// Adds the name of the file to damage that was found in bytes.
    pub(crate) fn damaged(file: impl Into<PathBuf>, damage: Damage) -> Self {
        let file = file.into();
        match damage.what {
            Defect::LayoutVersion { found } => Self::UnsupportedVersion { file, found },
            Defect::ParityUnused => Self::ParityUnavailable { file, offset: damage.offset },
            what => Self::Corrupt { file, offset: damage.offset, what },
        }
    }
}
