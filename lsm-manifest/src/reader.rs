//! [`ManifestArchiveReader`].

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
/// Opening verifies the footer, and no section: it reads no more than that, but an archive of 128 KiB at most as a
/// whole, which then stays in memory. A section is verified whenever it is asked for: its block's header, its payload
/// and that it is the one that the table of contents names. Nothing on disk makes a read allocate more than the file is
/// long.
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
    /// What was written, verified.
    pub payload: Vec<u8>,
    /// Whether the block on disk is damaged and its parity restored the payload. [`repair`](crate::repair()) makes that
    /// last.
    pub healed: bool,
}

impl ManifestArchiveReader {
    /// Opens an archive from the footer behind its sections, or from the mirror if that one cannot be read.
    ///
    /// # Errors
    ///
    /// [`NoFooter`](Error::NoFooter) if neither can be read; [`Corrupt`](Error::Corrupt) if the file ends before its
    /// sections do; [`UnsupportedVersion`](Error::UnsupportedVersion); [`KeyRequired`](Error::KeyRequired),
    /// [`NotEncrypted`](Error::NotEncrypted), [`Rejected`](Error::Rejected); [`Fs`](Error::Fs).
    pub fn open(fs: &dyn Fs, path: &Path, options: &ReadOptions) -> Result<Self> {
        Self::with_archive(ArchiveFile::open(fs, path, options)?)
    }

    /// Opens an archive whose bytes are in memory, such as one of [`encode_archive`](crate::encode_archive) or one that
    /// came over a network.
    ///
    /// `file` stands in errors and in [`path`](Self::path) only. The bytes are kept.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), without [`Fs`](Error::Fs).
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

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.archive.path
    }

    /// The table of contents.
    #[must_use]
    pub fn footer(&self) -> &FooterPayload {
        &self.footer
    }

    /// Which copy of the footer was used.
    #[must_use]
    pub fn source(&self) -> FooterSource {
        self.source
    }

    /// Why the footer behind the sections could not be used, if it could not.
    #[must_use]
    pub fn tail_failure(&self) -> Option<&Error> {
        self.tail_failure.as_deref()
    }

    /// Whether that copy was damaged on disk and restored by its parity.
    #[must_use]
    pub fn footer_healed(&self) -> bool {
        self.footer_healed
    }

    /// The digest that a CURRENT for this archive holds.
    #[must_use]
    pub fn digest(&self, version_id: u64) -> u128 {
        current_digest(version_id, &self.footer)
    }

    /// A section's place, if there is a section of that name.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&TocEntry> {
        self.footer.section(name)
    }

    /// Reads and verifies one section.
    ///
    /// # Errors
    ///
    /// [`SectionNotFound`](Error::SectionNotFound); [`Corrupt`](Error::Corrupt);
    /// [`ParityUnavailable`](Error::ParityUnavailable); [`Rejected`](Error::Rejected) and the other errors of sealed
    /// blocks; [`Fs`](Error::Fs).
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
    /// As [`read_section`](Self::read_section), for the first section that fails.
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
            log::warn!("{file}: section {name} at offset {} was healed by its parity", entry.offset);
        }
        Ok(Section { payload: self.archive.unseal(&header, body, entry.offset)?, healed })
    }
}

/// Reads the header of the block that an entry names.
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

/// A block, or room for it; header and body lie apart, so that the body can become the payload where it is.
struct BlockBuffer {
    header: [u8; BLOCK_HEADER_LEN],
    body: Vec<u8>,
    filled: bool,
}

impl BlockBuffer {
    fn of(archive: &ArchiveFile, entry: &TocEntry) -> Result<Self> {
        let whole = archive.at_hand(entry.offset, entry.size as usize);
        if let Some((header, body)) = whole.and_then(<[u8]>::split_first_chunk) {
            return Ok(Self { header: *header, body: body.to_vec(), filled: true });
        }
        // Both hold since the archive was opened; that they do is what makes the allocation safe.
        let body = (entry.size as usize).checked_sub(BLOCK_HEADER_LEN).filter(|_| entry.end() <= archive.len);
        let body = body.ok_or_else(|| archive.damaged(entry.offset, Defect::SectionBeyondFile))?;
        Ok(Self { header: [0; BLOCK_HEADER_LEN], body: vec![0; body], filled: false })
    }

    /// What is to be read. A read that comes short leaves zeros, which no checksum takes for a block.
    fn requests(&mut self, entry: &TocEntry) -> impl Iterator<Item = ReadRequest<'_>> {
        let behind = entry.offset + BLOCK_HEADER_LEN as u64;
        let both =
            [ReadRequest::new(entry.offset, &mut self.header), ReadRequest::new(behind, &mut self.body)];
        both.into_iter().take(if self.filled { 0 } else { 2 })
    }
}
