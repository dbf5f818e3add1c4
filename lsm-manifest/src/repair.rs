//! [`repair`]: an archive written anew from what is known of it.

use std::{fmt, io, mem, path::Path};

use lsm_fs::{DirectorySync, Fs, FsExt, FsFile, Op, SyncMode};

use crate::{
    Error, ReadOptions, Result,
    archive_file::{ArchiveFile, FooterCopy},
    footer::size_hint,
    format::HEAD_LEN,
    inspect::{Copies, read_block},
};

/// A part of an archive that was written anew.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// The footer behind the sections, and all behind it.
    Tail,
    /// The head: the copy of the footer, or zeros where there is none.
    Mirror,
    /// The section of that name, from its parity.
    Section(String),
}

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a repair may leave damage that it cannot undo"]
pub struct Repair {
    /// What was written anew; nothing if the file was not touched.
    pub parts: Vec<Part>,
    /// Sections that are damaged still. Restore them from a copy.
    pub damaged: Vec<String>,
    /// Whether the repaired file's name survives a crash; if not, a crash may bring the damaged file back. `None`: the
    /// file was not touched.
    pub directory_sync: Option<DirectorySync>,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tail => f.write_str("the tail"),
            Self::Mirror => f.write_str("the mirror"),
            Self::Section(name) => write!(f, "section {name}"),
        }
    }
}

/// Writes a damaged tail or mirror anew from the other one, and damaged sections from their parity.
///
/// The repaired file replaces the damaged one as one step, so a crash leaves one of the two, and other links to the
/// damaged inode keep it. Nothing is guessed: every byte is one that a checksum vouches for, except in sections that
/// cannot be restored; these are copied as they are, and named in the result. A healthy file is not touched, nor is one
/// that only lacks something this reader cannot judge. Each part is logged. One section is in memory at a time.
///
/// The digest in CURRENT covers none of what is repaired, so it holds on.
///
/// # Errors
///
/// [`NoFooter`](Error::NoFooter) and the like if neither footer can be read;
/// [`CopiesDisagree`](Error::CopiesDisagree); [`KeyRequired`](Error::KeyRequired), [`Rejected`](Error::Rejected) and
/// [`UnsupportedVersion`](Error::UnsupportedVersion) for either footer: not damage, so not repaired;
/// [`Fs`](Error::Fs). The file is as it was, unless the operation is [`Op::SyncDirectory`](lsm_fs::Op::SyncDirectory):
/// then it is repaired, and a crash may bring the damaged one back. Owner and mode are those of a new file of this
/// process.
pub fn repair(fs: &dyn Fs, path: &Path, options: &ReadOptions) -> Result<Repair> {
    let archive = ArchiveFile::open(fs, path, options)?;
    let copies = Copies::read(&archive);
    if !copies.agree() {
        return Err(Error::CopiesDisagree { file: archive.path });
    }
    let mut parts = Vec::new();
    let absent = copies.mirror_is_absent();
    let good = match (copies.tail, copies.mirror) {
        (Ok(tail), Ok(mirror)) => {
            parts.extend(tail.restorable.then_some(Part::Tail));
            parts.extend(mirror.restorable.then_some(Part::Mirror));
            tail
        }
        (Ok(tail), Err(mirror)) => {
            parts.extend(tail.restorable.then_some(Part::Tail));
            if !absent {
                parts.push(only_if_damaged(mirror, Part::Mirror)?);
            }
            tail
        }
        (Err(tail), Ok(mirror)) => {
            parts.push(only_if_damaged(tail, Part::Tail)?);
            parts.extend(mirror.restorable.then_some(Part::Mirror));
            mirror
        }
        (Err(tail), Err(mirror)) => return Err(archive.no_footer(tail, mirror)),
    };
    let damaged = look_at_sections(&archive, &good, &mut parts)?;
    for part in &parts {
        log::warn!("{}: writing {part} anew", path.display());
    }
    let directory_sync = if parts.is_empty() { None } else { Some(rewrite(fs, &archive, &good)?) };
    Ok(Repair { parts, damaged, directory_sync })
}

/// A footer that is out of reach may be sound.
fn only_if_damaged(error: Error, part: Part) -> Result<Part> {
    if error.is_corruption() { Ok(part) } else { Err(error) }
}

/// Adds the sections that parity restores to the parts, and returns the names of those that nothing restores.
fn look_at_sections(archive: &ArchiveFile, good: &FooterCopy, parts: &mut Vec<Part>) -> Result<Vec<String>> {
    let mut damaged = Vec::new();
    for entry in good.footer.sections() {
        match read_block(archive, entry) {
            Ok(block) if block.is_good => {}
            Ok(_) => parts.push(Part::Section(entry.name.clone())),
            Err(error) if error.is_corruption() => damaged.push(entry.name.clone()),
            Err(error) => return Err(error),
        }
    }
    Ok(damaged)
}

/// Replaces the file by one as it was first written, as far as that is known.
fn rewrite(fs: &dyn Fs, archive: &ArchiveFile, good: &FooterCopy) -> Result<DirectorySync> {
    let mut unreadable = None;
    let rewritten = fs.rewrite_atomic_with(&archive.path, SyncMode::Full, &mut |file| {
        let mut gathered = Gathered { file, bytes: Vec::new(), written: 0 };
        write_all(archive, good, &mut gathered).map_err(|error| match error {
            Error::Fs(error) => error,
            error => {
                unreadable = Some(error);
                lsm_fs::Error::new(Op::ReadAt, &archive.path, io::ErrorKind::InvalidData)
            }
        })
    });
    unreadable.map_or_else(|| Ok(rewritten?), Err)
}

fn write_all(archive: &ArchiveFile, good: &FooterCopy, to: &mut Gathered<'_>) -> Result<()> {
    let mut head = if good.footer.has_mirror() { good.block.clone() } else { Vec::new() };
    head.resize(HEAD_LEN, 0);
    to.push(&head)?;
    for entry in good.footer.sections() {
        match read_block(archive, entry) {
            Ok(block) => to.push(&block.as_written)?,
            Err(error) if error.is_corruption() => {
                to.push(&archive.read(entry.offset, u64::from(entry.size))?)?;
            }
            Err(error) => return Err(error),
        }
    }
    to.push(&good.block)?;
    to.push(&size_hint(&good.block))?;
    to.flush()
}

/// The number of bytes that are gathered before they are written, so that a small archive takes one write.
const GATHER: usize = 256 * 1024;

/// A file that is written from its start to its end.
struct Gathered<'a> {
    file: &'a dyn FsFile,
    bytes: Vec<u8>,
    written: u64,
}

impl Gathered<'_> {
    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        if self.bytes.len() + bytes.len() <= GATHER {
            self.bytes.extend_from_slice(bytes);
            return Ok(());
        }
        self.flush()?;
        self.write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        let bytes = mem::take(&mut self.bytes);
        if bytes.is_empty() { Ok(()) } else { self.write(&bytes) }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_at(bytes, self.written)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}
