//! [`ManifestArchiveReader`]: reads an archive from a file or from memory.

mod verify;

use std::path::Path;

use lsm_fs::{Fs, ReadRequest};

use crate::{
    Damage, Defect, Error, FooterPayload, FooterSource, ReadOptions, Result, TocEntry,
    archive_file::{ArchiveFile, FooterCopy},
    block::{BlockHeader, BlockType},
    current_digest,
    format::BLOCK_HEADER_LEN,
};

/// An archive that is open for reading.
///
/// Opening reads and verifies only the footer. Archives of up to 128 KiB are read whole and kept in memory. A section
/// is verified each time it is read: the header of its block, its payload, and its identity with the entry in the table
/// of contents. No data on disk can make the read of a section allocate more than about one and a half times the length
/// of the file.
///
/// # Examples
///
/// ```
/// use lsm_fs::StdFs;
/// use lsm_manifest::{FooterSource, ManifestArchiveReader, ManifestArchiveWriter, ReadOptions, WriteOptions};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("v1");
/// let mut writer = ManifestArchiveWriter::create(&StdFs, &path, WriteOptions::new())?;
/// writer.add_section("tables", b"...")?;
/// writer.finish()?;
///
/// let reader = ManifestArchiveReader::open(&StdFs, &path, &ReadOptions::new())?;
/// assert_eq!(reader.source(), FooterSource::Tail);
/// assert_eq!(reader.read_section("tables")?.payload, b"...");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ManifestArchiveReader {
    archive: ArchiveFile,
    footer: FooterPayload,
    source: FooterSource,
    footer_healed: bool,
    tail_failure: Option<Box<Error>>,
}

/// The payload of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Section {
    /// The verified payload.
    pub payload: Vec<u8>,
    /// `true` if the block on disk is damaged and parity restored the payload. To repair the file, call
    /// [`repair`](crate::repair()).
    pub healed: bool,
}

impl ManifestArchiveReader {
    /// Opens an archive. The footer behind the sections is used if it can be read, and the mirror otherwise.
    ///
    /// # Errors
    ///
    /// - [`NoFooter`](Error::NoFooter): neither footer can be read.
    /// - [`Corrupt`](Error::Corrupt): the file ends before its sections do.
    /// - [`UnsupportedVersion`](Error::UnsupportedVersion): this crate does not know the layout version.
    /// - [`ParityUnavailable`](Error::ParityUnavailable): a footer is damaged, and only a build with `parity` can
    ///   restore it.
    /// - [`KeyRequired`](Error::KeyRequired), [`NotEncrypted`](Error::NotEncrypted), [`Rejected`](Error::Rejected),
    ///   [`Encryption`](Error::Encryption): the key is missing, wrong, or not needed.
    /// - [`Fs`](Error::Fs): the filesystem failed.
    pub fn open(fs: &dyn Fs, path: &Path, options: &ReadOptions) -> Result<Self> {
        Self::with_archive(ArchiveFile::open(fs, path, options)?)
    }

    /// Opens an archive whose bytes are in memory, for example the result of [`encode_archive`](crate::encode_archive)
    /// or a download.
    ///
    /// `file` is used only for errors and [`path`](Self::path). The reader keeps the bytes.
    ///
    /// # Errors
    ///
    /// The errors of [`open`](Self::open) except [`Fs`](Error::Fs).
    pub fn from_bytes(file: &Path, bytes: Vec<u8>, options: &ReadOptions) -> Result<Self> {
        Self::with_archive(ArchiveFile::of_bytes(file, bytes, options))
    }

    fn with_archive(archive: ArchiveFile) -> Result<Self> {
        let failure = match archive.read_tail() {
            Ok(copy) => return Ok(Self::with_footer(archive, copy, FooterSource::Tail, None)),
            Err(failure @ Error::UnsupportedVersion { .. }) => return Err(failure),
            Err(failure) => failure,
        };
        match archive.read_mirror() {
            Ok(copy) => {
                log::warn!("{failure}; opened from the mirror");
                Ok(Self::with_footer(archive, copy, FooterSource::Mirror, Some(Box::new(failure))))
            }
            Err(mirror) => Err(archive.no_footer(failure, mirror)),
        }
    }

    fn with_footer(
        archive: ArchiveFile,
        copy: FooterCopy,
        source: FooterSource,
        tail_failure: Option<Box<Error>>,
    ) -> Self {
        Self { archive, footer: copy.footer, source, footer_healed: copy.healed, tail_failure }
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.archive.path
    }

    /// Returns the table of contents.
    #[must_use]
    pub fn footer(&self) -> &FooterPayload {
        &self.footer
    }

    /// Returns the copy of the footer that was used.
    #[must_use]
    pub fn source(&self) -> FooterSource {
        self.source
    }

    /// Returns the reason why the footer behind the sections could not be used, if the mirror was used instead.
    #[must_use]
    pub fn tail_failure(&self) -> Option<&Error> {
        self.tail_failure.as_deref()
    }

    /// Returns `true` if the footer that was used is damaged on disk and parity restored it.
    #[must_use]
    pub fn footer_healed(&self) -> bool {
        self.footer_healed
    }

    /// Returns the digest that CURRENT contains if it names this archive as `version_id`.
    #[must_use]
    pub fn digest(&self, version_id: u64) -> u128 {
        current_digest(version_id, &self.footer)
    }

