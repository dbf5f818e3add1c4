//! [`SectionWriter`]: receives the payload of one section, piece by piece.

use std::{fmt, io};

use super::ManifestArchiveWriter;
use crate::Result;

/// A section that is being written.
#[must_use = "a section that is not finished is not written"]
pub struct SectionWriter<'w, 'fs> {
    /// The payload is gathered behind the completed bytes of this writer.
    writer: &'w mut ManifestArchiveWriter<'fs>,
    name: String,
    /// `false` once a `push` has failed because the payload was too long.
    fits: bool,
}

impl<'w, 'fs> SectionWriter<'w, 'fs> {
    pub(super) fn new(writer: &'w mut ManifestArchiveWriter<'fs>, name: String) -> Self {
        Self { writer, name, fits: true }
    }

    /// Ends the section and writes it.
    ///
    /// # Errors
    ///
    /// - [`SectionTooLong`](crate::Error::SectionTooLong), [`Encryption`](crate::Error::Encryption): nothing was
    ///   written, and the writer remains usable.
    /// - [`Fs`](crate::Error::Fs): the writer has failed and its file is removed.
    pub fn finish(self) -> Result<()> {
        let Self { writer, name, fits } = self;
        writer.encoder.finish_section(&name, fits)?;
        let written = writer.write_gathered();
        writer.or_fail(written)
    }

    /// Appends to the payload. Returns `false` and appends nothing if the payload would become too long.
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        self.fits = self.fits && self.writer.encoder.push(bytes);
        self.fits
    }
}

/// A write fails with `FileTooLarge` if the payload would exceed the maximum length of a section.
/// [`SectionWriter::finish`] then fails, too.
impl io::Write for SectionWriter<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.push(bytes) { Ok(bytes.len()) } else { Err(io::ErrorKind::FileTooLarge.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Omits the payload.
impl fmt::Debug for SectionWriter<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SectionWriter").field("name", &self.name).finish_non_exhaustive()
    }
}
