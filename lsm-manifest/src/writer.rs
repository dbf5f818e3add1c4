//! [`ManifestArchiveWriter`].

mod pending;
mod section;

use std::{
    fmt, mem,
    path::{Path, PathBuf},
};

use byteorder::{ByteOrder, LittleEndian};
use lsm_fs::{Fs, FsFile, FsOpenOptions, parent_of};
use pending::Pending;
pub use section::SectionWriter;

use crate::{
    BlockIdentity, DurableArchive, Error, FooterPayload, NameProblem, Result, TocEntry, WriteOptions,
    block::{BlockHeader, BlockType, Form},
    ecc,
    footer::{encoded_len, is_section_name},
    format::{BLOCK_HEADER_LEN, FOOTER_BLOCK_MAX, HEAD_LEN, SECTION_BLOCK_MAX, SIZE_HINT_LEN},
};

/// How much is gathered before it is written: most archives reach the filesystem in one call.
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
    path: PathBuf,
    /// Gone once the writer has failed or finished.
    file: Option<Box<dyn FsFile>>,
    options: WriteOptions,
    sections: Vec<TocEntry>,
    /// What has been gathered for offset `written`.
    pending: Pending,
    written: u64,
}

impl<'fs> ManifestArchiveWriter<'fs> {
    /// Creates the file.
    ///
    /// # Errors
    ///
    /// [`Fs`](Error::Fs), `AlreadyExists` among them: the file that is there is untouched.
    pub fn create(fs: &'fs dyn Fs, path: &Path, options: WriteOptions) -> Result<Self> {
        let file = fs.open(path, &FsOpenOptions::new().write(true).create_new(true))?;
        // The head stays zeros until the footer is known.
        let pending = Pending::new(vec![0; HEAD_LEN]);
        let path = path.to_path_buf();
        Ok(Self { fs, path, file: Some(file), options, sections: Vec::new(), pending, written: 0 })
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Starts a section. It is written when it is finished; dropped before, it never was.
    ///
    /// # Errors
    ///
    /// [`InvalidName`](Error::InvalidName), [`TooManySections`](Error::TooManySections): nothing is written, the writer
    /// stays good. [`WriterFailed`](Error::WriterFailed).
    pub fn start_section(&mut self, name: &str) -> Result<SectionWriter<'_, 'fs>> {
        self.check_name(name)?;
        Ok(SectionWriter::new(self, name.to_owned()))
    }

    /// Writes a section whose payload is at hand.
    ///
    /// # Errors
    ///
    /// As [`start_section`](Self::start_section) and [`SectionWriter::finish`].
    pub fn add_section(&mut self, name: &str, payload: &[u8]) -> Result<()> {
        if payload.len() >= GATHER && !self.options.parity && self.options.encryption.is_none() {
            return self.write_long(name, payload);
        }
        if payload.len() < SECTION_BLOCK_MAX as usize {
            self.pending.reserve(payload.len());
        }
        let mut section = self.start_section(name)?;
        section.push(payload);
        section.finish()
    }

    /// Writes a section whose payload is its block's as it is, without a copy of it.
    fn write_long(&mut self, name: &str, payload: &[u8]) -> Result<()> {
        self.check_name(name)?;
        let too_long = || Error::SectionTooLong { file: self.path.clone(), name: name.to_owned() };
        let plain_len = u32::try_from(payload.len()).map_err(|_| too_long())?;
        let size = u32::try_from(payload.len().saturating_add(BLOCK_HEADER_LEN)).ok();
        let size = size.filter(|&size| size <= SECTION_BLOCK_MAX).ok_or_else(too_long)?;
        let form = Form { block_type: BlockType::Manifest, parity: false, encrypted: false, plain_len };
        let header = form.header_of(payload).ok_or_else(too_long)?;
        let entry = TocEntry { name: name.to_owned(), offset: self.end(), size, checksum: header.checksum };
        self.pending.append(&header.encode());
        let written = self.flush().and_then(|()| Ok(self.file()?.write_at(payload, self.written)?));
        self.or_fail(written)?;
        self.written += payload.len() as u64;
        self.sections.push(entry);
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
        let footer = FooterPayload::new(self.options.mirror, mem::take(&mut self.sections))
            .map_err(|what| Error::Corrupt { file: self.path.clone(), offset: self.end(), what })?;
        let completed = self.complete(&footer);
        self.or_fail(completed)?;
        let synced = self.fs.sync_directory(parent_of(&self.path), self.options.sync_mode);
        let directory_sync = self.or_fail(synced.map_err(Error::Fs))?;
        self.file = None;
        Ok(DurableArchive {
            fs: self.fs,
            path: mem::take(&mut self.path),
            footer,
            directory_sync,
            sync_mode: self.options.sync_mode,
        })
    }

    /// Everything up to the sync of the file.
    fn complete(&mut self, footer: &FooterPayload) -> Result<()> {
        self.pending.begin();
        self.pending.push(&footer.encode());
        let header = self.make_block(BlockType::ManifestFooter)?;
        let footer = self.pending.block();
        // Each section was let in with room to spare; only a provider that adds more than it said gets here.
        if header.is_none() || footer.len() > FOOTER_BLOCK_MAX as usize {
            return Err(self.too_many("of the footer"));
        }
        let mut hint = [0; SIZE_HINT_LEN];
        LittleEndian::write_u32(&mut hint, u32::try_from(footer.len()).unwrap_or(u32::MAX));
        let head = if self.options.mirror { footer.to_vec() } else { Vec::new() };
        self.pending.settle(&hint);
        let in_memory = self.written == 0;
        if in_memory {
            self.pending.patch(&head);
        }
        self.flush()?;
        let file = self.file()?;
        if !in_memory {
            file.write_at(&head, 0)?;
        }
        file.sync_all(self.options.sync_mode)?;
        Ok(())
    }

    fn check_name(&self, name: &str) -> Result<()> {
        self.file()?;
        let taken = self.sections.iter().any(|entry| entry.name == name);
        let problem = match is_section_name(name) {
            true if !taken => None,
            true => Some(NameProblem::Duplicate),
            false if name.is_empty() => Some(NameProblem::Empty),
            false => Some(NameProblem::TooLong),
        };
        if let Some(problem) = problem {
            return Err(Error::InvalidName { name: name.to_owned(), problem });
        }
        let names = self.sections.iter().map(|entry| entry.name.as_str());
        let payload = encoded_len(names.chain([name])) + self.overhead();
        let parity = if self.options.parity { ecc::parity_len(payload as u64) } else { 0 };
        if (BLOCK_HEADER_LEN + payload) as u64 + parity > u64::from(FOOTER_BLOCK_MAX) {
            return Err(self.too_many(name));
        }
        Ok(())
    }

    fn overhead(&self) -> usize {
        self.options.encryption.as_ref().map_or(0, |provider| provider.max_overhead())
    }

    fn too_many(&self, name: &str) -> Error {
        Error::TooManySections { file: self.path.clone(), name: name.to_owned() }
    }

    /// Makes a block of the payload that was gathered last. `None`: no header can say how long it is.
    fn make_block(&mut self, block_type: BlockType) -> Result<Option<BlockHeader>> {
        let payload = self.pending.payload();
        let Ok(plain_len) = u32::try_from(payload.len()) else { return Ok(None) };
        let parity = self.options.parity;
        let encrypted = self.options.encryption.is_some();
        if let Some(provider) = &self.options.encryption {
            let sealed = provider.seal(&BlockIdentity::manifest(block_type), payload).map_err(|source| {
                Error::Encryption { file: self.path.clone(), offset: self.end(), source }
            })?;
            self.pending.begin();
            self.pending.push(&sealed);
        }
        Ok(self.pending.complete(Form { block_type, parity, encrypted, plain_len }))
    }

    /// Where the next block begins.
    fn end(&self) -> u64 {
        self.written + self.pending.settled() as u64
    }

    fn file(&self) -> Result<&dyn FsFile> {
        self.file.as_deref().ok_or_else(|| Error::WriterFailed { file: self.path.clone() })
    }

    /// Takes the block to what is to be written, and writes that once it is long enough.
    fn take_block(&mut self) -> Result<()> {
        self.pending.settle(&[]);
        if self.pending.settled() > GATHER { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let bytes = self.pending.take();
        if !bytes.is_empty() {
            self.file()?.write_at(&bytes, self.written)?;
            self.written += bytes.len() as u64;
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
        match (self.fs.remove_file(&self.path), error) {
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
            .field("path", &self.path)
            .field("options", &self.options)
            .field("sections", &self.sections)
            .finish_non_exhaustive()
    }
}

/// An archive that was not finished must not stand in the way of the next attempt.
impl Drop for ManifestArchiveWriter<'_> {
    fn drop(&mut self) {
        if self.file.take().is_some()
            && let Err(failure) = self.fs.remove_file(&self.path)
        {
            log::warn!("an unfinished archive was left behind: {failure}");
        }
    }
}
