//! A filesystem with one thing left out: the n-th sync, or the renaming of directories; or with somebody else on it.

mod file;
mod meddler;

use std::{
    ffi::OsStr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use file::TweakedFile;
use lsm_fs::{
    CopyJob, CopyOptions, CopyReport, DirectorySync, Error, Fs, FsCapabilities, FsDirEntry, FsDirLock,
    FsFile, FsMetadata, FsOpenOptions, LinkReport, MetadataReport, NamePair, Op, Result, SyncMode,
    SyncReport, batch, copy,
};
use meddler::{Meddler, When};

#[derive(Clone, Debug)]
pub(crate) struct Tweak<F> {
    inner: F,
    syncs: Arc<AtomicUsize>,
    skipped: Option<usize>,
    renames_directories: bool,
    meddler: Option<Arc<Meddler<F>>>,
}

impl<F: Fs> Tweak<F> {
    pub(crate) fn new(inner: F) -> Self {
        Self { inner, syncs: Arc::default(), skipped: None, renames_directories: true, meddler: None }
    }

    /// The n-th sync, counted from 0, says that it is done and does nothing.
    pub(crate) fn without_sync(mut self, nth: Option<usize>) -> Self {
        self.skipped = nth;
        self
    }

    pub(crate) fn without_directory_renames(mut self) -> Self {
        self.renames_directories = false;
        self
    }

    /// Somebody does this just before each call of this kind for a path. Calls of these kinds are seen: `Open`,
    /// `RemoveDir`, `RenameNoreplace` (by its first path) and `LockDirectory`.
    pub(crate) fn before(
        mut self,
        op: Op,
        path: &'static str,
        act: impl Fn(&F) + Send + Sync + 'static,
    ) -> Self {
        self.meddler = Some(Arc::new(Meddler::new(When::Before, op, path, act)));
        self
    }

    /// Somebody does this just after each call of this kind for a path, before the caller can do anything else.
    pub(crate) fn after(
        mut self,
        op: Op,
        path: &'static str,
        act: impl Fn(&F) + Send + Sync + 'static,
    ) -> Self {
        self.meddler = Some(Arc::new(Meddler::new(When::After, op, path, act)));
        self
    }

    /// Makes a call that somebody may come before or behind.
    fn beside<T>(&self, op: Op, path: &Path, call: impl FnOnce() -> T) -> T {
        let Some(meddler) = &self.meddler else { return call() };
        meddler.meddle(When::Before, op, path, &self.inner);
        let result = call();
        meddler.meddle(When::After, op, path, &self.inner);
        result
    }

    /// How many syncs were asked for.
    pub(crate) fn syncs(&self) -> usize {
        self.syncs.load(Ordering::Relaxed)
    }

    pub(crate) fn inner(&self) -> &F {
        &self.inner
    }

    fn is_skipped(&self) -> bool {
        Some(self.syncs.fetch_add(1, Ordering::Relaxed)) == self.skipped
    }

    fn check_rename(&self, op: Op, from: &Path, to: &Path) -> Result<()> {
        if !self.renames_directories && self.inner.metadata(from).is_ok_and(|metadata| metadata.is_dir()) {
            return Err(Error::with_paths(
                op,
                from,
                to,
                std::io::Error::from(std::io::ErrorKind::Unsupported),
            ));
        }
        Ok(())
    }
}

#[deny(clippy::missing_trait_methods)]
impl<F: Fs + Clone + 'static> Fs for Tweak<F> {
    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        let file = self.beside(Op::Open, path, || self.inner.open(path, options))?;
        let tweak = self.clone();
        Ok(Box::new(TweakedFile::new(file, Box::new(move || tweak.is_skipped()))))
    }
    fn create_dir(&self, path: &Path) -> Result<()> {
        self.inner.create_dir(path)
    }
    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        self.inner.read_dir(path)
    }
    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.inner.metadata(path)
    }
    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.inner.symlink_metadata(path)
    }
    fn remove_file(&self, path: &Path) -> Result<()> {
        self.inner.remove_file(path)
    }
    fn remove_dir(&self, path: &Path) -> Result<()> {
        self.beside(Op::RemoveDir, path, || self.inner.remove_dir(path))
    }
    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        self.inner.remove_dir_all(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.check_rename(Op::Rename, from, to)?;
        self.inner.rename(from, to)
    }
    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        self.check_rename(Op::RenameNoreplace, from, to)?;
        self.beside(Op::RenameNoreplace, from, || self.inner.rename_noreplace(from, to))
    }
    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner.hard_link(from, to)
    }
    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner.reflink_file(from, to)
    }
    fn sync_directory(&self, path: &Path, mode: SyncMode) -> Result<DirectorySync> {
        if self.is_skipped() { Ok(DirectorySync::Durable) } else { self.inner.sync_directory(path, mode) }
    }
    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        self.beside(Op::LockDirectory, path, || self.inner.try_lock_directory(path))
    }
    fn backend_id(&self) -> Option<u64> {
        self.inner.backend_id()
    }
    fn volume_id(&self, path: &Path) -> Result<u64> {
        self.inner.volume_id(path)
    }
    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        self.inner.capabilities(path)
    }
    fn available_space(&self, path: &Path) -> Result<u64> {
        self.inner.available_space(path)
    }
    fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        self.inner.punch_hole(path, offset, len)
    }
    fn truncate_file(&self, path: &Path, len: u64) -> Result<()> {
        self.inner.truncate_file(path, len)
    }
    fn try_disable_cow(&self, path: &Path) -> Result<bool> {
        self.inner.try_disable_cow(path)
    }
    fn metadata_batch(&self, dir: &Path, names: &[&OsStr], report: MetadataReport<'_>) {
        batch::metadata_each(self, dir, names, report);
    }
    fn hard_link_batch(
        &self,
        from_dir: &Path,
        to_dir: &Path,
        names: &[NamePair<'_>],
        report: LinkReport<'_>,
    ) {
        batch::link_each(self, from_dir, to_dir, names, report);
    }
    fn reflink_batch(
        &self,
        from_dir: &Path,
        to_dir: &Path,
        names: &[NamePair<'_>],
        mode: SyncMode,
        report: LinkReport<'_>,
    ) {
        batch::clone_each(self, from_dir, to_dir, names, mode, report);
    }
    fn sync_batch(&self, files: &[&dyn FsFile], mode: SyncMode, report: SyncReport<'_>) {
        batch::sync_each(files, mode, report);
    }
    fn copy_batch(&self, jobs: &[CopyJob<'_>], options: &CopyOptions<'_>, report: CopyReport<'_>) {
        copy::copy_each(self, jobs, options, report);
    }
}
