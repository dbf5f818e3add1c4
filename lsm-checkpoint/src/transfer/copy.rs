//! Copies all remaining files in one batch, and computes their checksums on the way.

use std::{
    collections::BTreeMap,
    ops::{ControlFlow, Range},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use lsm_fs::{Copied, CopyJob, CopyObserver, CopyOptions, Fs, FsFile, Permissions, copy::copy_batch};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    FinishedFile, Transfer, check_sum,
    pending::{self, Batch, PendingFile, Reported, order_of},
};
use crate::{
    Change, Error, Method, Result,
    checksum::Hasher,
    permissions::{Keeper, permissions_of_new_dir},
    progress::Control,
    source::Content,
};

/// A copy to make, with its source, its path in the target, and its checksum so far.
struct CopyOrder<'a> {
    source: &'a dyn Fs,
    from: &'a Path,
    to: PathBuf,
    len: Option<u64>,
    permissions: Option<Permissions>,
    created_with: Option<u32>,
    has_holes: bool,
    /// Exists from the first piece to the result.
    hasher: Mutex<Option<Hasher>>,
}

impl CopyOrder<'_> {
    fn job(&self) -> CopyJob<'_> {
        CopyJob { source: self.source, from: self.from, to: &self.to, len: self.len }
    }

    fn update(&self, update: impl FnOnce(&mut Hasher)) {
        let mut hasher = self.hasher.lock().unwrap_or_else(PoisonError::into_inner);
        update(hasher.get_or_insert_with(|| Hasher::new(self.has_holes)));
    }

    fn digest(&self) -> u128 {
        let hasher = self.hasher.lock().unwrap_or_else(PoisonError::into_inner).take();
        // An empty file has no pieces.
        hasher.map_or_else(|| xxh3_128(&[]), |hasher| hasher.digest())
    }
}

/// The permissions of the directories that the copies are made in. Each is looked up once.
struct NewDirs<'f> {
    fs: &'f dyn Fs,
    found: BTreeMap<PathBuf, Option<Permissions>>,
}

impl NewDirs<'_> {
    fn permissions_above(&mut self, path: &Path) -> Result<Option<Permissions>> {
        let dir = path.parent().unwrap_or(path);
        if let Some(found) = self.found.get(dir) {
            return Ok(*found);
        }
        let found = permissions_of_new_dir(self.fs, dir)?;
        self.found.insert(dir.to_path_buf(), found);
        Ok(found)
    }
}

