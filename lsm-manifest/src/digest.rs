//! What CURRENT holds of an archive: a digest over its table of contents.

use byteorder::{ByteOrder, LittleEndian};
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    footer::{FooterPayload, encode_entry, encoded_len},
    format::{CHECKSUM_TYPE_XXH3, DIGEST_FIXED_LEN},
};

/// How a digest was computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChecksumType {
    /// XXH3-128 with seed 0.
    #[default]
    Xxh3,
}

impl ChecksumType {
    /// Its number on disk.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Xxh3 => CHECKSUM_TYPE_XXH3,
        }
    }

    /// The type that has the number.
    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            CHECKSUM_TYPE_XXH3 => Some(Self::Xxh3),
            _ => None,
        }
    }
}

/// The digest that binds CURRENT to version `version_id` and to the archive with this footer.
///
/// It covers the version, the layout and every section's name, place, size and checksum, in the order of the names. It
/// does not need the sections themselves, so a section that is healed in place leaves it as it was.
#[must_use]
pub fn current_digest(version_id: u64, footer: &FooterPayload) -> u128 {
    xxh3_128(&canonical_input(version_id, footer))
}

/// The bytes that [`current_digest`] hashes.
#[must_use]
pub fn canonical_input(version_id: u64, footer: &FooterPayload) -> Vec<u8> {
    let sections = footer.sorted_by_name();
    let names = sections.iter().map(|entry| entry.name.as_str());
    let mut out = Vec::with_capacity(DIGEST_FIXED_LEN + encoded_len(names));
    let mut version = [0; 8];
    LittleEndian::write_u64(&mut version, version_id);
    out.extend_from_slice(&version);
    out.extend_from_slice(&[footer.layout_version(), footer.flags()]);
    // Four bytes here where the footer has two.
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
