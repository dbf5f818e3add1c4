//! [`BlockType`]: the kind of data in a block.

use crate::format::{BLOCK_TYPE_FOOTER, BLOCK_TYPE_MANIFEST};

/// The kind of data in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BlockType {
    /// A section.
    Manifest,
    /// The table of contents.
    ManifestFooter,
}

impl BlockType {
    /// Returns the number that represents this type on disk.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Manifest => BLOCK_TYPE_MANIFEST,
            Self::ManifestFooter => BLOCK_TYPE_FOOTER,
        }
    }
}
