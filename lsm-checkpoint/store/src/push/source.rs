//! Reads the files of a checkpoint and computes their digests.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use lsm_fs::{Fs, FsFile, FsOpenOptions};
use object_store::PutPayload;
use xxhash_rust::xxh3::Xxh3Default;

use super::survey::LocalFile;
use crate::{
    error::{Error, Result},
    format::{PIECE, Sha256, sha256},
    meter::Meter,
};

/// The checkpoint's directory.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) dir: PathBuf,
}

/// A file that is read from front to end.
pub(super) struct Reading {
    file: Box<dyn FsFile>,
    path: PathBuf,
    offset: u64,
    len: u64,
    expected: Option<u128>,
    hasher: Box<Xxh3Default>,
    pub(super) pieces: Vec<Sha256>,
}

impl Source {
    /// Opens a file, which must still have its length.
    pub(super) fn open(&self, file: &LocalFile) -> Result<Reading> {
        let path = self.dir.join(&file.path);
        let open = self.fs.beneath(&self.dir)?.open(&path, &FsOpenOptions::new().read(true))?;
        if open.metadata()?.len != file.len {
            return Err(Error::SourceDamaged { path, what: "another length" });
        }
        let (hasher, expected) = (Box::default(), file.checksum);
        Ok(Reading { file: open, path, offset: 0, len: file.len, expected, hasher, pieces: Vec::new() })
    }

    /// Reads a file only to compute its digests. Looks at the meter at each piece.
    pub(super) fn digest(&self, file: &LocalFile, meter: &Meter) -> Result<Vec<Sha256>> {
        let mut reading = self.open(file)?;
        while reading.next(PIECE)?.is_some() {
            meter.ask()?;
        }
        Ok(reading.pieces)
    }
}

impl Reading {
    /// Reads the next part. `part` is a multiple of a piece, or reaches the end of the file. At the end of the file,
    /// compares its checksum, and returns `None`.
    pub(super) fn next(&mut self, part: u64) -> Result<Option<Bytes>> {
        let len = part.min(self.len.saturating_sub(self.offset));
        if len == 0 {
            return Ok(None);
        }
        let mut bytes = vec![0; usize::try_from(len).map_err(|_| self.damaged("longer than memory"))?];
        if self.file.read_at(&mut bytes, self.offset)? < bytes.len() {
            return Err(self.damaged("shorter than its catalog says"));
        }
        self.offset += len;
        let piece = usize::try_from(PIECE).unwrap_or(usize::MAX);
        self.pieces.extend(bytes.chunks(piece).map(sha256));
        if self.expected.is_some() {
            self.hasher.update(&bytes);
        }
        let is_last = self.offset == self.len;
        if is_last && self.expected.is_some_and(|expected| expected != self.hasher.digest128()) {
            return Err(self.damaged("another checksum"));
        }
        Ok(Some(Bytes::from(bytes)))
    }

    /// As [`next`](Self::next), with an allocation for each piece. Threads take turns in reading, and the allocator
    /// keeps the memory that a thread has freed for that thread. The smaller the allocations, the less it keeps.
    pub(super) fn next_in_pieces(&mut self, part: u64) -> Result<Option<PutPayload>> {
        let end = self.offset.saturating_add(part);
        let mut pieces = Vec::new();
        while self.offset < end
            && let Some(piece) = self.next(PIECE.min(end - self.offset))?
        {
            pieces.push(piece);
        }
        Ok((!pieces.is_empty()).then(|| pieces.into_iter().collect()))
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.offset >= self.len
    }

    fn damaged(&self, what: &'static str) -> Error {
        Error::SourceDamaged { path: self.path.clone(), what }
    }
}
