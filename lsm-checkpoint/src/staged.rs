//! [`StagedFs`]: the filesystem through which metadata is written. It records the new files and defers their syncs.

mod abilities;
mod creation_order;
mod file;
mod target;

use std::{
    collections::HashMap,
    io,
    num::NonZeroUsize,
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lsm_fs::{
    DirectorySync, Error, Fs, FsAbilities, FsCapabilities, FsDirEntry, FsDirLock, FsExt, FsFile, FsMetadata,
    FsOpenOptions, Op, Permissions, Result, SyncMode, batch::sync_batch,
};

use crate::permissions::{Keeper, create_private_dir};

use creation_order::CreationOrder;
use file::{StagedFile, Written};
pub use target::ManifestTarget;

/// The number of waiting files at which closed files are synced early. Each waiting file holds an open descriptor.
const WAITING_MAX: usize = 128;

type Handle = Arc<Mutex<Written>>;

/// The target's filesystem, confined to a staged directory.
///
/// A caller can change only files that were made through this filesystem, so no file that is shared with the source can
/// change. Syncs are deferred until [`finish`](Self::finish), because syncing many files together is faster, and
/// nothing in a staged directory is of use before all of it is durable.
#[derive(Debug)]
pub(crate) struct StagedFs<'fs> {
    inner: &'fs dyn Fs,
    /// If this is a view: the view of the target's filesystem that replaces `inner`.
    view: Option<Box<dyn Fs + 'fs>>,
    root: PathBuf,
    mode: SyncMode,
    keeper: Option<&'fs Keeper>,
    account: Arc<Mutex<Account>>,
}

#[derive(Debug, Default)]
struct Account {
    files: CreationOrder,
    dirs: CreationOrder,
    /// The permissions of files that were made with permissions of their own.
    permissions: HashMap<PathBuf, Permissions>,
    waiting: Vec<(PathBuf, Handle)>,
    /// The first failure of an early sync.
    failure: Option<Error>,
}

/// A length that reaches the end of every file.
const EVERYTHING: u64 = 1 << 62;

impl<'fs> StagedFs<'fs> {
    pub(crate) fn new(inner: &'fs dyn Fs, root: &Path, mode: SyncMode) -> Self {
        Self { inner, view: None, root: root.to_path_buf(), mode, keeper: None, account: Arc::default() }
    }

    /// Sets the permissions of everything that is made through it.
    pub(crate) fn keeping(mut self, keeper: &'fs Keeper) -> Self {
        self.keeper = Some(keeper);
        self
    }

