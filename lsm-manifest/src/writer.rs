//! [`ManifestArchiveWriter`].

mod section;

use std::{fmt, path::Path};

use lsm_fs::{Fs, FsFile, FsOpenOptions, parent_of};
pub use section::SectionWriter;

use crate::{
    DurableArchive, Error, FooterPayload, Result, WriteOptions,
    encoder::{Encoder, Finished},
    format::SECTION_BLOCK_MAX,
};

/// The number of bytes that are gathered before they are written: most archives reach the filesystem in one call.
const GATHER: usize = 256 * 1024;

/// Writes an archive, section by section, to a file that did not exist.
///
/// Nothing is readable until [`finish`](Self::finish) returns. A writer that fails, or is dropped before, removes its
/// file.
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
    /// Gone once the writer has failed or finished.
    file: Option<Box<dyn FsFile>>,
    encoder: Encoder,
}

impl<'fs> ManifestArchiveWriter<'fs> {
    /// Creates the file.
    ///
    /// # Errors
    ///
    /// [`Fs`](Error::Fs), `AlreadyExists` among them: the file that is there is untouched.
    pub fn create(fs: &'fs dyn Fs, path: &Path, options: WriteOptions) -> Result<Self> {
        let file = fs.open(path, &FsOpenOptions::new().write(true).create_new(true))?;
        Ok(Self { fs, file: Some(file), encoder: Encoder::new(path, options) })
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.encoder.file()
    }

    /// Starts a section. It is written when it is finished; dropped before, it never was.
    ///
    /// # Errors
    ///
    /// [`InvalidName`](Error::InvalidName), [`TooManySections`](Error::TooManySections): nothing is written, the writer
    /// stays good. [`WriterFailed`](Error::WriterFailed).
    pub fn start_section(&mut self, name: &str) -> Result<SectionWriter<'_, 'fs>> {
        self.file()?;
        self.encoder.begin_section(name)?;
        Ok(SectionWriter::new(self, name.to_owned()))
    }

    /// Writes a section whose payload is at hand.
    ///
    /// # Errors
    ///
    /// As [`start_section`](Self::start_section) and [`SectionWriter::finish`].
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

    /// Writes a section whose payload is its block's as it is, without a copy of it.
    fn write_long(&mut self, name: &str, payload: &[u8]) -> Result<()> {
        self.file()?;
        self.encoder.add_header_of(name, payload)?;
        let written =
            self.flush().and_then(|()| Ok(self.file()?.write_at(payload, self.encoder.offset())?));
        self.or_fail(written)?;
        self.encoder.skip(payload.len() as u64);
        Ok(())
    }

    /// Writes the footer, syncs the file, and then the directory that holds its name.
    ///
    /// # Crash semantics
    ///
    /// Before it returns, a crash may leave no file, or one with any part of the bytes: such a file is refused when it
    /// is opened, or when a section that it lacks is read. No pointer can name it, because only the returned value can
    /// be published.
    ///
    /// # Errors
    ///
    /// [`Fs`](Error::Fs) and [`Encryption`](Error::Encryption): the file is removed.
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

    /// Everything up to the sync of the file.
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

    /// Writes the complete bytes once there are enough of them.
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

    /// Removes the file, and says so if that fails too.
    fn fail(&mut self, error: Error) -> Error {
        if self.file.take().is_none() {
            return error;
        }
        match (self.fs.remove_file(self.path()), error) {
            (Err(failure), Error::Fs(error)) => Error::Fs(error.with_cleanup_failure(failure)),
            (Err(failure), error) => {
                log::warn!("after a failure an archive was left behind: {failure}");
                error
            }
            (Ok(()), error) => error,
        }
    }
}

/// Shows no payload.
impl fmt::Debug for ManifestArchiveWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManifestArchiveWriter")
            .field("path", &self.path())
            .field("options", self.encoder.options())
            .field("sections", &self.encoder.sections())
            .finish_non_exhaustive()
    }
}

/// An archive that was not finished must not stand in the way of the next attempt.
impl Drop for ManifestArchiveWriter<'_> {
    fn drop(&mut self) {
        if self.file.take().is_some()
            && let Err(failure) = self.fs.remove_file(self.path())
        {
            log::warn!("an unfinished archive was left behind: {failure}");
        }
    }
}
