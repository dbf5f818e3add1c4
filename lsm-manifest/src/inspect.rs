//! [`inspect`]: a report on the condition of an archive.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use lsm_fs::Fs;
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    Damage, Defect, Error, FooterPayload, ReadOptions, Result, TocEntry,
    archive_file::{ArchiveFile, FooterCopy},
    block::{self, BlockHeader, BlockType},
    reader::check_header,
};

/// The condition of an archive.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// The path of the file.
    pub file: PathBuf,
    /// The length of the file.
    pub len: u64,
    /// The condition of the footer behind the sections.
    pub tail: BlockState,
    /// The condition of the copy in the head.
    pub mirror: BlockState,
    /// `false` if tail and mirror can both be read but differ.
    pub copies_agree: bool,
    /// The sections, in the order in which they are stored in the file. Empty if no footer can be read.
    pub sections: Vec<SectionReport>,
}

/// The condition of a section.
#[derive(Debug)]
#[non_exhaustive]
pub struct SectionReport {
    /// The name, offset, size and checksum of the section.
    pub entry: TocEntry,
    /// The header of the block, if it can be read and the block can be verified or restored.
    pub header: Option<BlockHeader>,
    /// The condition of the block.
    pub state: BlockState,
}

/// The condition of a block.
#[derive(Debug)]
#[non_exhaustive]
pub enum BlockState {
    /// The block is as it was written. A build without the feature `parity` checks only its header and payload.
    Good,
    /// The payload or the parity is damaged, but can be restored with [`repair`](crate::repair()).
    Restorable,
    /// The archive was written without this block.
    Absent,
    /// The block is damaged, or this reader cannot read it.
    Bad(Error),
}

impl Report {
    /// Returns `true` if the whole archive is as it was written.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.copies_agree
            && matches!(self.tail, BlockState::Good)
            && matches!(self.mirror, BlockState::Good | BlockState::Absent)
            && self.sections.iter().all(|section| matches!(section.state, BlockState::Good))
    }
}

/// Examines both footers and every section of an archive. Changes nothing.
///
/// # Errors
///
/// [`Fs`](Error::Fs) if the file cannot be opened. Problems with its contents are part of the report.
///
/// # Examples
///
/// ```
/// use lsm_fs::{Fs, FsOpenOptions, StdFs};
/// use lsm_manifest::{BlockState, ManifestArchiveWriter, ReadOptions, WriteOptions, inspect, repair};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("v1");
/// let mut writer = ManifestArchiveWriter::create(&StdFs, &path, WriteOptions::new())?;
/// writer.add_section("tables", b"...")?;
/// writer.finish()?;
///
/// // Someone cuts the last byte.
/// let len = StdFs.metadata(&path)?.len;
/// StdFs.truncate_file(&path, len - 1)?;
///
/// let report = inspect(&StdFs, &path, &ReadOptions::new())?;
/// assert!(matches!(report.tail, BlockState::Bad(_)) && matches!(report.mirror, BlockState::Good));
/// repair(&StdFs, &path, &ReadOptions::new())?;
/// assert!(inspect(&StdFs, &path, &ReadOptions::new())?.is_healthy());
/// # Ok(())
/// # }
/// ```
pub fn inspect(fs: &dyn Fs, path: &Path, options: &ReadOptions) -> Result<Report> {
    let archive = ArchiveFile::open(fs, path, options)?;
    let copies = FooterCopies::read(&archive);
    let footer = copies.tail.as_ref().or(copies.mirror.as_ref()).ok().map(|copy| copy.footer.clone());
    let entries = footer.iter().flat_map(FooterPayload::sections);
    let sections = entries.map(|entry| inspect_section(&archive, entry)).collect();
    Ok(Report {
        file: archive.path.clone(),
        len: archive.len,
        copies_agree: copies.agree(),
        mirror: if copies.mirror_is_absent() { BlockState::Absent } else { state(copies.mirror) },
        tail: state(copies.tail),
        sections,
    })
}

/// The results of reading both footers.
pub(crate) struct FooterCopies {
    pub(crate) tail: Result<FooterCopy>,
    pub(crate) mirror: Result<FooterCopy>,
}