    /// Returns the target's filesystem itself, which defers nothing.
    pub(crate) fn inner(&self) -> &'fs dyn Fs {
        self.inner
    }

    fn fs(&self) -> &dyn Fs {
        self.view.as_deref().unwrap_or(self.inner)
    }

    /// Syncs everything that was made, as one group. Fails if a sync fails, or if an early sync failed.
    pub(crate) fn finish(&self) -> Result<()> {
        let (waiting, failure) = {
            let mut account = self.account();
            (std::mem::take(&mut account.waiting), account.failure.take())
        };
        failure.map_or_else(|| self.sync(&waiting), Err)
    }

    /// Returns the files that were made through it, in the order in which they got their names.
    pub(crate) fn made(&self) -> Vec<PathBuf> {
        self.account().files.in_order()
    }

    /// Returns the directories that were made through it, in the order in which they were made.
    pub(crate) fn dirs(&self) -> Vec<PathBuf> {
        self.account().dirs.in_order()
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sync(&self, waiting: &[(PathBuf, Handle)]) -> Result<()> {
        let guards: Vec<_> =
            waiting.iter().map(|(_, file)| file.lock().unwrap_or_else(PoisonError::into_inner)).collect();
        let files: Vec<&dyn FsFile> =
            guards.iter().filter(|handle| handle.wants_sync).map(|handle| &*handle.file).collect();
        // Start the writeback of all files, so that the commit of the first sync covers them all. The first sync itself
        // starts the writeback of the first file.
        for file in files.iter().skip(1) {
            file.start_writeback(0, EVERYTHING)?;
        }
        let mut first = Ok(());
        sync_batch(self.fs(), &files, self.mode, &mut |_, synced| {
            if first.is_ok() {
                first = synced;
            }
        });
        first
    }

    /// Syncs closed files if too many files wait. A failure is kept and returned by `finish`, because the current call
    /// opens a different file, and an engine may ignore its error.
    fn sync_closed_files(&self) {
        let done: Vec<_> = {
            let mut account = self.account();
            if account.waiting.len() < WAITING_MAX {
                return;
            }
            account.waiting.extract_if(.., |(_, file)| Arc::strong_count(file) == 1).collect()
        };
        if let Err(failure) = self.sync(&done) {
            self.account().failure.get_or_insert(failure);
        }
    }

    /// Refuses a path that does not lie below the staged directory.
    fn inside(&self, op: Op, path: &Path) -> Result<()> {
        // The path of the staged directory itself may contain `..`.
        let below = path.strip_prefix(&self.root).unwrap_or(Path::new(""));
        if below.file_name().is_some() && below.components().all(|part| part != Component::ParentDir) {
            return Ok(());
        }
        Err(refusal(op, path, "metadata of a checkpoint lies in its own directory"))
    }

    /// Refuses a file that was not made through this filesystem.
    fn own(&self, op: Op, path: &Path) -> Result<()> {
        if self.account().files.has(path) {
            return Ok(());
        }
        self.fs().symlink_metadata(path)?;
        Err(refusal(op, path, "the file was not made by this checkpoint's metadata"))
    }

    fn open_to_write(
        &self,
        path: &Path,
        options: &FsOpenOptions,
        permissions: Option<Permissions>,
    ) -> Result<Box<dyn FsFile>> {
        self.inside(Op::Open, path)?;
        self.sync_closed_files();
        let known = self.account().files.has(path);
        let makes = options.create || options.create_new;
        if !known && !makes {
            self.own(Op::Open, path)?;
        }
        // An existing file that was not made here may be an inode of the source.
        let keeper = self.keeper.filter(|keeper| keeper.is_able() && !known);
        let options = if known { *options } else { options.create_new(true).private(keeper.is_some()) };
        let file = self.fs().open(path, &options)?;
        if let Some(keeper) = keeper
            && let Err(error) = keeper.file(&*file, permissions.or(keeper.of_written_file()))
        {
            drop(file);
            return Err(remove_after(self.fs(), path, error));
        }
        // A new mode needs a sync, too.
        let wants_sync = known || keeper.is_some();
        let file: Handle = Arc::new(Mutex::new(Written { file, wants_sync }));
        let mut account = self.account();
        if !known {
            account.files.bind(path);
            account.permissions.extend(permissions.map(|permissions| (path.to_path_buf(), permissions)));
        }
        account.waiting.push((path.to_path_buf(), Arc::clone(&file)));
        Ok(Box::new(StagedFile::new(file)))
    }

    fn renamed(&self, from: &Path, to: &Path) {
        let mut account = self.account();
        account.waiting.retain(|(path, _)| path != to);
        for (path, _) in account.waiting.iter_mut().filter(|(path, _)| path == from) {
            *path = to.to_path_buf();
        }
        account.files.forget(from);
        account.files.bind(to);
    }

    fn check_rename(&self, op: Op, from: &Path, to: &Path) -> Result<()> {
        self.own(op, from)?;
        self.inside(op, to)?;
        match self.own(op, to) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }
}

/// Removes a new file that could not get its permissions.
fn remove_after(fs: &dyn Fs, path: &Path, error: Error) -> Error {
    match fs.remove_file(path) {
        Ok(()) => error,
        Err(failure) => error.with_cleanup_failure(failure),
    }
}

fn refusal(op: Op, path: &Path, why: &'static str) -> Error {
    Error::new(op, path, io::Error::new(io::ErrorKind::InvalidInput, why))
}

fn unsupported(op: Op, from: &Path, to: &Path) -> Error {
    Error::with_paths(op, from, to, io::Error::from(io::ErrorKind::Unsupported))
}

