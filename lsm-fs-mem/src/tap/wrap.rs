//! `tap_fs!`: the `Fs` of a wrapper.

/// Implements `Fs` for a wrapper that has the methods `inner()` and `tap()`. The module that calls it names no types of
/// its own in the expansion, so it needs no imports for it.
///
/// `backend_id` is that of the inner filesystem: the wrapper is the same namespace. The batches are the plain loops
/// over the wrapper, never those of the inner filesystem, which would pass the tap by.
macro_rules! tap_fs {
    (impl<$fs:ident: Fs $(+ $bound:lifetime)? $(, $tap:ident: $is:ident)?> Fs for $wrapper:ty) => {
        const _: () = {
            use std::{ffi::OsStr, path::Path};

            use lsm_fs::{
                CopyJob, CopyOptions, CopyReport, DirectorySync, Fs, FsCapabilities, FsDirEntry, FsDirLock, FsFile,
                FsMetadata, FsOpenOptions, LinkReport, MetadataReport, NamePair, Op, Result, SyncMode, SyncReport,
                batch, copy,
            };

            use crate::tap::{Call, Detail, Tap, TappedFile, TappedLock};

            #[deny(clippy::missing_trait_methods)]
            impl<$fs: Fs $(+ $bound)? $(, $tap: $is)?> Fs for $wrapper {
                fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
                    crate::tap::beneath(self.tap(), root, || self.inner().beneath(root))
                }

                fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
                    let call = Call::new(Op::Open, path, Detail::Options(options));
                    let opened = self.tap().open(&call, || self.inner().open(path, options))?;
                    Ok(Box::new(TappedFile::new(self.tap(), path, opened)))
                }

                fn create_dir(&self, path: &Path) -> Result<()> {
                    let call = Call::new(Op::CreateDir, path, Detail::None);
                    self.tap().around(None, &call, || self.inner().create_dir(path))
                }

                fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
                    let call = Call::new(Op::ReadDir, path, Detail::None);
                    self.tap().around(None, &call, || self.inner().read_dir(path))
                }

                fn metadata(&self, path: &Path) -> Result<FsMetadata> {
                    let call = Call::new(Op::Metadata, path, Detail::None);
                    self.tap().around(None, &call, || self.inner().metadata(path))
                }

                fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
                    let call = Call::new(Op::Metadata, path, Detail::OfName);
                    self.tap().around(None, &call, || self.inner().symlink_metadata(path))
                }

                fn remove_file(&self, path: &Path) -> Result<()> {
                    let call = Call::new(Op::RemoveFile, path, Detail::None);
                    self.tap().around(None, &call, || self.inner().remove_file(path))
                }

                fn remove_dir(&self, path: &Path) -> Result<()> {
                    let call = Call::new(Op::RemoveDir, path, Detail::None);
                    self.tap().around(None, &call, || self.inner().remove_dir(path))
                }

                fn remove_dir_all(&self, path: &Path) -> Result<()> {
                    let call = Call::new(Op::RemoveDirAll, path, Detail::None);
                    self.tap().around(None, &call, || self.inner().remove_dir_all(path))
                }

                fn rename(&self, from: &Path, to: &Path) -> Result<()> {
                    let call = Call::between(Op::Rename, from, to);
                    self.tap().around(None, &call, || self.inner().rename(from, to))
                }

                fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
                    let call = Call::between(Op::RenameNoreplace, from, to);
                    self.tap().around(None, &call, || self.inner().rename_noreplace(from, to))
                }

                fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
                    let call = Call::between(Op::HardLink, from, to);
                    self.tap().around(None, &call, || self.inner().hard_link(from, to))
                }

                fn reflink_file(&self, from: &Path, to: &Path) -> Result<()> {
                    let call = Call::between(Op::ReflinkFile, from, to);
                    self.tap().around(None, &call, || self.inner().reflink_file(from, to))
                }

                fn sync_directory(&self, path: &Path, mode: SyncMode) -> Result<DirectorySync> {
                    let call = Call::new(Op::SyncDirectory, path, Detail::Sync(mode));
                    self.tap().around(None, &call, || self.inner().sync_directory(path, mode))
                }

                fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
                    let call = Call::new(Op::LockDirectory, path, Detail::None);
                    let lock = self.tap().around(None, &call, || self.inner().try_lock_directory(path))?;
                    Ok(lock.map(|lock| Box::new(TappedLock::new(self.tap(), lock)) as _))
                }

                fn backend_id(&self) -> Option<u64> {
                    self.inner().backend_id()
                }

                fn volume_id(&self, path: &Path) -> Result<u64> {
                    let call = Call::new(Op::VolumeId, path, Detail::None);
                    self.tap().around(None, &call, || self.inner().volume_id(path))
                }

                fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
                    let call = Call::new(Op::Capabilities, path, Detail::None);
                    self.tap().around(None, &call, || self.inner().capabilities(path))
                }

                fn available_space(&self, path: &Path) -> Result<u64> {
                    let call = Call::new(Op::AvailableSpace, path, Detail::None);
                    self.tap().around(None, &call, || self.inner().available_space(path))
                }

                fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
                    let call = Call::new(Op::PunchHole, path, Detail::At { offset, len });
                    self.tap().around(None, &call, || self.inner().punch_hole(path, offset, len))
                }

                fn truncate_file(&self, path: &Path, len: u64) -> Result<()> {
                    let call = Call::new(Op::TruncateFile, path, Detail::Len(len));
                    self.tap().around(None, &call, || self.inner().truncate_file(path, len))
                }

                fn try_disable_cow(&self, path: &Path) -> Result<bool> {
                    let call = Call::new(Op::DisableCow, path, Detail::None);
                    self.tap().around(None, &call, || self.inner().try_disable_cow(path))
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
        };
    };
}
pub(crate) use tap_fs;
