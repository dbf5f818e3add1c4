//! Copies, all of them in one batch, hashed on their way.

use std::{
    ops::{ControlFlow, Range},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use lsm_fs::{Copied, CopyJob, CopyObserver, CopyOptions, copy::copy_batch};
use xxhash_rust::xxh3::Xxh3Default;

use super::{Done, Transfer};
use crate::{Change, Error, Method, Result, progress::Control, source::Content};

impl<'a> Transfer<'a> {
    /// Copies what no other method served.
    pub(super) fn copy_rest(&mut self) -> Result<()> {
        let mut items = std::mem::take(&mut self.copies);
        if items.is_empty() {
            return Ok(());
        }
        items.sort_unstable();
        self.check_space(&items)?;
        let targets: Vec<PathBuf> = items.iter().filter_map(|&at| self.target_of(at)).collect();
        let jobs: Vec<CopyJob<'_>> =
            items.iter().zip(&targets).filter_map(|(&at, to)| self.job(at, to)).collect();
        let watch = Watch::new(self.means.control, jobs.len());
        let options = CopyOptions::new().mode(self.means.mode).observer(&watch);
        copy_batch(self.means.fs, &jobs, &options, &mut |index, copied| {
            let Some(&at) = items.get(index) else { return ControlFlow::Continue(()) };
            match self.copied(at, copied, watch.digest(index)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => self.stop_with(error),
            }
        });
        self.stop.take().map_or(Ok(()), Err)
    }

    fn check_space(&self, items: &[usize]) -> Result<()> {
        let mut needed = 0_u64;
        for &at in items {
            let Some((_, file)) = self.item(at) else { continue };
            if let Content::Immutable { fs, .. } | Content::Prefix { fs, .. } = &file.content {
                needed = needed.saturating_add(self.len_of(at, self.views.of(fs, file))?);
            }
        }
        match self.means.fs.available_space(self.means.dir) {
            Ok(available) if available < needed => Err(Error::NoSpace { needed, available }),
            Ok(_) => Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::Unsupported => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn target_of(&self, at: usize) -> Option<PathBuf> {
        self.item(at).map(|(item, _)| self.means.dir.join(self.plan.path_of(item)))
    }

    fn job<'j>(&self, at: usize, to: &'j Path) -> Option<CopyJob<'j>>
    where
        'a: 'j,
    {
        let (_, file) = self.item(at)?;
        match &file.content {
            // Copied whole, so that a length other than the snapshot's shows.
            Content::Immutable { fs, path, .. } => {
                Some(CopyJob { source: self.views.of(fs, file), from: path, to, len: None })
            }
            Content::Prefix { fs, path, len } => {
                Some(CopyJob { source: self.views.of(fs, file), from: path, to, len: Some(*len) })
            }
            Content::Bytes(_) => None,
        }
    }

    fn copied(&mut self, at: usize, copied: lsm_fs::Result<Copied>, digest: u128) -> Result<()> {
        let copied = copied.map_err(|e| self.explain(at, e))?;
        let Some((_, file)) = self.item(at) else { return Ok(()) };
        let path = file.path().map(PathBuf::from).unwrap_or_default();
        if let Content::Immutable { len: Some(expected), .. } = file.content
            && copied.len != expected
        {
            return Err(Error::SourceChanged { path, what: Change::Length { expected, found: copied.len } });
        }
        self.check_sum(&path, file.checksum, digest)?;
        let linkable = matches!(file.content, Content::Immutable { .. });
        self.finish(at, Done { method: Method::Copy, len: copied.len, checksum: Some(digest), linkable }, 0)
    }

    fn explain(&self, at: usize, error: lsm_fs::Error) -> Error {
        if error.is_cancelled() || self.means.control.is_cancelled() {
            return Error::Cancelled;
        }
        if error.kind() == std::io::ErrorKind::UnexpectedEof
            && let Some((_, file)) = self.item(at)
            && let Content::Prefix { path, len: expected, .. }
            | Content::Immutable { path, len: Some(expected), .. } = &file.content
        {
            return Error::SourceChanged { path: path.clone(), what: Change::Short { expected: *expected } };
        }
        self.blame(at, error)
    }
}

/// Sees every piece: hashes it, counts it, slows it down.
struct Watch<'a> {
    control: &'a Control<'a>,
    /// A state is made with a file's first piece and ends with its verdict.
    hashers: Vec<Mutex<Option<Box<Xxh3Default>>>>,
}

impl<'a> Watch<'a> {
    fn new(control: &'a Control<'a>, jobs: usize) -> Self {
        Self { control, hashers: std::iter::repeat_with(Mutex::default).take(jobs).collect() }
    }

    fn update(&self, job: usize, update: impl FnOnce(&mut Xxh3Default)) {
        if let Some(hasher) = self.hashers.get(job) {
            let mut hasher = hasher.lock().unwrap_or_else(PoisonError::into_inner);
            update(hasher.get_or_insert_with(Box::default));
        }
    }

    fn digest(&self, job: usize) -> u128 {
        let hasher = self.hashers.get(job);
        let state = hasher.and_then(|hasher| hasher.lock().unwrap_or_else(PoisonError::into_inner).take());
        state.unwrap_or_default().digest128()
    }
}

impl CopyObserver for Watch<'_> {
    fn data(&self, job: usize, _: u64, bytes: &[u8]) -> ControlFlow<()> {
        // In pieces that stay in the cache.
        self.update(job, |hasher| bytes.chunks(HASH_PIECE).for_each(|piece| hasher.update(piece)));
        self.control.copied(bytes.len() as u64)
    }

    fn hole(&self, job: usize, range: Range<u64>) -> ControlFlow<()> {
        let mut left = range.end.saturating_sub(range.start);
        self.update(job, |hasher| {
            while left > 0 {
                let piece = usize::try_from(left).unwrap_or(HASH_PIECE).min(HASH_PIECE);
                hasher.update(ZEROS.get(..piece).unwrap_or_default());
                left -= piece as u64;
            }
        });
        self.control.hole(range.end.saturating_sub(range.start))
    }
}

const HASH_PIECE: usize = 64 << 10;
static ZEROS: [u8; HASH_PIECE] = [0; HASH_PIECE];
