//! [`SectionWriter`].

use std::{fmt, io};

use super::ManifestArchiveWriter;
use crate::{Error, Result, TocEntry, block::BlockType, format::SECTION_BLOCK_MAX};

/// A section that is being written.
#[must_use = "a section that is not finished is not written"]
pub struct SectionWriter<'w, 'fs> {
    /// Its payload gathers behind what is finished.
    writer: &'w mut ManifestArchiveWriter<'fs>,
    name: String,
    overflowed: bool,
}

impl<'w, 'fs> SectionWriter<'w, 'fs> {
    pub(super) fn new(writer: &'w mut ManifestArchiveWriter<'fs>, name: String) -> Self {
        writer.pending.begin();
        Self { writer, name, overflowed: false }
    }

    /// Ends the section.
    ///
    /// # Errors
    ///
    /// [`SectionTooLong`](Error::SectionTooLong), and [`Encryption`](Error::Encryption): nothing is written, the writer
    /// stays good. [`Fs`](Error::Fs): the writer has failed and its file is removed.
    pub fn finish(self) -> Result<()> {
        let Self { writer, name, overflowed } = self;
        let header = if overflowed { None } else { writer.make_block(BlockType::Manifest)? };
        let size = u32::try_from(writer.pending.block().len());
        let size = size.ok().filter(|&size| size <= SECTION_BLOCK_MAX);
        let (Some(header), Some(size)) = (header, size) else {
            return Err(Error::SectionTooLong { file: writer.path.clone(), name });
        };
        let entry = TocEntry { name, offset: writer.end(), size, checksum: header.checksum };
        let taken = writer.take_block();
        writer.or_fail(taken)?;
        writer.sections.push(entry);
        Ok(())
    }

    /// `false`: there is no room for all of it, and nothing was taken.
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        self.overflowed |= self.writer.pending.block().len() + bytes.len() > SECTION_BLOCK_MAX as usize;
        if !self.overflowed {
            self.writer.pending.push(bytes);
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
