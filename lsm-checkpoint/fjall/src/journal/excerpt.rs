//! [`Excerpt`]: pieces of a journal, presented as one file.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    sync::Arc,
};

use lsm_fs::{Error, FileHint, FsFile, FsFileType, FsMetadata, Op, Result, SyncMode};

use super::{
    held::{Journal, file_name},
    piece::Piece,
};

/// Pieces of a journal.
#[derive(Clone, Debug)]
pub(crate) struct Excerpt {
    name: String,
    journal: Arc<Journal>,
    pieces: Arc<[Piece]>,
    len: u64,
}

impl Excerpt {
    pub(super) fn new(number: u64, journal: &Arc<Journal>, pieces: Vec<Piece>) -> Self {
        let len = pieces.iter().map(Piece::len).sum();
        Self { name: file_name(number), journal: Arc::clone(journal), pieces: pieces.into(), len }
    }

    /// Returns the name of the journal, without its directory.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the total length of the pieces.
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

    /// Returns the piece at an offset, and the offset in that piece.
    fn locate(&self, offset: u64) -> Option<(&Piece, u64)> {
        let mut left = offset;
        for piece in self.pieces.iter() {
            if left < piece.len() {
                return Some((piece, left));
            }
            left -= piece.len();
        }
        None
    }

    /// Reads from one piece. Returns 0 at the end.
    fn read_piece(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let Some((piece, at)) = self.locate(offset) else { return Ok(0) };
        let len = usize::try_from(piece.len() - at).unwrap_or(usize::MAX).min(buf.len());
        let buf = buf.get_mut(..len).unwrap_or_default();
        match piece {
            Piece::File(range) => self.journal.file.read_at(buf, range.start + at),
            Piece::New(bytes) => {
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                buf.copy_from_slice(bytes.get(at..).and_then(|rest| rest.get(..len)).unwrap_or_default());
                Ok(len)
            }
        }
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

    /// Fills the buffer across pieces, because a short read means the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let read = self.excerpt.read_piece(rest, offset + filled as u64)?;
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
