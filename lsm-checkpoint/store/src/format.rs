//! The bytes of the objects, as specified in `FORMAT.md`. Nothing here does I/O.

mod archive;
mod catalog;
mod constants;
mod cursor;
mod head;
mod paths;
mod refs;

pub(crate) use catalog::CatalogLength;
pub use catalog::{BackupCatalog, StoredFile, StoredFolder};
pub use constants::Constants;
pub use head::{Backup, CatalogPlace, Forgotten, Head, RegisteredWriter};
pub(crate) use paths::path_text;
pub use refs::{ObjectRef, RefsPlace};

/// The SHA-256 of some bytes.
pub type Sha256 = [u8; 32];

/// The version of the format that this crate writes.
pub const REPOSITORY_FORMAT: u32 = 1;

/// The length of a piece. Each piece of a file has a SHA-256 of its own, so that a part of a file can be verified.
pub const PIECE: u64 = 1 << 20;

/// Returns the number of pieces of a file.
#[must_use]
pub const fn pieces(len: u64) -> u64 {
    len.div_ceil(PIECE)
}

/// The maximal lengths of objects that are read whole.
pub(crate) const CONSTANTS_MAX: u64 = 64 << 10;
pub(crate) const HEAD_MAX: u64 = 64 << 20;
pub(crate) const CATALOG_MAX: u64 = 256 << 20;

pub(crate) fn sha256(bytes: &[u8]) -> Sha256 {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}
