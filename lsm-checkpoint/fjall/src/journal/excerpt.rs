//! [`Excerpt`]: parts of a journal, presented as one file.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    sync::Arc,
};

use lsm_fs::{Error, FileHint, FsFile, FsFileType, FsMetadata, Op, Result, SyncMode};

use super::held::{Journal, file_name};

/// Parts of a journal.
#[derive(Clone, Debug)]
pub(crate) struct Excerpt {
    name: String,
    journal: Arc<Journal>,
    parts: Arc<[Range<u64>]>,
    len: u64,
}

impl Excerpt {
    pub(super) fn new(number: u64, journal: &Arc<Journal>, parts: Vec<Range<u64>>) -> Self {
        let len = parts.iter().map(|part| part.end - part.start).sum();
        Self { name: file_name(number), journal: Arc::clone(journal), parts: parts.into(), len }
    }

    /// Returns the name of the journal, without its directory.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the total length of the parts.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Returns the metadata of the journal, with the length of the excerpt.
    pub(super) fn metadata(&self) -> Result<FsMetadata> {
        let mut metadata = FsMetadata::new(FsFileType::File, self.len);
        metadata.permissions = self.journal.file.metadata()?.permissions;
        Ok(metadata)
    }

    /// Opens the excerpt as a file.
    pub(super) fn open(&self) -> ExcerptFile {
        ExcerptFile { excerpt: self.clone(), position: 0 }
    }

    /// Returns the place of an offset in the journal, and the number of bytes from there to the end of its part.
    fn locate(&self, offset: u64) -> Option<(u64, u64)> {
        let mut left = offset;
        for part in self.parts.iter() {
            let len = part.end - part.start;
            if left < len {
                return Some((part.start + left, len - left));
            }
            left -= len;
        }
        None
    }
}

/// An excerpt that is open for reading.
#[derive(Debug)]
pub(super) struct ExcerptFile {
    excerpt: Excerpt,
    position: u64,
}

impl ExcerptFile {
    fn refuse<T>(&self, op: Op) -> Result<T> {
        Err(Error::new(op, &self.excerpt.journal.path, io::Error::from(io::ErrorKind::Unsupported)))
    }
}

impl Read for ExcerptFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.read_at(buf, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Write for ExcerptFile {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for ExcerptFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.excerpt.len.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl FsFile for ExcerptFile {
    /// Does nothing, because the file is read-only.
    fn sync_all(&self, _: SyncMode) -> Result<()> {
        Ok(())
    }

    fn sync_data(&self, _: SyncMode) -> Result<()> {
        Ok(())
    }

    fn start_writeback(&self, _: u64, _: u64) -> Result<()> {
        Ok(())
    }

    /// Fills the buffer across parts, because a short read means the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let Some((at, left)) = self.excerpt.locate(offset + filled as u64) else { break };
            let len = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let read = self.excerpt.journal.file.read_at(rest.get_mut(..len).unwrap_or_default(), at)?;
            if read == 0 {
                break;
            }
            filled += read;
        }
        Ok(filled)
    }

    fn write_at(&self, _: &[u8], _: u64) -> Result<()> {
        self.refuse(Op::WriteAt)
    }

    fn set_len(&self, _: u64) -> Result<()> {
        self.refuse(Op::SetLen)
    }

    fn metadata(&self) -> Result<FsMetadata> {
        self.excerpt.metadata()
    }

    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>> {
        Ok((offset < self.excerpt.len).then_some(offset..self.excerpt.len))
    }

    fn hint(&self, _: FileHint) -> Result<()> {
        Ok(())
    }

    fn try_lock_exclusive(&self) -> Result<bool> {
        self.refuse(Op::TryLockExclusive)
    }
}
