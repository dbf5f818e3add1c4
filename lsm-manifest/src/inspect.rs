//! [`inspect`]: what is good in an archive and what is not.

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

/// What there is to say of an archive.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// The file.
    pub file: PathBuf,
    /// Its length.
    pub len: u64,
    /// The footer behind the sections.
    pub tail: BlockState,
    /// The copy in the head.
    pub mirror: BlockState,
    /// Whether tail and mirror, if both can be read, say the same.
    pub copies_agree: bool,
    /// The sections, in the order in which they lie in the file; none if no footer can be read.
    pub sections: Vec<SectionReport>,
}

/// What there is to say of a section.
#[derive(Debug)]
#[non_exhaustive]
pub struct SectionReport {
    /// Its name, place, size and checksum.
    pub entry: TocEntry,
    /// The block's header, if it can be read.
    pub header: Option<BlockHeader>,
    /// Whether it is good.
    pub state: BlockState,
}

/// Whether a block is good.
#[derive(Debug)]
#[non_exhaustive]
pub enum BlockState {
    /// As it was written.
    Good,
    /// Damaged in payload or parity, and what was written is known: [`repair`](crate::repair()) writes it again.
    Restorable,
    /// Not there, and not meant to be.
    Absent,
    /// Damaged, or out of this reader's reach.
    Bad(Error),
}

impl Report {
    /// Whether everything is as it was written.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.copies_agree
            && matches!(self.tail, BlockState::Good)
            && matches!(self.mirror, BlockState::Good | BlockState::Absent)
            && self.sections.iter().all(|section| matches!(section.state, BlockState::Good))
    }
}

/// Looks at both footers and every section of an archive, and changes nothing.
///
/// # Errors
///
/// [`Fs`](Error::Fs) if the file cannot be opened. Whatever is wrong inside is in the report.
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
    let copies = Copies::read(&archive);
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

/// Both footers, whatever they are worth.
pub(crate) struct Copies {
    pub(crate) tail: Result<FooterCopy>,
    pub(crate) mirror: Result<FooterCopy>,
}

impl Copies {
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

/// A section's block as it was written.
pub(crate) struct SectionBlock {
    pub(crate) header: BlockHeader,
    pub(crate) as_written: Vec<u8>,
    /// `true` if it lies on disk so.
    pub(crate) is_good: bool,
}

/// Reads a section's block and verifies it, without a key.
pub(crate) fn read_block(archive: &ArchiveFile, entry: &TocEntry) -> Result<SectionBlock> {
    let damaged = |damage: Damage| Error::damaged(&archive.path, damage);
    let on_disk = archive.read(entry.offset, u64::from(entry.size))?;
    let (head, payload) =
        on_disk.split_first_chunk().ok_or_else(|| archive.damaged(entry.offset, Defect::BlockLength))?;
    let header = check_header(entry, head).map_err(damaged)?;
    // A block can be as long as 16 MiB: without parity there is no need for a second copy of it.
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

/// Some lines of text, one for each block.
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
