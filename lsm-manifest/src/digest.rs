//! The digest that binds CURRENT to an archive. It is computed over the archive's table of contents.

use byteorder::{ByteOrder, LittleEndian};
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    footer::{FooterPayload, encode_entry, encoded_len},
    format::{CHECKSUM_TYPE_XXH3, DIGEST_FIXED_LEN},
};

/// The algorithm of a digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChecksumType {
    /// XXH3-128 with seed 0.
    #[default]
    Xxh3,
}

impl ChecksumType {
    /// Returns the number that represents this type on disk.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Xxh3 => CHECKSUM_TYPE_XXH3,
        }
    }

    /// Returns the type with this number.
    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            CHECKSUM_TYPE_XXH3 => Some(Self::Xxh3),
            _ => None,
        }
    }
}

/// Computes the digest that binds CURRENT to version `version_id` and to the archive with this footer.
///
/// The digest covers the version, the layout, and the name, offset, size and checksum of every section, ordered by
/// name. A repair does not change it, because it restores the payload that the checksum describes.
#[must_use]
pub fn current_digest(version_id: u64, footer: &FooterPayload) -> u128 {
    xxh3_128(&canonical_input(version_id, footer))
}

/// Returns the bytes that [`current_digest`] hashes.
#[must_use]
pub fn canonical_input(version_id: u64, footer: &FooterPayload) -> Vec<u8> {
    let sections = footer.sorted_by_name();
    let names = sections.iter().map(|entry| entry.name.as_str());
    let mut out = Vec::with_capacity(DIGEST_FIXED_LEN + encoded_len(names));
    let mut version = [0; 8];
    LittleEndian::write_u64(&mut version, version_id);
    out.extend_from_slice(&version);
    out.extend_from_slice(&[footer.layout_version(), footer.flags()]);
    // The digest uses four bytes for the number of sections. The footer uses two.
    let mut count = [0; 4];
    LittleEndian::write_u32(&mut count, u32::from(footer.count()));
    out.extend_from_slice(&count);
    for entry in sections {
        encode_entry(&mut out, entry);
    }
    out
}

#[cfg(test)]
mod tests;
