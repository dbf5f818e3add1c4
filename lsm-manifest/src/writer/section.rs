//! [`SectionWriter`].

use std::{fmt, io};

use super::ManifestArchiveWriter;
use crate::{
    Error, Result, TocEntry,
    block::BlockType,
    format::{BLOCK_HEADER_LEN, SECTION_BLOCK_MAX},
};

/// A section that is being written.
#[must_use = "a section that is not finished is not written"]
pub struct SectionWriter<'w, 'fs> {
    writer: &'w mut ManifestArchiveWriter<'fs>,
    name: String,
    /// Room for the header, then the payload.
    bytes: Vec<u8>,
    overflowed: bool,
}

impl<'w, 'fs> SectionWriter<'w, 'fs> {
    pub(super) fn new(writer: &'w mut ManifestArchiveWriter<'fs>, name: String) -> Self {
        Self { writer, name, bytes: vec![0; BLOCK_HEADER_LEN], overflowed: false }
    }

    /// Ends the section.
    ///
    /// # Errors
    ///
    /// [`SectionTooLong`](Error::SectionTooLong), and [`Encryption`](Error::Encryption): nothing is written, the writer
    /// stays good. [`Fs`](Error::Fs): the writer has failed and its file is removed.
    pub fn finish(self) -> Result<()> {
        let Self { writer, name, bytes, overflowed } = self;
        let block = if overflowed { None } else { writer.encode(BlockType::Manifest, bytes)? };
        let size = block.as_ref().and_then(|block| u32::try_from(block.bytes.len()).ok());
        let (Some(block), Some(size)) = (block, size.filter(|&size| size <= SECTION_BLOCK_MAX)) else {
            return Err(Error::SectionTooLong { file: writer.path.clone(), name });
        };
        let entry = TocEntry { name, offset: writer.end(), size, checksum: block.header.checksum };
        let gathered = writer.gather(&block.bytes);
        writer.or_fail(gathered)?;
        writer.sections.push(entry);
        Ok(())
    }

    /// `false`: there is no room for all of it, and nothing was taken.
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        self.overflowed |= self.bytes.len() + bytes.len() > SECTION_BLOCK_MAX as usize;
        if !self.overflowed {
            self.bytes.extend_from_slice(bytes);
        }
        !self.overflowed
    }
}

/// Fails with `FileTooLarge` when the payload is longer than a section can be; the section cannot be finished then.
impl io::Write for SectionWriter<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.push(bytes) { Ok(bytes.len()) } else { Err(io::ErrorKind::FileTooLarge.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Shows no payload.
impl fmt::Debug for SectionWriter<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SectionWriter").field("name", &self.name).finish_non_exhaustive()
    }
}