/// Forwards reads to the target's filesystem.
#[deny(clippy::missing_trait_methods)]
impl Fs for StagedFs<'_> {
    /// Opens a view that shares the account.
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        let view = self.fs().beneath(root)?;
        let (root, mode, account) = (self.root.clone(), self.mode, Arc::clone(&self.account));
        let (inner, keeper) = (self.inner, self.keeper);
        Ok(Box::new(StagedFs { inner, view: Some(view), root, mode, keeper, account }))
    }

    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        if options.write || options.append {
            self.open_to_write(path, options, None)
        } else {
            self.fs().open(path, options)
        }
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        self.inside(Op::CreateDir, path)?;
        // The directory gets its permissions before its sync.
        match self.keeper {
            Some(_) => create_private_dir(self.fs(), path)?,
            None => self.fs().create_dir(path)?,
        }
        self.account().dirs.bind(path);
        Ok(())
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        self.fs().read_dir(path)
    }

    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.fs().metadata(path)
    }

    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.fs().symlink_metadata(path)
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        self.own(Op::RemoveFile, path)?;
        self.fs().remove_file(path)?;
        let mut account = self.account();
        account.files.forget(path);
        account.waiting.retain(|(waiting, _)| waiting != path);
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        self.inside(Op::RemoveDir, path)?;
        if !self.account().dirs.has(path) {
            return Err(refusal(
                Op::RemoveDir,
                path,
                "the directory was not made by this checkpoint's metadata",
            ));
        }
        self.fs().remove_dir(path)?;
        self.account().dirs.forget(path);
        Ok(())
    }

    /// Refuses to remove a whole directory, because no engine needs this to write metadata.
    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        Err(refusal(Op::RemoveDirAll, path, "a checkpoint that is being made is removed as a whole"))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.check_rename(Op::Rename, from, to)?;
        self.fs().rename(from, to)?;
        self.renamed(from, to);
        Ok(())
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        self.check_rename(Op::RenameNoreplace, from, to)?;
        self.fs().rename_noreplace(from, to)?;
        self.renamed(from, to);
        Ok(())
    }

    /// Refuses to make a link, because it could be to a file that still changes.
    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        Err(unsupported(Op::HardLink, from, to))
    }

    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()> {
        Err(unsupported(Op::ReflinkFile, from, to))
    }

    /// Defers the sync, because every directory of a checkpoint is synced before the publication.
    fn sync_directory(&self, path: &Path, _: SyncMode) -> Result<DirectorySync> {
        self.fs().metadata(path).map(|_| DirectorySync::Durable)
    }

    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        self.fs().try_lock_directory(path)
    }

    fn backend_id(&self) -> Option<u64> {
        self.fs().backend_id()
    }

    fn volume_id(&self, path: &Path) -> Result<u64> {
        self.fs().volume_id(path)
    }

    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        self.fs().capabilities(path)
    }

    fn available_space(&self, path: &Path) -> Result<u64> {
        self.fs().available_space(path)
    }

    fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        self.own(Op::PunchHole, path)?;
        // Open a handle that records the need of a sync.
        self.open(path, &FsOpenOptions::new().write(true))?;
        self.fs().punch_hole(path, offset, len)
    }

    fn truncate_file(&self, path: &Path, len: u64) -> Result<()> {
        self.own(Op::TruncateFile, path)?;
        // Use a handle that records the need of a sync.
        self.open(path, &FsOpenOptions::new().write(true))?.set_len(len)
    }

    /// Returns 1, because an engine writes its manifest in the order of its calls.
    fn concurrency(&self) -> NonZeroUsize {
        NonZeroUsize::MIN
    }

    fn abilities(&self) -> Option<&dyn FsAbilities> {
        Some(self)
    }
}

impl StagedFs<'_> {
    /// Writes a new file. Its sync is deferred like any other.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        self.write_new(path, bytes, self.mode)
    }

    /// Makes a file with these permissions instead of the permissions of written files.
    pub(crate) fn create_with(
        &self,
        path: &Path,
        permissions: Option<Permissions>,
    ) -> Result<Box<dyn FsFile>> {
        self.open_to_write(path, &FsOpenOptions::new().write(true).create_new(true), permissions)
    }

    /// Returns the permissions that a written file was given.
    pub(crate) fn permissions_of(&self, path: &Path) -> Option<Permissions> {
        let own = self.account().permissions.get(path).copied();
        own.or_else(|| self.keeper.and_then(Keeper::of_written_file))
    }
}
