//! [`ManifestArchiveWriter`]: writes an archive to a new file.

mod section;

use std::{fmt, path::Path};

use lsm_fs::{Fs, FsFile, FsOpenOptions, parent_of};
pub use section::SectionWriter;

use crate::{
    DurableArchive, Error, FooterPayload, Result, WriteOptions,
    encoder::{Encoder, Finished},
    format::SECTION_BLOCK_MAX,
};

/// Number of bytes that are gathered before they are written. Most archives take a single write.
const GATHER: usize = 256 * 1024;

/// Writes an archive, section by section, to a new file.
///
/// The archive is not readable until [`finish`](Self::finish) has returned. A writer that fails or is dropped before
/// then removes its file.
///
/// # Examples
///
/// ```
/// use lsm_fs::{DirectorySync, StdFs};
/// use lsm_manifest::{ManifestArchiveWriter, WriteOptions, publish_current, read_current};
/// use std::io::Write;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// let mut writer = ManifestArchiveWriter::create(&StdFs, &dir.join("v7"), WriteOptions::new())?;
/// writer.add_section("format_version", &[5])?;
/// let mut section = writer.start_section("tables")?;
/// section.write_all(b"streamed, ")?;
/// section.write_all(b"bit by bit")?;
/// section.finish()?;
///
/// assert_eq!(publish_current(&writer.finish()?)?, DirectorySync::Durable);
/// assert_eq!(read_current(&StdFs, dir)?.version_id, 7);
/// # Ok(())
/// # }
/// ```
pub struct ManifestArchiveWriter<'fs> {
    fs: &'fs dyn Fs,
    /// `None` after the writer has failed or finished.
    file: Option<Box<dyn FsFile>>,
    encoder: Encoder,
}

impl<'fs> ManifestArchiveWriter<'fs> {
    /// Creates the file.
    ///
    /// # Errors
    ///
    /// [`Fs`](Error::Fs). If its kind is `AlreadyExists`, the existing file is untouched.
    pub fn create(fs: &'fs dyn Fs, path: &Path, options: WriteOptions) -> Result<Self> {
        let file = fs.open(path, &FsOpenOptions::new().write(true).create_new(true))?;
        Ok(Self { fs, file: Some(file), encoder: Encoder::new(path, options) })
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.encoder.file()
    }

    /// Starts a section, which [`SectionWriter::finish`] writes. If the returned value is dropped before then, nothing
    /// is written.
    ///
    /// # Errors
    ///
    /// - [`InvalidName`](Error::InvalidName), [`TooManySections`](Error::TooManySections): nothing was written, and the
    ///   writer remains usable.
    /// - [`WriterFailed`](Error::WriterFailed): an earlier call failed.
    pub fn start_section(&mut self, name: &str) -> Result<SectionWriter<'_, 'fs>> {
        self.file()?;
        self.encoder.begin_section(name)?;
        Ok(SectionWriter::new(self, name.to_owned()))
    }

    /// Writes a section with the given payload.
    ///
    /// # Errors
    ///
    /// The errors of [`start_section`](Self::start_section) and [`SectionWriter::finish`].
    pub fn add_section(&mut self, name: &str, payload: &[u8]) -> Result<()> {
        let options = self.encoder.options();
        if payload.len() >= GATHER && !options.parity && options.encryption.is_none() {
            return self.write_long(name, payload);
        }
        if payload.len() < SECTION_BLOCK_MAX as usize {
            self.encoder.reserve(payload.len());
        }
        let mut section = self.start_section(name)?;
        section.push(payload);
        section.finish()
    }

    /// Writes a section whose payload is stored without change, directly from the caller's slice.
    fn write_long(&mut self, name: &str, payload: &[u8]) -> Result<()> {
        self.file()?;
        self.encoder.add_header_of(name, payload)?;
        let written =
            self.flush().and_then(|()| Ok(self.file()?.write_at(payload, self.encoder.offset())?));
        self.or_fail(written)?;
        self.encoder.skip(payload.len() as u64);
        Ok(())
    }

    /// Writes the footer, syncs the file, and then syncs the directory that holds its name.
    ///
    /// # Crash semantics
    ///
    /// Until the call returns, a crash may leave no file, or a file with any subset of the bytes. Such a file cannot be
    /// opened, or its missing sections cannot be read. No pointer can name the file, because only the returned value
    /// can be published.
    ///
    /// # Errors
    ///
    /// After any of these errors, the file has been removed. If that failed too, the error or a logged warning says so:
    ///
    /// - [`Fs`](Error::Fs): the filesystem failed.
    /// - [`Encryption`](Error::Encryption): the provider failed to seal the footer.
    /// - [`TooManySections`](Error::TooManySections): the provider added more bytes to the footer than its
    ///   `max_overhead`.
    /// - [`WriterFailed`](Error::WriterFailed): an earlier call failed.
    pub fn finish(mut self) -> Result<DurableArchive<'fs>> {
        let completed = self.complete();
        let footer = self.or_fail(completed)?;
        let sync_mode = self.encoder.options().sync_mode;
        let synced = self.fs.sync_directory(parent_of(self.path()), sync_mode);
        let directory_sync = self.or_fail(synced.map_err(Error::Fs))?;
        self.file = None;
        let path = self.path().to_path_buf();
        Ok(DurableArchive { fs: self.fs, path, footer, directory_sync, sync_mode })
    }

    /// Performs all steps up to the sync of the file.
    fn complete(&mut self) -> Result<FooterPayload> {
        let Finished { footer, late_mirror } = self.encoder.finish()?;
        self.flush()?;
        let file = self.file()?;
        if let Some(mirror) = late_mirror {
            file.write_at(&mirror, 0)?;
        }
        file.sync_all(self.encoder.options().sync_mode)?;
        Ok(footer)
    }

    fn file(&self) -> Result<&dyn FsFile> {
        self.file.as_deref().ok_or_else(|| Error::WriterFailed { file: self.path().to_path_buf() })
    }

    /// Writes the completed bytes once enough of them are gathered.
    fn write_gathered(&mut self) -> Result<()> {
        if self.encoder.complete_len() > GATHER { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let offset = self.encoder.offset();
        let bytes = self.encoder.take();
        if !bytes.is_empty() {
            self.file()?.write_at(&bytes, offset)?;
        }
        Ok(())
    }

    fn or_fail<T>(&mut self, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.fail(error))
    }

    /// Removes the file. If that fails, too, attaches the failure to the error or logs it.
    fn fail(&mut self, error: Error) -> Error {
        if self.file.take().is_none() {
            return error;
        }
        match (self.fs.remove_file(self.path()), error) {
            (Err(failure), Error::Fs(error)) => Error::Fs(error.with_cleanup_failure(failure)),
            (Err(failure), error) => {
                log::warn!("an archive was left behind after a failure: {failure}");
                error
            }
            (Ok(()), error) => error,
        }
    }
}

/// Omits payloads.
impl fmt::Debug for ManifestArchiveWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManifestArchiveWriter")
            .field("path", &self.path())
            .field("options", self.encoder.options())
            .field("sections", &self.encoder.sections())
            .finish_non_exhaustive()
    }
}

/// Removes an unfinished archive, which would block the next attempt.
impl Drop for ManifestArchiveWriter<'_> {
    fn drop(&mut self) {
        if self.file.take().is_some()
            && let Err(failure) = self.fs.remove_file(self.path())
        {
            log::warn!("an unfinished archive was left behind: {failure}");
        }
    }
}
