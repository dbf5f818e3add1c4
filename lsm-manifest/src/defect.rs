//! [`Defect`]: what is wrong with bytes, without saying whose they are.

use crate::block_type::BlockType;

/// What is wrong with bytes that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// Fewer bytes than the smallest archive has.
    #[error("the file is shorter than any archive")]
    FileTooShort,
    /// No block starts here.
    #[error("no block starts here")]
    Magic,
    /// The header's own checksum does not match.
    #[error("the block header does not match its checksum")]
    HeaderChecksum,
    /// A sound block of another type than its place calls for.
    #[error("the block is of type {found}, not {}", expected.code())]
    BlockType {
        /// The type that belongs here.
        expected: BlockType,
        /// The type's number on disk.
        found: u8,
    },
    /// A sound block with flags that no manifest block carries.
    #[error("the block carries flags {found:#04x} that no manifest block has")]
    BlockFlags {
        /// The flags on disk.
        found: u8,
    },
    /// The block's lengths do not add up to the room it has.
    #[error("the block's lengths do not fill its place")]
    BlockLength,
    /// The payload does not match the block's checksum.
    #[error("the payload does not match its checksum")]
    PayloadChecksum,
    /// As [`PayloadChecksum`](Self::PayloadChecksum), and the parity could not restore it.
    #[error("the payload does not match its checksum, and its parity cannot restore it")]
    BeyondParity,
    /// As [`PayloadChecksum`](Self::PayloadChecksum), with parity that this build cannot use.
    #[error("the payload does not match its checksum; it has parity, which this build cannot use")]
    ParityUnused,
    /// A sound block, but not the one that the table of contents names.
    #[error("the block is not the one that the table of contents names")]
    NotTheListedBlock,
    /// The unsealed payload is not as long as the header says.
    #[error("the unsealed payload is not as long as its header says")]
    PlainLength,
    /// The size in the last four bytes is no footer's.
    #[error("the last four bytes name no possible footer")]
    SizeHint,
    /// The footer is written in a layout that this crate does not know.
    #[error("the footer has layout version {found}")]
    LayoutVersion {
        /// The version on disk.
        found: u8,
    },
    /// The footer carries flags that layout version 1 does not have.
    #[error("the footer carries unknown flags {found:#04x}")]
    FooterFlags {
        /// The flags on disk.
        found: u8,
    },
    /// The footer ends before its last entry does, or goes on behind it.
    #[error("the footer is not as long as its entries")]
    FooterLength,
    /// A section's name is empty, too long, or not UTF-8.
    #[error("a section has an impossible name")]
    SectionName,
    /// Two sections have one name.
    #[error("two sections have one name")]
    DuplicateSection,
    /// A section's size is no possible block's.
    #[error("a section has an impossible size")]
    SectionSize,
    /// The sections do not lie one behind the other between the head and the footer.
    #[error("the sections do not fill the room between head and footer")]
    SectionPlace,
    /// A section would lie behind the end of the file: the file was cut.
    #[error("the file ends before its sections do")]
    SectionBeyondFile,
    /// The head holds zeros: there is no mirror.
    #[error("there is no mirror")]
    NoMirror,
    /// The copy in the head is followed by something else than zeros.
    #[error("the mirror is followed by stray bytes")]
    MirrorPadding,
    /// The head holds bytes though the footer says that there is no mirror.
    #[error("the head holds stray bytes where there is no mirror")]
    StrayHead,
    /// The footer in the head says that there is no mirror.
    #[error("the footer in the head does not call itself a mirror")]
    MirrorFlag,
    /// A CURRENT that is not 25 bytes long.
    #[error("the file is {len} bytes long, not 25")]
    CurrentLength {
        /// Its length.
        len: u64,
    },
    /// A CURRENT whose digest is of an unknown kind.
    #[error("the digest is of unknown type {found}")]
    ChecksumType {
        /// The type on disk.
        found: u8,
    },
}

/// A [`Defect`] and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("offset {offset}: {what}")]
pub struct Damage {
    /// Counted from the start of what was decoded, or of the file.
    pub offset: u64,
    /// What is wrong there.
    pub what: Defect,
}

impl Damage {
    /// A defect at an offset.
    pub(crate) const fn new(offset: u64, what: Defect) -> Self {
        Self { offset, what }
    }

    /// The same, seen from further out.
    pub(crate) const fn shifted(self, by: u64) -> Self {
        Self { offset: self.offset.saturating_add(by), what: self.what }
    }
}
