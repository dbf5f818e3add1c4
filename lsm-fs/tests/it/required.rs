//! A backend with only the required methods, and with any concurrency.

use std::{num::NonZeroUsize, path::Path};

use lsm_fs::{
    DirectorySync, Fs, FsCapabilities, FsDirEntry, FsDirLock, FsFile, FsMetadata, FsOpenOptions, Result,
    SyncMode,
};

#[derive(Debug)]
pub(crate) struct Required<F> {
    inner: F,
    concurrency: NonZeroUsize,
}

impl<F> Required<F> {
    pub(crate) fn new(inner: F, concurrency: usize) -> Self {
        Self { inner, concurrency: NonZeroUsize::new(concurrency).unwrap() }
    }

    pub(crate) fn inner(&self) -> &F {
        &self.inner
    }
}

impl<F: Fs> Fs for Required<F> {
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        Ok(Box::new(Required { inner: self.inner.beneath(root)?, concurrency: self.concurrency }))
    }
    fn concurrency(&self) -> NonZeroUsize {
        self.concurrency
    }
    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        self.inner.open(path, options)
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
        self.inner.remove_dir(path)
    }
    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        self.inner.remove_dir_all(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner.rename(from, to)
    }
    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner.rename_noreplace(from, to)
    }
    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner.hard_link(from, to)
    }
    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner.reflink_file(from, to)
    }
    fn sync_directory(&self, path: &Path, mode: SyncMode) -> Result<DirectorySync> {
        self.inner.sync_directory(path, mode)
    }
    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        self.inner.try_lock_directory(path)
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
}
