//! [`Fs`] for references and smart pointers, and [`FsFile`] for `Box`.

use std::{fmt, fs::File, num::NonZeroUsize, ops::Deref, ops::Range, path::Path};

use crate::{
    DirectorySync, FileHint, Fs, FsAbilities, FsCapabilities, FsDirEntry, FsDirLock, FsFile, FsMetadata,
    FsOpenOptions, Permissions, PermissionsSet, ReadRequest, Result, SyncMode,
};

/// Implements [`Fs`] for everything that dereferences to a filesystem: references, smart pointers, and wrappers around
/// an [`InterceptFs`](crate::intercept::InterceptFs).
#[deny(clippy::missing_trait_methods)]
impl<P> Fs for P
where
    P: Deref<Target: Fs> + fmt::Debug + Send + Sync,
{
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        (**self).beneath(root)
    }
    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        (**self).open(path, options)
    }
    fn create_dir(&self, path: &Path) -> Result<()> {
        (**self).create_dir(path)
    }
    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        (**self).read_dir(path)
    }
    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        (**self).metadata(path)
    }
    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        (**self).symlink_metadata(path)
    }
    fn remove_file(&self, path: &Path) -> Result<()> {
        (**self).remove_file(path)
    }
    fn remove_dir(&self, path: &Path) -> Result<()> {
        (**self).remove_dir(path)
    }
    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        (**self).remove_dir_all(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        (**self).rename(from, to)
    }
    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        (**self).rename_noreplace(from, to)
    }
    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        (**self).hard_link(from, to)
    }
    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()> {
        (**self).reflink_file(from, to)
    }
    fn sync_directory(&self, path: &Path, mode: SyncMode) -> Result<DirectorySync> {
        (**self).sync_directory(path, mode)
    }
    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        (**self).try_lock_directory(path)
    }
    fn backend_id(&self) -> Option<u64> {
        (**self).backend_id()
    }
    fn volume_id(&self, path: &Path) -> Result<u64> {
        (**self).volume_id(path)
    }
    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        (**self).capabilities(path)
    }
    fn available_space(&self, path: &Path) -> Result<u64> {
        (**self).available_space(path)
    }
    fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        (**self).punch_hole(path, offset, len)
    }
    fn truncate_file(&self, path: &Path, len: u64) -> Result<()> {
        (**self).truncate_file(path, len)
    }
    fn concurrency(&self) -> NonZeroUsize {
        (**self).concurrency()
    }
    fn abilities(&self) -> Option<&dyn FsAbilities> {
        (**self).abilities()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: FsFile + ?Sized> FsFile for Box<T> {
    fn sync_all(&self, mode: SyncMode) -> Result<()> {
        (**self).sync_all(mode)
    }
    fn sync_data(&self, mode: SyncMode) -> Result<()> {
        (**self).sync_data(mode)
    }
    fn start_writeback(&self, offset: u64, len: u64) -> Result<()> {
        (**self).start_writeback(offset, len)
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        (**self).read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        (**self).write_at(buf, offset)
    }
    fn set_len(&self, len: u64) -> Result<()> {
        (**self).set_len(len)
    }
    fn metadata(&self) -> Result<FsMetadata> {
        (**self).metadata()
    }
    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>> {
        (**self).next_data(offset)
    }
    fn hint(&self, hint: FileHint) -> Result<()> {
        (**self).hint(hint)
    }
    fn try_lock_exclusive(&self) -> Result<bool> {
        (**self).try_lock_exclusive()
    }
    fn set_permissions(&self, permissions: &Permissions) -> Result<PermissionsSet> {
        (**self).set_permissions(permissions)
    }
    fn host_file(&self) -> Option<&File> {
        (**self).host_file()
    }
    fn read_many(&self, requests: &mut [ReadRequest<'_>]) -> Result<()> {
        (**self).read_many(requests)
    }
}