impl<'a> Transfer<'_, 'a> {
    /// Copies the files that no other method has brought.
    pub(super) fn copy_rest(&mut self) -> Result<()> {
        let mut files = std::mem::take(&mut self.to_copy);
        if files.is_empty() {
            return Ok(());
        }
        pending::sort(&mut files);
        self.check_space(&files)?;
        let mut dirs = NewDirs { fs: self.params.fs, found: BTreeMap::new() };
        let mut made = Vec::new();
        let (mut batch, orders) = Batch::new(files, &mut made, |file| self.order(file, &mut dirs))?;
        let jobs: Vec<CopyJob<'_>> = orders.iter().map(CopyOrder::job).collect();
        let watch = Watch { control: self.params.control, keeper: self.params.keeper, orders };
        let options = CopyOptions::new().mode(self.params.mode).observer(&watch);
        let options = options.private(self.params.keeper.is_able());
        copy_batch(self.params.fs, &jobs, &options, &mut |index, copied| {
            batch.report(index, |file, order| self.copied(file, order, copied).map(|()| Reported::Finished))
        });
        batch.end()?.all_reported().map(drop)
    }

    /// Checks that the copies fit on the volume. If their lengths do not fit, compares the space that the sources
    /// occupy, because holes take no space.
    fn check_space(&self, files: &[PendingFile<'_>]) -> Result<()> {
        let Some(free) = self.params.space.free_space(self.params.fs, self.params.dir)? else {
            return Ok(());
        };
        free.check(sum(files, PendingFile::len)?).or_else(|_| free.check(sum(files, PendingFile::allocated)?))
    }

    fn order(&self, file: &PendingFile<'a>, dirs: &mut NewDirs<'_>) -> Result<CopyOrder<'a>> {
        let (to, keeper) = (self.params.dir.join(file.target()), self.params.keeper);
        let permissions = if keeper.is_able() { file.permissions()? } else { None };
        let created_with = match permissions {
            Some(_) => keeper.created_with(permissions, dirs.permissions_above(&to)?),
            None => None,
        };
        let (len, has_holes) = (file.prefix_len(), file.has_holes());
        let (source, from, hasher) = (file.fs, file.path, Mutex::default());
        Ok(CopyOrder { source, from, to, len, permissions, created_with, has_holes, hasher })
    }

    fn copied(
        &mut self,
        file: PendingFile<'a>,
        order: &CopyOrder<'_>,
        copied: lsm_fs::Result<Copied>,
    ) -> Result<()> {
        let copied = copied.map_err(|e| self.explain(&file, e))?;
        if let Content::Immutable { len: Some(expected), .. } | Content::Mutable { len: Some(expected), .. } =
            file.planned.content
            && copied.len != expected
        {
            let what = Change::Length { expected, found: copied.len };
            return Err(Error::SourceChanged { path: file.path.to_path_buf(), what });
        }
        let (digest, permissions) = (order.digest(), order.permissions);
        check_sum(file.path, file.planned.checksum, digest)?;
        let linkable = matches!(file.planned.content, Content::Immutable { .. });
        let finished = file.finished(Method::Copy, copied.len);
        self.finish(FinishedFile { checksum: Some(digest), linkable, permissions, ..finished }, 0)
    }

    fn explain(&self, file: &PendingFile<'_>, error: lsm_fs::Error) -> Error {
        if error.is_cancelled() || self.params.control.is_cancelled() {
            return Error::Cancelled;
        }
        if error.kind() == std::io::ErrorKind::UnexpectedEof
            && let Some(expected) = file.planned.content.known_len()
        {
            return Error::SourceChanged { path: file.path.to_path_buf(), what: Change::Short { expected } };
        }
        file.source_error(error)
    }
}

/// Adds up a number of bytes for each file.
fn sum<'a>(files: &[PendingFile<'a>], bytes: fn(&PendingFile<'a>) -> Result<u64>) -> Result<u64> {
    files.iter().try_fold(0_u64, |sum, file| Ok(sum.saturating_add(bytes(file)?)))
}

/// An observer of the copies. It hashes and counts every piece, limits the rate, and sets the permissions of every
/// copy.
struct Watch<'a> {
    control: &'a Control<'a>,
    keeper: &'a Keeper,
    orders: &'a [CopyOrder<'a>],
}

impl Watch<'_> {
    fn update(&self, job: usize, update: impl FnOnce(&mut Hasher)) {
        if let Ok(order) = order_of(self.orders, job) {
            order.update(update);
        }
    }
}

impl CopyObserver for Watch<'_> {
    fn data(&self, job: usize, _: u64, bytes: &[u8]) -> ControlFlow<()> {
        // Hash in pieces that stay in the cache.
        self.update(job, |hasher| bytes.chunks(HASH_PIECE).for_each(|piece| hasher.update(piece)));
        self.control.copied(bytes.len() as u64)
    }

    fn hole(&self, job: usize, range: Range<u64>) -> ControlFlow<()> {
        let len = range.end.saturating_sub(range.start);
        self.update(job, |hasher| hasher.zeros(len));
        self.control.hole(len)
    }

    fn created_with(&self, job: usize) -> Option<u32> {
        order_of(self.orders, job).ok()?.created_with
    }

    fn written(&self, job: usize, target: &dyn FsFile) -> lsm_fs::Result<()> {
        self.keeper.file(target, order_of(self.orders, job)?.permissions)
    }
}

const HASH_PIECE: usize = 64 << 10;
