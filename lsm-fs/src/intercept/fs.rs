//! The calls of an [`InterceptFs`].

use std::{io, num::NonZeroUsize, path::Path, sync::Arc};

use super::{
    Arguments, Call, InterceptFs, Interceptor, Outcome,
    file::{InterceptFile, InterceptLock},
};
use crate::{
    DirectorySync, Error, Fs, FsAbilities, FsAttributes, FsBulk, FsCapabilities, FsDirEntry, FsDirLock,
    FsFile, FsMetadata, FsOpenOptions, FsPermissions, Op, Permissions, PermissionsSet, Result, SyncMode,
};

impl<F: Fs, I: Interceptor> InterceptFs<F, I> {
    /// Passes a call on one path through the interceptor.
    fn on<R: Outcome>(
        &self,
        op: Op,
        path: &Path,
        arguments: Arguments<'_>,
        run: impl FnOnce(&F) -> Result<R>,
    ) -> Result<R> {
        self.interceptor.around(None, &Call::new(op, path, arguments), || run(&self.inner))
    }

    /// Passes a call from one path to another through the interceptor.
    fn between(&self, op: Op, from: &Path, to: &Path, run: impl FnOnce(&F) -> Result<()>) -> Result<()> {
        self.interceptor.around(None, &Call::between(op, from, to), || run(&self.inner))
    }
}

#[deny(clippy::missing_trait_methods)]
impl<F: Fs, I: Interceptor> Fs for InterceptFs<F, I> {
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        let call = Call::new(Op::Beneath, root, Arguments::None);
        let inner = self.interceptor.beneath(&call, || self.inner.beneath(root))?;
        Ok(Box::new(InterceptFs { inner, interceptor: Arc::clone(&self.interceptor) }))
    }

    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        let call = Call::new(Op::Open, path, Arguments::Open(options));
        let opened = self.interceptor.open(&call, || self.inner.open(path, options))?;
        Ok(Box::new(InterceptFile::new(&self.interceptor, path, opened)))
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        self.on(Op::CreateDir, path, Arguments::None, |fs| fs.create_dir(path))
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        self.on(Op::ReadDir, path, Arguments::None, |fs| fs.read_dir(path))
    }

    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.on(Op::Metadata, path, Arguments::None, |fs| fs.metadata(path))
    }

    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.on(Op::SymlinkMetadata, path, Arguments::None, |fs| fs.symlink_metadata(path))
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        self.on(Op::RemoveFile, path, Arguments::None, |fs| fs.remove_file(path))
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        self.on(Op::RemoveDir, path, Arguments::None, |fs| fs.remove_dir(path))
    }

    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        self.on(Op::RemoveDirAll, path, Arguments::None, |fs| fs.remove_dir_all(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.between(Op::Rename, from, to, |fs| fs.rename(from, to))
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        self.between(Op::RenameNoreplace, from, to, |fs| fs.rename_noreplace(from, to))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        self.between(Op::HardLink, from, to, |fs| fs.hard_link(from, to))
    }

    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()> {
        self.between(Op::ReflinkFile, from, to, |fs| fs.reflink_file(from, to))
    }

    fn sync_directory(&self, path: &Path, mode: SyncMode) -> Result<DirectorySync> {
        self.on(Op::SyncDirectory, path, Arguments::Sync(mode), |fs| fs.sync_directory(path, mode))
    }

    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        let lock = self.on(Op::TryLockDirectory, path, Arguments::None, |fs| fs.try_lock_directory(path))?;
        Ok(lock.map(|lock| Box::new(InterceptLock::new(&self.interceptor, lock)) as _))
    }

    /// Returns the value of the backend, because the namespace is the same.
    fn backend_id(&self) -> Option<u64> {
        self.inner.backend_id()
    }

    fn volume_id(&self, path: &Path) -> Result<u64> {
        self.on(Op::VolumeId, path, Arguments::None, |fs| fs.volume_id(path))
    }

    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        self.on(Op::Capabilities, path, Arguments::None, |fs| fs.capabilities(path))
    }

    fn available_space(&self, path: &Path) -> Result<u64> {
        self.on(Op::AvailableSpace, path, Arguments::None, |fs| fs.available_space(path))
    }

    fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        let range = Arguments::Range { offset, len };
        self.on(Op::PunchHole, path, range, |fs| fs.punch_hole(path, offset, len))
    }

    fn truncate_file(&self, path: &Path, len: u64) -> Result<()> {
        self.on(Op::TruncateFile, path, Arguments::Len(len), |fs| fs.truncate_file(path, len))
    }

    fn concurrency(&self) -> NonZeroUsize {
        self.interceptor.concurrency(self.inner.concurrency())
    }

    fn abilities(&self) -> Option<&dyn FsAbilities> {
        self.inner.abilities().is_some().then_some(self)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<F: Fs, I: Interceptor> FsAbilities for InterceptFs<F, I> {
    /// Returns `None`, because bulk calls would bypass the interceptor.
    fn bulk(&self) -> Option<&dyn FsBulk> {
        None
    }

    fn attributes(&self) -> Option<&dyn FsAttributes> {
        self.inner.abilities()?.attributes().is_some().then_some(self)
    }

    fn permissions(&self) -> Option<&dyn FsPermissions> {
        self.inner.abilities()?.permissions().is_some().then_some(self)
    }
}

impl<F: Fs, I: Interceptor> FsAttributes for InterceptFs<F, I> {
    fn try_disable_cow(&self, path: &Path) -> Result<bool> {
        self.on(Op::TryDisableCow, path, Arguments::None, |fs| {
            let attributes = fs.abilities().and_then(FsAbilities::attributes);
            attributes.map_or(Ok(false), |attributes| attributes.try_disable_cow(path))
        })
    }
}

impl<F: Fs, I: Interceptor> FsPermissions for InterceptFs<F, I> {
    fn create_private_dir(&self, path: &Path) -> Result<()> {
        self.on(Op::CreateDir, path, Arguments::Private, |fs| {
            let permissions = fs.abilities().and_then(FsAbilities::permissions);
            // Falling back to `create_dir` would make a directory that others can use.
            let none = || Error::new(Op::CreateDir, path, io::ErrorKind::Unsupported);
            permissions.ok_or_else(none)?.create_private_dir(path)
        })
    }

    fn set_directory_permissions(&self, path: &Path, to: &Permissions) -> Result<PermissionsSet> {
        self.on(Op::SetPermissions, path, Arguments::Permissions(*to), |fs| {
            let permissions = fs.abilities().and_then(FsAbilities::permissions);
            permissions.map_or(Ok(PermissionsSet::default()), |permissions| {
                permissions.set_directory_permissions(path, to)
            })
        })
    }
}
