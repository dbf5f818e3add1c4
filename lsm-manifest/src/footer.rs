//! The table of contents of an archive, which is the payload of its footer block.

use byteorder::{ByteOrder, LittleEndian};

use crate::{
    defect::{Damage, Defect},
    format::{
        BLOCK_HEADER_LEN, ENTRY_CHECKSUM_AT, ENTRY_NAME_LEN_LEN, ENTRY_OFFSET_AT, ENTRY_SIZE_AT,
        ENTRY_TAIL_LEN, FOOTER_BLOCK_MAX, FOOTER_COUNT_AT, FOOTER_FIXED_LEN, FOOTER_FLAG_MIRROR,
        FOOTER_FLAGS_AT, FOOTER_VERSION_AT, HEAD_LEN, LAYOUT_VERSION, SECTION_BLOCK_MAX, SECTION_NAME_MAX,
        SIZE_HINT_LEN,
    },
};

/// An entry of the table of contents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TocEntry {
    /// The name of the section, unique in the archive and 1 to 64 bytes long.
    pub name: String,
    /// The offset of the section's block in the file.
    pub offset: u64,
    /// The length of the block: header, payload and parity.
    pub size: u32,
    /// XXH3-128 of the payload as stored. The block's header has the same value.
    pub checksum: u128,
}

impl TocEntry {
    /// Returns the offset at which the block ends.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.size))
    }
}

/// The copy of the footer that an archive was opened from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FooterSource {
    /// The footer behind the sections.
    Tail,
    /// The mirror in the head, because the footer behind the sections could not be read.
    Mirror,
}

/// The table of contents of an archive.
///
/// A value is always valid: names are unique and of an allowed length, and the sections are contiguous, starting at the
/// end of the head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FooterPayload {
    mirror: bool,
    sections: Vec<TocEntry>,
}

impl FooterPayload {
    /// Creates a table of contents of these sections, in the order in which they are stored in the file.
    ///
    /// # Errors
    ///
    /// Returns the first problem that makes the table invalid.
    pub fn new(mirror: bool, sections: Vec<TocEntry>) -> Result<Self, Defect> {
        if u16::try_from(sections.len()).is_err() {
            return Err(Defect::FooterLength);
        }
        let mut end = HEAD_LEN as u64;
        for entry in &sections {
            if !is_section_name(&entry.name) {
                return Err(Defect::SectionName);
            }
            if (entry.size as usize) < BLOCK_HEADER_LEN || entry.size > SECTION_BLOCK_MAX {
                return Err(Defect::SectionSize);
            }
            if entry.offset != end {
                return Err(Defect::SectionPlace);
            }
            end = entry.end();
        }
        let footer = Self { mirror, sections };
        if footer.sorted_by_name().windows(2).any(|pair| matches!(pair, [a, b] if a.name == b.name)) {
            return Err(Defect::DuplicateSection);
        }
        Ok(footer)
    }

    /// Returns the layout version, 1.
    pub(crate) const fn layout_version(&self) -> u8 {
        LAYOUT_VERSION
    }

    /// Returns the flags byte.
    pub(crate) const fn flags(&self) -> u8 {
        if self.mirror { FOOTER_FLAG_MIRROR } else { 0 }
    }

    /// Returns `true` if the head of the file holds a copy of the footer.
    #[must_use]
    pub const fn has_mirror(&self) -> bool {
        self.mirror
    }

    /// Returns the sections, in the order in which they are stored in the file.
    #[must_use]
    pub fn sections(&self) -> &[TocEntry] {
        &self.sections
    }