    /// Returns the entry of the section with this name, if there is one.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&TocEntry> {
        self.footer.section(name)
    }

    /// Reads and verifies one section.
    ///
    /// # Errors
    ///
    /// - [`SectionNotFound`](Error::SectionNotFound): the archive has no such section.
    /// - [`Corrupt`](Error::Corrupt), [`ParityUnavailable`](Error::ParityUnavailable): the block is damaged.
    /// - [`KeyRequired`](Error::KeyRequired), [`NotEncrypted`](Error::NotEncrypted), [`Rejected`](Error::Rejected),
    ///   [`Encryption`](Error::Encryption): the key is missing, wrong, or not needed.
    /// - [`Fs`](Error::Fs): the filesystem failed.
    pub fn read_section(&self, name: &str) -> Result<Section> {
        let entry = self.entry(name)?;
        let mut block = BlockBuffer::of(&self.archive, entry)?;
        self.archive.read_many(&mut block.requests(entry).collect::<Vec<_>>())?;
        self.decode(entry, block)
    }

    /// Reads and verifies many sections with one request to the filesystem.
    ///
    /// # Errors
    ///
    /// The errors of [`read_section`](Self::read_section), for the first section that fails.
    pub fn read_sections(&self, names: &[&str]) -> Result<Vec<Section>> {
        let entries = names.iter().map(|name| self.entry(name)).collect::<Result<Vec<_>>>()?;
        let mut blocks =
            entries.iter().map(|entry| BlockBuffer::of(&self.archive, entry)).collect::<Result<Vec<_>>>()?;
        let mut requests = Vec::with_capacity(2 * blocks.len());
        for (block, entry) in blocks.iter_mut().zip(&entries) {
            requests.extend(block.requests(entry));
        }
        self.archive.read_many(&mut requests)?;
        drop(requests);
        blocks.into_iter().zip(entries).map(|(block, entry)| self.decode(entry, block)).collect()
    }

    fn entry(&self, name: &str) -> Result<&TocEntry> {
        self.footer
            .section(name)
            .ok_or_else(|| Error::SectionNotFound { file: self.archive.path.clone(), name: name.to_owned() })
    }

    fn header(&self, entry: &TocEntry, bytes: &[u8; BLOCK_HEADER_LEN]) -> Result<BlockHeader> {
        check_header(entry, bytes).map_err(|damage| Error::damaged(&self.archive.path, damage))
    }

    fn decode(&self, entry: &TocEntry, block: BlockBuffer) -> Result<Section> {
        let BlockBuffer { header, mut body, .. } = block;
        let header = self.header(entry, &header)?;
        let healed = header
            .restore(&mut body)
            .map_err(|damage| Error::damaged(&self.archive.path, damage.shifted(entry.offset)))?;
        if healed {
            let (file, name) = (self.archive.path.display(), &entry.name);
            log::warn!("{file}: section {name} at offset {} was restored by its parity", entry.offset);
        }
        Ok(Section { payload: self.archive.unseal(&header, body, entry.offset)?, healed })
    }
}

/// Decodes the header of the block that an entry names, and compares it with the entry.
pub(crate) fn check_header(entry: &TocEntry, bytes: &[u8; BLOCK_HEADER_LEN]) -> Result<BlockHeader, Damage> {
    let header =
        BlockHeader::decode(bytes, BlockType::Manifest).map_err(|damage| damage.shifted(entry.offset))?;
    if header.checksum != entry.checksum {
        return Err(Damage::new(entry.offset, Defect::NotTheListedBlock));
    }
    if header.block_len() != u64::from(entry.size) {
        return Err(Damage::new(entry.offset, Defect::BlockLength));
    }
    Ok(header)
}

/// A block or the space for one. Header and body are separate, so that the body can become the payload without a copy.
struct BlockBuffer {
    header: [u8; BLOCK_HEADER_LEN],
    body: Vec<u8>,
    filled: bool,
}

impl BlockBuffer {
    fn of(archive: &ArchiveFile, entry: &TocEntry) -> Result<Self> {
        let whole = archive.in_memory(entry.offset, entry.size as usize);
        if let Some((header, body)) = whole.and_then(<[u8]>::split_first_chunk) {
            return Ok(Self { header: *header, body: body.to_vec(), filled: true });
        }
        // Opening the archive has checked both conditions. Check them again, because they bound the allocation.
        let body = (entry.size as usize).checked_sub(BLOCK_HEADER_LEN).filter(|_| entry.end() <= archive.len);
        let body = body.ok_or_else(|| archive.damaged(entry.offset, Defect::SectionBeyondFile))?;
        Ok(Self { header: [0; BLOCK_HEADER_LEN], body: vec![0; body], filled: false })
    }

    /// Returns the reads that fill the buffer. A short read leaves zeros, which never pass for a block.
    fn requests(&mut self, entry: &TocEntry) -> impl Iterator<Item = ReadRequest<'_>> {
        let behind = entry.offset + BLOCK_HEADER_LEN as u64;
        let both =
            [ReadRequest::new(entry.offset, &mut self.header), ReadRequest::new(behind, &mut self.body)];
        both.into_iter().take(if self.filled { 0 } else { 2 })
    }
}
