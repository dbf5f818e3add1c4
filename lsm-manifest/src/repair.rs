//! [`repair`]: rewrites a damaged archive from its undamaged parts.

use std::{fmt, io, mem, path::Path};

use lsm_fs::{DirectorySync, Fs, FsExt, FsFile, Op, SyncMode};

use crate::{
    Error, ReadOptions, Result,
    archive_file::{ArchiveFile, FooterCopy},
    footer::size_hint,
    format::HEAD_LEN,
    inspect::{FooterCopies, read_block},
};

/// A part of an archive that was rewritten.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RepairedPart {
    /// The footer behind the sections, and everything behind it.
    Tail,
    /// The head: the mirror, or zeros if the archive has no mirror.
    Mirror,
    /// The section with this name, restored from its parity.
    Section(String),
}

/// The result of a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a repair may leave damage that it cannot undo"]
pub struct Repair {
    /// The rewritten parts. Empty if the file was not touched.
    pub parts: Vec<RepairedPart>,
    /// Sections that are still damaged. Restore them from a copy.
    pub damaged: Vec<String>,
    /// The result of syncing the directory, or `None` if the file was not touched. After
    /// [`NotSupported`](DirectorySync::NotSupported), a crash may bring back the damaged file.
    pub directory_sync: Option<DirectorySync>,
}

impl fmt::Display for RepairedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tail => f.write_str("the tail"),
            Self::Mirror => f.write_str("the mirror"),
            Self::Section(name) => write!(f, "section {name}"),
        }
    }
}

/// Restores a damaged tail or mirror from the other copy, and damaged sections from their parity.
///
/// The repaired file replaces the damaged one atomically, so a crash leaves one of the two. Other hard links to the
/// damaged file keep the damaged contents. The repair never guesses: every byte that it writes matches a checksum.
/// Sections that cannot be restored are an exception. They are copied as they are and listed in the result. The
/// repaired file has the owner and mode of a file that this process creates. A healthy file is not touched, and neither
/// is a file with parts that this reader cannot verify. Every rewritten part is logged. The repair holds one section in
/// memory at a time.
///
/// The digest in CURRENT remains valid, because a repair does not change the table of contents.
///
/// # Errors
///
/// If any of these errors is returned, the file is unchanged:
///
/// - [`NoFooter`](Error::NoFooter), and the other errors of
///   [`ManifestArchiveReader::open`](crate::ManifestArchiveReader::open): neither footer can be read.
/// - [`CopiesDisagree`](Error::CopiesDisagree): both footers are valid but differ.
/// - [`KeyRequired`](Error::KeyRequired), [`NotEncrypted`](Error::NotEncrypted), [`Rejected`](Error::Rejected),
///   [`Encryption`](Error::Encryption), [`UnsupportedVersion`](Error::UnsupportedVersion): one of the footers cannot be
///   read for a reason other than damage.
/// - [`Fs`](Error::Fs): the filesystem failed. Exception: if the operation is
///   [`Op::SyncDirectory`](lsm_fs::Op::SyncDirectory), the file is repaired, but a crash may bring back the damaged
///   one.
pub fn repair(fs: &dyn Fs, path: &Path, options: &ReadOptions) -> Result<Repair> {
    let archive = ArchiveFile::open(fs, path, options)?;
    let copies = FooterCopies::read(&archive);
    if !copies.agree() {
        return Err(Error::CopiesDisagree { file: archive.path });
    }
    let mut parts = Vec::new();
    let absent = copies.mirror_is_absent();
    let good = match (copies.tail, copies.mirror) {
        (Ok(tail), Ok(mirror)) => {
            parts.extend(tail.restorable.then_some(RepairedPart::Tail));
            parts.extend(mirror.restorable.then_some(RepairedPart::Mirror));
            tail
        }
        (Ok(tail), Err(mirror)) => {
            parts.extend(tail.restorable.then_some(RepairedPart::Tail));
            if !absent {
                parts.push(only_if_damaged(mirror, RepairedPart::Mirror)?);
            }
            tail
        }
        (Err(tail), Ok(mirror)) => {
            parts.push(only_if_damaged(tail, RepairedPart::Tail)?);
            parts.extend(mirror.restorable.then_some(RepairedPart::Mirror));
            mirror
        }
        (Err(tail), Err(mirror)) => return Err(archive.no_footer(tail, mirror)),
    };
    let damaged = classify_sections(&archive, &good, &mut parts)?;
    for part in &parts {
        log::warn!("{}: rewriting {part}", path.display());
    }
    let directory_sync = if parts.is_empty() { None } else { Some(rewrite(fs, &archive, &good)?) };
    Ok(Repair { parts, damaged, directory_sync })
}

/// A footer that this reader cannot read may be sound, so it must not be overwritten.
fn only_if_damaged(error: Error, part: RepairedPart) -> Result<RepairedPart> {
    if error.is_corruption() { Ok(part) } else { Err(error) }
}

/// Adds the sections that parity can restore to `parts`. Returns the names of the sections that cannot be restored.
fn classify_sections(
    archive: &ArchiveFile,
    good: &FooterCopy,
    parts: &mut Vec<RepairedPart>,
) -> Result<Vec<String>> {
    let mut damaged = Vec::new();
    for entry in good.footer.sections() {
        match read_block(archive, entry) {
            Ok(block) if block.is_good => {}
            Ok(_) => parts.push(RepairedPart::Section(entry.name.clone())),
            Err(error) if error.is_corruption() => damaged.push(entry.name.clone()),
            Err(error) => return Err(error),
        }
    }
    Ok(damaged)
}

/// Replaces the file by a new one that is as close as possible to the original.
fn rewrite(fs: &dyn Fs, archive: &ArchiveFile, good: &FooterCopy) -> Result<DirectorySync> {
    let mut unreadable = None;
    let rewritten = fs.rewrite_atomic_with(&archive.path, SyncMode::Full, &mut |file| {
        let mut gathered = SequentialWriter { file, bytes: Vec::new(), written: 0 };
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

fn write_all(archive: &ArchiveFile, good: &FooterCopy, to: &mut SequentialWriter<'_>) -> Result<()> {
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

/// Number of bytes that are gathered before they are written. A small archive takes one write.
const GATHER: usize = 256 * 1024;

/// A file that is written sequentially.
struct SequentialWriter<'a> {
    file: &'a dyn FsFile,
    bytes: Vec<u8>,
    written: u64,
}

impl SequentialWriter<'_> {
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