impl FooterCopies {
    pub(crate) fn read(archive: &ArchiveFile) -> Self {
        let tail = archive.read_tail();
        let mut mirror = archive.read_mirror();
        let without_mirror = tail.as_ref().is_ok_and(|copy| !copy.footer.has_mirror());
        if without_mirror && !is_no_mirror(&mirror) && matches!(mirror, Err(Error::Corrupt { .. })) {
            mirror = Err(archive.damaged(0, Defect::StrayHead));
        }
        Self { tail, mirror }
    }

    pub(crate) fn agree(&self) -> bool {
        match (&self.tail, &self.mirror) {
            (Ok(tail), Ok(mirror)) => tail.footer == mirror.footer,
            _ => true,
        }
    }

    pub(crate) fn mirror_is_absent(&self) -> bool {
        is_no_mirror(&self.mirror) && self.tail.as_ref().is_ok_and(|copy| !copy.footer.has_mirror())
    }
}

fn is_no_mirror(mirror: &Result<FooterCopy>) -> bool {
    matches!(mirror, Err(Error::Corrupt { what: Defect::NoMirror, .. }))
}

/// The block of a section as the writer produced it.
pub(crate) struct SectionBlock {
    pub(crate) header: BlockHeader,
    pub(crate) as_written: Vec<u8>,
    /// The block on disk equals `as_written`.
    pub(crate) is_good: bool,
}

/// Reads and verifies the block of a section. This needs no key.
pub(crate) fn read_block(archive: &ArchiveFile, entry: &TocEntry) -> Result<SectionBlock> {
    let damaged = |damage: Damage| Error::damaged(&archive.path, damage);
    let on_disk = archive.read(entry.offset, u64::from(entry.size))?;
    let (head, payload) =
        on_disk.split_first_chunk().ok_or_else(|| archive.damaged(entry.offset, Defect::BlockLength))?;
    let header = check_header(entry, head).map_err(damaged)?;
    // A block may be 16 MiB long. Without parity, there is no need for a second copy of it.
    if !header.parity && xxh3_128(payload) == header.checksum {
        return Ok(SectionBlock { header, as_written: on_disk, is_good: true });
    }
    let decoded = block::decode(&on_disk, BlockType::Manifest)
        .map_err(|damage| damaged(damage.shifted(entry.offset)))?;
    let as_written = decoded.as_written(&on_disk);
    let is_good = on_disk == as_written;
    Ok(SectionBlock { header, as_written, is_good })
}

fn inspect_section(archive: &ArchiveFile, entry: &TocEntry) -> SectionReport {
    let (header, state) = match read_block(archive, entry) {
        Ok(block) if block.is_good => (Some(block.header), BlockState::Good),
        Ok(block) => (Some(block.header), BlockState::Restorable),
        Err(error) => (None, BlockState::Bad(error)),
    };
    SectionReport { entry: entry.clone(), header, state }
}

fn state(copy: Result<FooterCopy>) -> BlockState {
    match copy {
        Ok(copy) if copy.restorable => BlockState::Restorable,
        Ok(_) => BlockState::Good,
        Err(error) => BlockState::Bad(error),
    }
}

impl fmt::Display for BlockState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("good"),
            Self::Restorable => f.write_str("damaged, restorable from its parity"),
            Self::Absent => f.write_str("absent"),
            Self::Bad(error) => write!(f, "bad: {error}"),
        }
    }
}

/// Formats the report as one line for each block.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} bytes", self.file.display(), self.len)?;
        writeln!(f, "tail: {}", self.tail)?;
        writeln!(f, "mirror: {}", self.mirror)?;
        if !self.copies_agree {
            writeln!(f, "tail and mirror disagree")?;
        }
        for SectionReport { entry, header, state } in &self.sections {
            write!(f, "section {}: offset {}, size {}", entry.name, entry.offset, entry.size)?;
            write!(f, ", checksum {:032x}", entry.checksum)?;
            if header.is_some_and(|header| header.encrypted) {
                f.write_str(", encrypted")?;
            }
            if header.is_some_and(|header| header.parity) {
                f.write_str(", with parity")?;
            }
            writeln!(f, ": {state}")?;
        }
        Ok(())
    }
}