    /// Returns the section with this name.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&TocEntry> {
        self.sections.iter().find(|entry| entry.name == name)
    }

    /// Returns the number of sections.
    pub(crate) fn count(&self) -> u16 {
        in_two_bytes(self.sections.len())
    }

    /// Returns the offset at which the last section ends and the footer block starts.
    #[must_use]
    pub fn sections_end(&self) -> u64 {
        self.sections.last().map_or(HEAD_LEN as u64, TocEntry::end)
    }

    /// Returns the sections, sorted by the bytes of their names.
    pub(crate) fn sorted_by_name(&self) -> Vec<&TocEntry> {
        let mut sorted: Vec<_> = self.sections.iter().collect();
        sorted.sort_unstable_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
        sorted
    }

    /// Encodes the payload of the footer block.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(encoded_len(self.sections.iter().map(|entry| entry.name.as_str())));
        let mut fixed = [0; FOOTER_FIXED_LEN];
        fixed[FOOTER_VERSION_AT] = self.layout_version();
        fixed[FOOTER_FLAGS_AT] = self.flags();
        LittleEndian::write_u16(&mut fixed[FOOTER_COUNT_AT..], self.count());
        out.extend_from_slice(&fixed);
        for entry in &self.sections {
            encode_entry(&mut out, entry);
        }
        out
    }

    /// Decodes the payload of a footer block.
    ///
    /// # Errors
    ///
    /// Returns the first problem found, with its offset from the start of the payload.
    pub fn decode(payload: &[u8]) -> Result<Self, Damage> {
        let (fixed, mut rest) =
            payload.split_first_chunk::<FOOTER_FIXED_LEN>().ok_or(Damage::new(0, Defect::FooterLength))?;
        let found = fixed[FOOTER_VERSION_AT];
        if found != LAYOUT_VERSION {
            return Err(Damage::new(FOOTER_VERSION_AT as u64, Defect::LayoutVersion { found }));
        }
        let flags = fixed[FOOTER_FLAGS_AT];
        if flags & !FOOTER_FLAG_MIRROR != 0 {
            return Err(Damage::new(FOOTER_FLAGS_AT as u64, Defect::FooterFlags { found: flags }));
        }
        let count = LittleEndian::read_u16(&fixed[FOOTER_COUNT_AT..]);
        let mut sections = Vec::new();
        for _ in 0..count {
            let at = (payload.len() - rest.len()) as u64;
            let (entry, behind) = decode_entry(rest).map_err(|what| Damage::new(at, what))?;
            sections.push(entry);
            rest = behind;
        }
        if !rest.is_empty() {
            return Err(Damage::new((payload.len() - rest.len()) as u64, Defect::FooterLength));
        }
        Self::new(flags & FOOTER_FLAG_MIRROR != 0, sections)
            .map_err(|what| Damage::new(FOOTER_FIXED_LEN as u64, what))
    }
}

/// Converts the number of sections or the length of a name to the width on disk. [`FooterPayload::new`] has refused
/// larger numbers.
fn in_two_bytes(number: usize) -> u16 {
    let small = u16::try_from(number);
    debug_assert!(small.is_ok(), "{number} is in a table of contents");
    small.unwrap_or(u16::MAX)
}

/// Returns the size hint for this footer block, the last bytes of an archive.
pub(crate) fn size_hint(block: &[u8]) -> [u8; SIZE_HINT_LEN] {
    debug_assert!(block.len() <= FOOTER_BLOCK_MAX as usize, "{} bytes are no footer block", block.len());
    let mut hint = [0; SIZE_HINT_LEN];
    LittleEndian::write_u32(&mut hint, u32::try_from(block.len()).unwrap_or(u32::MAX));
    hint
}

/// Checks that the length of a section name is allowed.
pub(crate) fn is_section_name(name: &str) -> bool {
    (1..=SECTION_NAME_MAX).contains(&name.len())
}

/// Returns the length of a footer payload that lists sections with these names.
pub(crate) fn encoded_len<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.fold(FOOTER_FIXED_LEN, |len, name| len + ENTRY_NAME_LEN_LEN + name.len() + ENTRY_TAIL_LEN)
}

/// Encodes one entry. The footer and the input of the digest use the same encoding.
pub(crate) fn encode_entry(out: &mut Vec<u8>, entry: &TocEntry) {
    let mut name_len = [0; ENTRY_NAME_LEN_LEN];
    LittleEndian::write_u16(&mut name_len, in_two_bytes(entry.name.len()));
    out.extend_from_slice(&name_len);
    out.extend_from_slice(entry.name.as_bytes());
    let mut tail = [0; ENTRY_TAIL_LEN];
    LittleEndian::write_u64(&mut tail[ENTRY_OFFSET_AT..], entry.offset);
    LittleEndian::write_u32(&mut tail[ENTRY_SIZE_AT..], entry.size);
    LittleEndian::write_u128(&mut tail[ENTRY_CHECKSUM_AT..], entry.checksum);
    out.extend_from_slice(&tail);
}

fn decode_entry(bytes: &[u8]) -> Result<(TocEntry, &[u8]), Defect> {
    let (name_len, rest) = bytes.split_first_chunk::<ENTRY_NAME_LEN_LEN>().ok_or(Defect::FooterLength)?;
    let name_len = usize::from(LittleEndian::read_u16(name_len));
    let (name, rest) = rest.split_at_checked(name_len).ok_or(Defect::FooterLength)?;
    let name = str::from_utf8(name).ok().filter(|name| is_section_name(name)).ok_or(Defect::SectionName)?;
    let (tail, rest) = rest.split_first_chunk::<ENTRY_TAIL_LEN>().ok_or(Defect::FooterLength)?;
    let entry = TocEntry {
        name: name.to_owned(),
        offset: LittleEndian::read_u64(&tail[ENTRY_OFFSET_AT..]),
        size: LittleEndian::read_u32(&tail[ENTRY_SIZE_AT..]),
        checksum: LittleEndian::read_u128(&tail[ENTRY_CHECKSUM_AT..]),
    };
    Ok((entry, rest))
}

#[cfg(test)]
mod tests;
