//! Copies a metadata file piece by piece, so that nothing is allocated for a length that a catalog claims.

use std::{io, ops::Range, path::PathBuf};

use lsm_fs::{Fs, FsFile, FsMetadata, FsOpenOptions};

use crate::{CatalogFile, Change, Error, ManifestTarget, Result, checksum::Hasher};

/// The bytes of a file that are in memory at a time.
const PIECE: usize = 64 << 10;

/// The allocated size from which a file is compared with the free space before the copy.
const LONG: u64 = 1 << 20;

/// A metadata file of a checkpoint that is open.
struct Source<'a> {
    path: PathBuf,
    file: Box<dyn FsFile>,
    /// The file as the catalog lists it.
    listed: &'a CatalogFile,
    has_holes: bool,
}

/// Copies a file of a catalog to its place in the target, and compares it with its checksum.
///
/// # Errors
///
/// [`SourceChanged`](Error::SourceChanged), [`SourceCorrupt`](Error::SourceCorrupt), [`NoSpace`](Error::NoSpace),
/// [`Fs`](Error::Fs).
pub(super) fn copy(
    fs: &dyn Fs,
    path: PathBuf,
    listed: &CatalogFile,
    target: &ManifestTarget<'_>,
) -> Result<()> {
    let (source, there) = Source::open(fs, path, listed)?;
    let allocated = there.allocated_bytes.map_or(there.len, |allocated| allocated.min(there.len));
    if allocated >= LONG
        && let Some(free) = target.space().free_space(target.fs(), target.dir())?
    {
        free.check(allocated)?;
    }
    let made = target.create(&listed.name, listed.attributes.over(there.permissions))?;
    let found = source.copy_to(&*made)?;
    match listed.checksum.filter(|&expected| expected != found) {
        Some(expected) => Err(Error::SourceCorrupt { path: source.path, expected, found }),
        None => Ok(()),
    }
}

impl<'a> Source<'a> {
    /// Opens a file and checks that it has the length in the catalog. Returns its metadata, too.
    fn open(fs: &dyn Fs, path: PathBuf, listed: &'a CatalogFile) -> Result<(Self, FsMetadata)> {
        let file = match fs.open(&path, &FsOpenOptions::new().read(true)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(Error::SourceChanged { path, what: Change::Gone });
            }
            opened => opened?,
        };
        let there = file.metadata()?;
        let has_holes = there.allocated_bytes.is_some_and(|allocated| allocated < there.len);
        let source = Self { path, file, listed, has_holes };
        if there.len == listed.len { Ok((source, there)) } else { Err(source.changed(there.len)) }
    }

    /// Copies the whole file, without its holes. Returns the checksum.
    fn copy_to(&self, made: &dyn FsFile) -> Result<u128> {
        let (mut hasher, mut done, mut piece) = (Hasher::new(self.has_holes), 0, Vec::new());
        while done < self.listed.len {
            let data = self.next_data(done)?;
            hasher.zeros(data.start - done);
            done = data.start;
            while done < data.end {
                piece.resize(usize::try_from(data.end - done).unwrap_or(PIECE).min(PIECE), 0);
                let read = self.file.read_at(&mut piece, done)?;
                if read < piece.len() {
                    return Err(self.changed(done + read as u64));
                }
                hasher.update(&piece);
                made.write_at(&piece, done)?;
                done += read as u64;
            }
        }
        if self.has_holes {
            // If the file ends in a hole, no write has set the length of the copy.
            made.set_len(self.listed.len)?;
        }
        Ok(hasher.digest())
    }

    /// Returns the next range of data at or after an offset.
    fn next_data(&self, offset: u64) -> lsm_fs::Result<Range<u64>> {
        let len = self.listed.len;
        if !self.has_holes {
            return Ok(offset..len);
        }
        let Some(found) = self.file.next_data(offset)? else { return Ok(len..len) };
        let data = found.start.clamp(offset, len)..found.end.min(len);
        // If the backend returns an empty range, treat the rest as data and do not ask it again.
        Ok(if data.is_empty() && data.start < len { offset..len } else { data })
    }

    fn changed(&self, found: u64) -> Error {
        let what = Change::Length { expected: self.listed.len, found };
        Error::SourceChanged { path: self.path.clone(), what }
    }
}
