//! A backend whose batches end without a report on each file.

use std::{ffi::OsStr, path::Path};

use lsm_checkpoint::{Checkpoint, Error, Policy, run_checkpoint};
use lsm_fs::{
    CopyJob, CopyOptions, CopyReport, DirectorySync, Fs, FsCapabilities, FsDirEntry, FsDirLock, FsFile,
    FsMetadata, FsOpenOptions, LinkReport, MetadataReport, NamePair, Result, SyncMode, SyncReport,
};
use lsm_fs_mem::MemFs;

use crate::{
    create::{DIR, TARGET, prepared},
    remove::debris,
};

/// Leaves the last report of a batch out.
#[derive(Clone, Debug)]
struct Silent<F = MemFs> {
    inner: F,
    copies: bool,
    syncs: bool,
}

#[deny(clippy::missing_trait_methods)]
impl<F: Fs> Fs for Silent<F> {
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        let Self { copies, syncs, .. } = *self;
        Ok(Box::new(Silent { inner: self.inner.beneath(root)?, copies, syncs }))
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
    // Other than the source's, so that files are copied.
    fn backend_id(&self) -> Option<u64> {
        None
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
        self.inner.metadata_batch(dir, names, report);
    }
    fn hard_link_batch(&self, from: &Path, to: &Path, names: &[NamePair<'_>], report: LinkReport<'_>) {
        self.inner.hard_link_batch(from, to, names, report);
    }
    fn reflink_batch(
        &self,
        from: &Path,
        to: &Path,
        names: &[NamePair<'_>],
        mode: SyncMode,
        report: LinkReport<'_>,
    ) {
        self.inner.reflink_batch(from, to, names, mode, report);
    }
    fn sync_batch(&self, files: &[&dyn FsFile], mode: SyncMode, report: SyncReport<'_>) {
        let told = if self.syncs { files.len() - 1 } else { files.len() };
        self.inner.sync_batch(&files[..told], mode, report);
    }
    fn copy_batch(&self, jobs: &[CopyJob<'_>], options: &CopyOptions<'_>, report: CopyReport<'_>) {
        let told = if self.copies { jobs.len() - 1 } else { jobs.len() };
        self.inner.copy_batch(&jobs[..told], options, report);
    }
}

#[test]
fn a_copy_without_a_report_is_an_error() {
    let fs = MemFs::new();
    let db = prepared(&fs, &[""]);
    let target = Silent { inner: fs.clone(), copies: true, syncs: false };
    let copying = Checkpoint::new().policy(Policy::Independent);
    let refused = copying.create(&db, &target, Path::new(TARGET)).unwrap_err();
    assert!(matches!(&refused, Error::Unreported { path } if path.starts_with(DIR)), "{refused:?}");
    assert!(
        debris(&fs).is_empty()
            && !fs.read_dir(Path::new("/")).unwrap().iter().any(|e| e.name == "checkpoint")
    );
    run_checkpoint(&db, &Silent { copies: false, ..target }, Path::new(TARGET)).unwrap();
}

/// Nobody knows whether such a file is durable.
#[test]
fn a_sync_without_a_report_is_an_error() {
    let fs = MemFs::new();
    let db = prepared(&fs, &[""]);
    let target = Silent { inner: fs.clone(), copies: false, syncs: true };
    let refused = run_checkpoint(&db, &target, Path::new(TARGET)).unwrap_err();
    assert!(refused.to_string().contains("without a report on this file"), "{refused:?}");
    assert!(debris(&fs).is_empty());
}
