//! A filesystem with an observer, who may act before each call, and sees which inodes the calls reach.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fmt,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use lsm_fs::{
    CopyJob, CopyOptions, CopyReport, DirectorySync, Error, FileId, Fs, FsCapabilities, FsDirEntry,
    FsDirLock, FsFile, FsMetadata, FsOpenOptions, LinkReport, MetadataReport, NamePair, Op, Result, SyncMode,
    SyncReport, batch, copy,
};

/// Sees every call.
pub(crate) struct Observer {
    calls: AtomicUsize,
    act: Box<dyn Fn(usize) + Send + Sync>,
    /// Inodes that no call may reach.
    forbidden: BTreeSet<FileId>,
    reached: Mutex<Option<String>>,
}

impl Observer {
    /// `act` is called before each call with its number, from 1.
    pub(crate) fn new(forbidden: BTreeSet<FileId>, act: impl Fn(usize) + Send + Sync + 'static) -> Arc<Self> {
        let (calls, reached) = (AtomicUsize::new(0), Mutex::new(None));
        Arc::new(Self { calls, act: Box::new(act), forbidden, reached })
    }

    /// The first path through which a call reached a forbidden inode.
    pub(crate) fn reached(&self) -> Option<String> {
        self.reached.lock().unwrap().clone()
    }

    fn look(&self, path: &Path, there: &FsMetadata) {
        if there.file_id.is_some_and(|id| self.forbidden.contains(&id)) {
            self.reached.lock().unwrap().get_or_insert_with(|| path.display().to_string());
        }
    }
}

#[derive(Clone)]
pub(crate) struct Hooked<F> {
    inner: F,
    observer: Arc<Observer>,
    /// A control: a view of it is no view.
    resolves_plainly: bool,
    renames_directories: bool,
}

impl<F: Fs> Hooked<F> {
    pub(crate) fn new(inner: F, observer: Arc<Observer>) -> Self {
        Self { inner, observer, resolves_plainly: false, renames_directories: true }
    }

    pub(crate) fn resolving_plainly(mut self, plainly: bool) -> Self {
        self.resolves_plainly = plainly;
        self
    }

    pub(crate) fn renaming_directories(mut self, renames: bool) -> Self {
        self.renames_directories = renames;
        self
    }

    fn inner(&self) -> &F {
        (self.observer.act)(self.observer.calls.fetch_add(1, Ordering::Relaxed) + 1);
        &self.inner
    }

    fn seen(&self, path: &Path, found: Result<FsMetadata>) -> Result<FsMetadata> {
        found.inspect(|there| self.observer.look(path, there))
    }

    fn check_rename(&self, op: Op, from: &Path, to: &Path) -> Result<()> {
        let is_folder = || self.inner.symlink_metadata(from).is_ok_and(|there| there.is_dir());
        if !self.renames_directories && is_folder() {
            let refusal = std::io::Error::from(std::io::ErrorKind::Unsupported);
            return Err(Error::with_paths(op, from, to, refusal));
        }
        Ok(())
    }
}

impl<F: Fs> fmt::Debug for Hooked<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<F: Fs> Fs for Hooked<F> {
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        let checked = self.inner().beneath(root)?;
        let plain: Box<dyn Fs + '_> = Box::new(&self.inner);
        let mut view =
            Hooked::new(if self.resolves_plainly { plain } else { checked }, Arc::clone(&self.observer));
        (view.resolves_plainly, view.renames_directories) = (self.resolves_plainly, self.renames_directories);
        Ok(Box::new(view))
    }
    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        let file = self.inner().open(path, options)?;
        self.observer.look(path, &file.metadata()?);
        Ok(file)
    }
    fn create_dir(&self, path: &Path) -> Result<()> {
        self.inner().create_dir(path)
    }
    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        self.inner().read_dir(path)
    }
    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.seen(path, self.inner().metadata(path))
    }
    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.seen(path, self.inner().symlink_metadata(path))
    }
    fn remove_file(&self, path: &Path) -> Result<()> {
        self.inner().remove_file(path)
    }
    fn remove_dir(&self, path: &Path) -> Result<()> {
        self.inner().remove_dir(path)
    }
    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        self.inner().remove_dir_all(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.check_rename(Op::Rename, from, to)?;
        self.inner().rename(from, to)
    }
    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        self.check_rename(Op::RenameNoreplace, from, to)?;
        self.inner().rename_noreplace(from, to)
    }
    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner().hard_link(from, to)
    }
    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner().reflink_file(from, to)
    }
    fn sync_directory(&self, path: &Path, mode: SyncMode) -> Result<DirectorySync> {
        self.inner().sync_directory(path, mode)
    }
    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        self.inner().try_lock_directory(path)
    }
    fn backend_id(&self) -> Option<u64> {
        self.inner.backend_id()
    }
    fn volume_id(&self, path: &Path) -> Result<u64> {
        self.inner().volume_id(path)
    }
    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        self.inner().capabilities(path)
    }
    fn available_space(&self, path: &Path) -> Result<u64> {
        self.inner().available_space(path)
    }
    fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        self.inner().punch_hole(path, offset, len)
    }
    fn truncate_file(&self, path: &Path, len: u64) -> Result<()> {
        self.inner().truncate_file(path, len)
    }
    fn try_disable_cow(&self, path: &Path) -> Result<bool> {
        self.inner().try_disable_cow(path)
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
