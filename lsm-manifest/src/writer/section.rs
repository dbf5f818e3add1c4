//! [`SectionWriter`].

use std::{fmt, io};

use super::ManifestArchiveWriter;
use crate::Result;

/// A section that is being written.
#[must_use = "a section that is not finished is not written"]
pub struct SectionWriter<'w, 'fs> {
    /// Its payload gathers behind what is finished.
    writer: &'w mut ManifestArchiveWriter<'fs>,
    name: String,
    /// The block has had room for everything so far.
    fits: bool,
}

impl<'w, 'fs> SectionWriter<'w, 'fs> {
    pub(super) fn new(writer: &'w mut ManifestArchiveWriter<'fs>, name: String) -> Self {
        Self { writer, name, fits: true }
    }

    /// Ends the section.
    ///
    /// # Errors
    ///
    /// [`SectionTooLong`](crate::Error::SectionTooLong), and [`Encryption`](crate::Error::Encryption): nothing is
    /// written, the writer stays good. [`Fs`](crate::Error::Fs): the writer has failed and its file is removed.
    pub fn finish(self) -> Result<()> {
        let Self { writer, name, fits } = self;
        writer.encoder.finish_section(&name, fits)?;
        let written = writer.write_gathered();
        writer.or_fail(written)
    }

    /// `false`: there is no room for all of it, and nothing was taken.
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        self.fits = self.fits && self.writer.encoder.push(bytes);
        self.fits
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
