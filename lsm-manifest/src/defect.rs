//! [`Defect`]: a problem found in bytes, independent of the file that they came from.

use crate::block_type::BlockType;

/// A problem found in bytes that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// The file is shorter than the smallest archive.
    #[error("the file is shorter than any archive")]
    FileTooShort,
    /// The magic number of a block is missing.
    #[error("no block starts here")]
    Magic,
    /// The header does not match its own checksum.
    #[error("the block header does not match its checksum")]
    HeaderChecksum,
    /// The header is valid, but its type does not belong in this place.
    #[error("the block is of type {found}, not {}", expected.code())]
    BlockType {
        /// The type that belongs in this place.
        expected: BlockType,
        /// The number of the type on disk.
        found: u8,
    },
    /// The header is valid, but it has flags that no manifest block uses.
    #[error("the block has flags {found:#04x}, which no manifest block uses")]
    BlockFlags {
        /// The flags on disk.
        found: u8,
    },
    /// The lengths in the header do not match the space that the block occupies.
    #[error("the block's lengths do not match its place")]
    BlockLength,
    /// The payload does not match the block's checksum.
    #[error("the payload does not match its checksum")]
    PayloadChecksum,
    /// The payload does not match the block's checksum, and parity could not restore it.
    #[error("the payload does not match its checksum, and its parity cannot restore it")]
    BeyondParity,
    /// The payload does not match the block's checksum. The block has parity, but this build cannot use it.
    #[error("the payload does not match its checksum, and this build cannot use its parity")]
    ParityUnused,
    /// The block is valid, but it is not the one that the table of contents lists.
    #[error("the block is not the one that the table of contents lists")]
    NotTheListedBlock,
    /// The length of the unsealed payload differs from the length in the header.
    #[error("the unsealed payload is not as long as its header says")]
    PlainLength,
    /// The size hint in the last four bytes cannot be the size of a footer.
    #[error("the size hint in the last four bytes is invalid")]
    SizeHint,
    /// The footer has a layout version that this crate does not support.
    #[error("the footer has the unsupported layout version {found}")]
    LayoutVersion {
        /// The layout version on disk.
        found: u8,
    },
    /// The footer has flags that layout version 1 does not define.
    #[error("the footer has unknown flags {found:#04x}")]
    FooterFlags {
        /// The flags on disk.
        found: u8,
    },
    /// The footer ends before its last entry, or bytes follow the last entry.
    #[error("the length of the footer does not match its entries")]
    FooterLength,
    /// The name of a section is empty, too long, or not UTF-8.
    #[error("a section has an invalid name")]
    SectionName,
    /// Two sections have the same name.
    #[error("two sections have the same name")]
    DuplicateSection,
    /// The size of a section is too small or too large for a block.
    #[error("a section has an invalid size")]
    SectionSize,
    /// There is a gap or an overlap between the sections, the head and the footer.
    #[error("the sections leave a gap or overlap between head and footer")]
    SectionPlace,
    /// A section would extend past the end of the file, so the file was truncated.
    #[error("the file ends before its sections do")]
    SectionBeyondFile,
    /// The head holds only zeros, so there is no mirror.
    #[error("there is no mirror")]
    NoMirror,
    /// The bytes behind the mirror are not all zero.
    #[error("the bytes behind the mirror are not zero")]
    MirrorPadding,
    /// The head is not all zero, although the footer says that there is no mirror.
    #[error("the head is not zero although there is no mirror")]
    StrayHead,
    /// The footer in the head says that there is no mirror.
    #[error("the footer in the head is not marked as a mirror")]
    MirrorFlag,
    /// CURRENT is not 25 bytes long.
    #[error("the file is {len} bytes long, not 25")]
    CurrentLength {
        /// The length of the file.
        len: u64,
    },
    /// The digest in CURRENT has an unknown type.
    #[error("the digest has unknown type {found}")]
    ChecksumType {
        /// The type on disk.
        found: u8,
    },
}

/// A [`Defect`] with its location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("offset {offset}: {what}")]
pub struct Damage {
    /// Offset from the start of the decoded bytes, or of the file.
    pub offset: u64,
    /// The problem at that offset.
    pub what: Defect,
}

impl Damage {
    /// Creates a defect with its offset.
    pub(crate) const fn new(offset: u64, what: Defect) -> Self {
        Self { offset, what }
    }

    /// Adds `by` to the offset, to make it relative to an enclosing structure.
    pub(crate) const fn shifted(self, by: u64) -> Self {
        Self { offset: self.offset.saturating_add(by), what: self.what }
    }
}
