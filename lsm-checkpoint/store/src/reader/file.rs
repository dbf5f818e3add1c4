//! [`RemoteFile`]: an open file of a backup.

use std::{
    fmt,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use lsm_fs::{Error, FileHint, FsFile, FsMetadata, Op, Result, SyncMode};

use super::{
    cache::PieceId,
    fetch::{Fetcher, RUN},
    tree::{Node, touched},
};
use crate::format::PIECE;

/// The maximum number of pieces that are fetched ahead of a reader. A request ends at a multiple of `RUN`, so there may
/// be up to `RUN - 1` fewer.
const AHEAD: u64 = 2 * RUN;

/// The offset of the next read is unknown.
const NOWHERE: u64 = u64::MAX;

/// A file that is open for reading.
pub(super) struct RemoteFile {
    path: PathBuf,
    node: Node,
    fetcher: Arc<Fetcher>,
    position: u64,
    /// The offset after the last read. A read that begins there is sequential.
    expected: AtomicU64,
    is_random: AtomicBool,
}

impl RemoteFile {
    pub(super) fn new(path: &Path, node: Node, fetcher: Arc<Fetcher>) -> Self {
        let (expected, is_random) = (AtomicU64::new(NOWHERE), AtomicBool::new(false));
        Self { path: path.to_path_buf(), node, fetcher, position: 0, expected, is_random }
    }

    fn error(&self, op: Op, source: impl Into<io::Error>) -> Error {
        Error::new(op, self.path.clone(), source)
    }

    /// Fills the buffer from an offset, up to the end of the file.
    fn fill(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let len = self.node.metadata().len;
        let wanted = (buf.len() as u64).min(len.saturating_sub(offset));
        let count = usize::try_from(wanted).unwrap_or(usize::MAX).min(buf.len());
        let (buf, _) = buf.split_at_mut(count);
        match self.node {
            Node::File { at, .. } => self.fill_from_pieces(at, buf, offset)?,
            _ => copy(self.fetcher.checkpoint(), offset, buf),
        }
        Ok(count)
    }

    fn fill_from_pieces(&self, file: usize, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset + buf.len() as u64;
        let pieces = touched(offset, buf.len() as u64);
        let len = self.node.metadata().len;
        // A read of the whole file counts as sequential, because its pieces are not needed again.
        let is_whole = offset == 0 && end == len;
        let is_sequel = self.expected.swap(end, Ordering::Relaxed) == offset || is_whole;
        let is_ahead = is_sequel && !self.is_random.load(Ordering::Relaxed);
        let wanted = if is_ahead { (pieces.end + AHEAD) / RUN * RUN } else { pieces.end };
        if wanted - pieces.start > 1 {
            self.fetcher.want(file, pieces.start..wanted, false);
        }
        let mut rest = buf;
        for piece in pieces {
            let id = PieceId { file, piece };
            let bytes = self.fetcher.piece(id)?;
            let from = offset.max(piece * PIECE);
            let count = usize::try_from(end.min((piece + 1) * PIECE) - from).unwrap_or(rest.len());
            let (part, behind) = rest.split_at_mut(count.min(rest.len()));
            copy(&bytes, from - piece * PIECE, part);
            rest = behind;
            if is_sequel && end >= len.min((piece + 1) * PIECE) {
                self.fetcher.is_read(id);
            }
        }
        Ok(())
    }
}

/// Fills a buffer from the bytes at an offset. The bytes reach that far.
fn copy(bytes: &[u8], offset: u64, buf: &mut [u8]) {
    let from = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
    debug_assert!(from.len() >= buf.len(), "the catalog gives each piece its length");
    buf.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

impl Drop for RemoteFile {
    fn drop(&mut self) {
        if let Node::File { at, .. } = self.node
            && self.expected.load(Ordering::Relaxed) == self.node.metadata().len
        {
            self.fetcher.file_is_read(at);
        }
    }
}

impl fmt::Debug for RemoteFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteFile")
            .field("path", &self.path)
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl Read for RemoteFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.fill(buf, self.position).map_err(|error| self.error(Op::Read, error))?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Write for RemoteFile {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.error(Op::Write, io::ErrorKind::PermissionDenied).into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for RemoteFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.node.metadata().len.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or_else(|| self.error(Op::Seek, io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

impl FsFile for RemoteFile {
    /// Does nothing, because nothing can be written through it.
    fn sync_all(&self, _: SyncMode) -> Result<()> {
        Ok(())
    }

    fn sync_data(&self, _: SyncMode) -> Result<()> {
        Ok(())
    }

    fn start_writeback(&self, _: u64, _: u64) -> Result<()> {
        Ok(())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        if offset.checked_add(buf.len() as u64).is_none() {
            return Err(self.error(Op::ReadAt, io::ErrorKind::InvalidInput));
        }
        self.fill(buf, offset).map_err(|error| self.error(Op::ReadAt, error))
    }

    fn write_at(&self, _: &[u8], _: u64) -> Result<()> {
        Err(self.error(Op::WriteAt, io::ErrorKind::PermissionDenied))
    }

    fn set_len(&self, _: u64) -> Result<()> {
        Err(self.error(Op::SetLen, io::ErrorKind::PermissionDenied))
    }

    fn metadata(&self) -> Result<FsMetadata> {
        Ok(self.node.metadata())
    }

    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>> {
        let len = self.node.metadata().len;
        Ok((offset < len).then_some(offset..len))
    }

    fn hint(&self, hint: FileHint) -> Result<()> {
        match (hint, self.node) {
            (FileHint::Random, _) => self.is_random.store(true, Ordering::Relaxed),
            (FileHint::Sequential, _) => self.expected.store(0, Ordering::Relaxed),
            (FileHint::WillNeed, Node::File { at, len, .. }) => {
                self.fetcher.want(at, 0..len.div_ceil(PIECE), false);
            }
            _ => {}
        }
        Ok(())
    }

    fn try_lock_exclusive(&self) -> Result<bool> {
        Err(self.error(Op::TryLockExclusive, io::ErrorKind::Unsupported))
    }
}
