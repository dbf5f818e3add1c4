//! [`ManifestArchiveWriter`] and the proof it ends in, [`DurableArchive`].

use std::{
    io, mem,
    path::{Path, PathBuf},
};

use byteorder::{ByteOrder, LittleEndian};
use lsm_fs::{DirectorySync, Fs, FsFile, FsOpenOptions, SyncMode, parent_of};

use crate::{
    BlockIdentity, Error, FooterPayload, NameProblem, Result, TocEntry, WriteOptions,
    block::{self, BlockType, EncodedBlock},
    ecc,
    footer::{encoded_len, is_section_name},
    format::{BLOCK_HEADER_LEN, FOOTER_BLOCK_MAX, HEAD_LEN, SECTION_BLOCK_MAX, SIZE_HINT_LEN},
    recover::parse_version,
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
/// use lsm_fs::StdFs;
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
/// publish_current(&writer.finish()?)?;
/// assert_eq!(read_current(&StdFs, dir)?.version_id, 7);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ManifestArchiveWriter<'fs> {
    fs: &'fs dyn Fs,
    path: PathBuf,
    /// Gone once the writer has failed or finished.
    file: Option<Box<dyn FsFile>>,
    options: WriteOptions,
    sections: Vec<TocEntry>,
    /// What has been gathered for offset `written`.
    pending: Vec<u8>,
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
        let pending = vec![0; head_len()];
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
        let bytes = vec![0; BLOCK_HEADER_LEN];
        Ok(SectionWriter { writer: self, name: name.to_owned(), bytes, overflowed: false })
    }

    /// Writes a section whose payload is at hand.
    ///
    /// # Errors
    ///
    /// As [`start_section`](Self::start_section) and [`SectionWriter::finish`].
    pub fn add_section(&mut self, name: &str, payload: &[u8]) -> Result<()> {
        let mut section = self.start_section(name)?;
        section.push(payload);
        section.finish()
    }

    /// Writes the footer, syncs the file, and then the directory that holds its name.
    ///
    /// # Crash semantics
    ///
    /// Before it returns, a crash may leave no file, or one with any part of the bytes: such a file is refused, or opens
    /// from its mirror, whole. No pointer can name it, because only the returned value can be published.
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
        let mut bytes = vec![0; BLOCK_HEADER_LEN];
        bytes.extend_from_slice(&footer.encode());
        let block = self.encode(BlockType::ManifestFooter, bytes)?;
        // Each section was let in with room to spare; only a provider that adds more than it said gets here.
        let block = block.filter(|block| block.bytes.len() <= FOOTER_BLOCK_MAX as usize);
        let footer = &*block.ok_or_else(|| self.too_many("of the footer"))?.bytes;
        self.gather(footer)?;
        let mut hint = [0; 4];
        LittleEndian::write_u32(&mut hint, u32::try_from(footer.len()).unwrap_or(u32::MAX));
        self.gather(&hint)?;
        let head = if self.options.mirror { footer } else { &[] };
        let in_memory = if self.written == 0 { self.pending.get_mut(..head.len()) } else { None };
        let patched = in_memory.is_some();
        if let Some(room) = in_memory {
            room.copy_from_slice(head);
        }
        self.flush()?;
        let file = self.file()?;
        if !patched {
            file.write_at(head, 0)?;
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

    /// A block of a payload that has room for the header in front. `None`: no header can say how long it is.
    fn encode(&self, block_type: BlockType, bytes: Vec<u8>) -> Result<Option<EncodedBlock>> {
        let payload = bytes.get(BLOCK_HEADER_LEN..).unwrap_or_default();
        let Ok(plain_len) = u32::try_from(payload.len()) else { return Ok(None) };
        let Some(provider) = &self.options.encryption else {
            return Ok(block::complete(block_type, bytes, plain_len, self.options.parity, false));
        };
        let sealed = provider
            .seal(&BlockIdentity::manifest(block_type), payload)
            .map_err(|source| Error::Encryption { file: self.path.clone(), offset: self.end(), source })?;
        Ok(block::encode(block_type, &sealed, plain_len, self.options.parity, true))
    }

    fn end(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    fn file(&self) -> Result<&dyn FsFile> {
        self.file.as_deref().ok_or_else(|| Error::WriterFailed { file: self.path.clone() })
    }

    fn gather(&mut self, bytes: &[u8]) -> Result<()> {
        if self.pending.len() + bytes.len() > GATHER {
            self.flush()?;
        }
        if bytes.len() < GATHER {
            self.pending.extend_from_slice(bytes);
        } else {
            self.file()?.write_at(bytes, self.written)?;
            self.written += bytes.len() as u64;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if !self.pending.is_empty() {
            self.file()?.write_at(&self.pending, self.written)?;
            self.written += self.pending.len() as u64;
            self.pending.clear();
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

/// A section that is being written.
#[derive(Debug)]
#[must_use = "a section that is not finished is not written"]
pub struct SectionWriter<'w, 'fs> {
    writer: &'w mut ManifestArchiveWriter<'fs>,
    name: String,
    /// Room for the header, then the payload.
    bytes: Vec<u8>,
    overflowed: bool,
}

impl SectionWriter<'_, '_> {
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
    fn push(&mut self, bytes: &[u8]) -> bool {
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

/// The proof that an archive is durable: its bytes were synced, and then the directory that holds its name.
///
/// Only [`ManifestArchiveWriter::finish`] makes one, and [`publish_current`](crate::publish_current) takes nothing else:
/// no pointer becomes durable before what it points to.
#[derive(Debug)]
#[must_use = "an archive that is not published is no version"]
pub struct DurableArchive<'fs> {
    fs: &'fs dyn Fs,
    path: PathBuf,
    footer: FooterPayload,
    directory_sync: DirectorySync,
    sync_mode: SyncMode,
}

impl<'fs> DurableArchive<'fs> {
    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The table of contents.
    #[must_use]
    pub fn footer(&self) -> &FooterPayload {
        &self.footer
    }

    /// The N of an archive that is called `v{N}`.
    #[must_use]
    pub fn version_id(&self) -> Option<u64> {
        parse_version(self.path.file_name()?)
    }

    /// What became of the directory's sync. [`NotSupported`](DirectorySync::NotSupported): the platform cannot say when
    /// a name is durable, and a crash may lose the archive though it was finished.
    pub fn directory_sync(&self) -> DirectorySync {
        self.directory_sync
    }

    /// Removes the archive, so that another attempt can have its name. Not for one that CURRENT names.
    ///
    /// # Errors
    ///
    /// [`Fs`](Error::Fs).
    pub fn discard(self) -> Result<()> {
        Ok(self.fs.remove_file(&self.path)?)
    }

    pub(crate) fn fs(&self) -> &'fs dyn Fs {
        self.fs
    }

    pub(crate) fn sync_mode(&self) -> SyncMode {
        self.sync_mode
    }
}

fn head_len() -> usize {
    HEAD_LEN as usize
}

const _: () = assert!(SIZE_HINT_LEN == 4);
