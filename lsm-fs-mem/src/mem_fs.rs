//! [`MemFs`]: the in-memory filesystem.

mod control;
mod file;
mod special;

use std::{
    fmt, io,
    num::NonZeroUsize,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lsm_fs::{
    DirectorySync, Error, Fs, FsAbilities, FsAttributes, FsCapabilities, FsDirEntry, FsDirLock, FsExt,
    FsFile, FsMetadata, FsOpenOptions, FsPermissions, Op, Permissions, PermissionsSet, Result, SyncMode,
};

use crate::{
    machine::{Machine, View, ViewRoot, check_no_nul},
    micro::{Access, Ino},
    volume::MemFsOptions,
};

use file::{MemDirLock, MemFile};
pub use special::SpecialFile;

/// An in-memory filesystem that models the effects of a crash.
///
/// The value is a handle on the filesystem, and its clones refer to the same filesystem. [`Fs`] is implemented with the
/// semantics of Linux:
///
/// - Hard links share one inode, and a removed file lives on while it is open.
/// - Directories can be renamed, and locks behave like `flock(2)`.
/// - A refused call returns the errno that Linux would return, or at least its [`io::ErrorKind`].
/// - Modes and owners are recorded and not enforced. The process is root, with a umask of `0o022`. There are no
///   timestamps.
/// - Symbolic links, pipes, sockets, and devices exist if a test creates them ([`make_symlink`](Self::make_symlink),
///   [`make_special`](Self::make_special)).
/// - Relative paths start at `/`.
///
/// # Crash semantics
///
/// Every change consists of micro-operations, for example one for each sector and one for each name. They wait until a
/// sync forces them. [`crash`](Self::crash) keeps the forced ones, and the legal part of the rest that
/// [`Survives`](crate::Survives) selects. [`crash_sweep`](crate::crash_sweep) tries the legal parts at every moment, or
/// a sample of them.
///
/// # Examples
///
/// ```
/// use lsm_fs::{Fs, FsExt, SyncMode};
/// use lsm_fs_mem::{MemFs, Survives};
/// use std::path::Path;
///
/// # fn main() -> lsm_fs::Result<()> {
/// let fs = MemFs::new();
/// fs.write_new(Path::new("/table"), b"rows", SyncMode::Normal)?;
///
/// // The bytes were synced, but the name was not.
/// let rebooted = fs.crash(Survives::Forced);
/// assert!(!rebooted.exists(Path::new("/table"))?);
/// assert!(fs.metadata(Path::new("/")).is_err(), "the machine that crashed is gone");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemFs {
    machine: Arc<Mutex<Machine>>,
    /// The roots of a view, and holds on their inodes.
    roots: Option<Arc<[ViewRoot]>>,
    held: Vec<Arc<HeldRoot>>,
}

/// A hold that keeps the inode of a view's root alive.
struct HeldRoot {
    machine: Arc<Mutex<Machine>>,
    ino: Ino,
}

impl Drop for HeldRoot {
    fn drop(&mut self) {
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        machine.storage_mut().release(self.ino);
    }
}

impl Default for MemFs {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemFs").finish_non_exhaustive()
    }
}

impl MemFsOptions {
    /// Builds the filesystem.
    ///
    /// # Errors
    ///
    /// - The errors of [`Fs::create_dir`], if the path of a volume cannot be created.
    /// - `AlreadyExists`: two volumes have the same path.
    pub fn build(&self) -> Result<MemFs> {
        let fs = MemFs::from_machine(Machine::new(self));
        for (path, options) in &self.mounts {
            fs.create_dir_all(path)?;
            fs.settle();
            let result = fs.lock().mount(path, options.clone());
            result.map_err(|e| Error::new(Op::CreateDir, path, e))?;
        }
        Ok(fs)
    }
}

impl MemFs {
    /// Creates an empty filesystem with one volume and the default [`MemFsOptions`].
    #[must_use]
    pub fn new() -> Self {
        Self::from_machine(Machine::new(&MemFsOptions::default()))
    }

    pub(crate) fn from_machine(machine: Machine) -> Self {
        Self { machine: Arc::new(Mutex::new(machine)), roots: None, held: Vec::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Machine> {
        // The state is consistent after a panic in a test, because each operation runs to its end under the lock.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> View<'_> {
        self.roots.as_deref()
    }

    /// Runs a call on the machine, unless it has crashed. An error names the operation and the path.
    pub(crate) fn call<T>(
        &self,
        op: Op,
        path: &Path,
        run: impl FnOnce(&mut Machine) -> io::Result<T>,
    ) -> Result<T> {
        let mut machine = self.lock();
        machine.check_running().and_then(|()| run(&mut machine)).map_err(|e| Error::new(op, path, e))
    }

    fn between(
        &self,
        op: Op,
        from: &Path,
        to: &Path,
        run: impl FnOnce(&mut Machine) -> io::Result<()>,
    ) -> Result<()> {
        let mut machine = self.lock();
        let well_formed = check_no_nul(from).and_then(|()| check_no_nul(to));
        let result = well_formed.and_then(|()| machine.check_running()).and_then(|()| run(&mut machine));
        result.map_err(|e| Error::with_paths(op, from, to, e))
    }
}

impl Fs for MemFs {
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        let ino = self.call(Op::Beneath, root, |machine| {
            let ino = machine.lookup(self.view()).resolve_dir(root)?;
            machine.storage_mut().hold(ino);
            Ok(ino)
        })?;
        let mut view = self.clone();
        let roots = self.roots.iter().flat_map(|roots| roots.iter().cloned());
        view.roots = Some(roots.chain([ViewRoot { path: root.to_path_buf(), ino }]).collect());
        view.held.push(Arc::new(HeldRoot { machine: Arc::clone(&self.machine), ino }));
        Ok(Box::new(view))
    }

    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        self.call(Op::Open, path, |machine| {
            let file = machine.files(self.view()).open(path, options)?;
            Ok(Box::new(MemFile::new(self.clone(), file, path, *options)) as _)
        })
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        self.call(Op::CreateDir, path, |machine| {
            machine.names(self.view()).create_dir(path, Access::Ordinary)
        })
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        self.call(Op::ReadDir, path, |machine| machine.names(self.view()).read_dir(path))
    }

    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.call(Op::Metadata, path, |machine| {
            let ino = machine.lookup(self.view()).resolve(path)?;
            machine.storage().namespace().metadata(ino)
        })
    }

    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.call(Op::SymlinkMetadata, path, |machine| {
            let ino = machine.lookup(self.view()).resolve_unfollowed(path)?;
            machine.storage().namespace().metadata(ino)
        })
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        self.call(Op::RemoveFile, path, |machine| machine.names(self.view()).remove_file(path))
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        self.call(Op::RemoveDir, path, |machine| machine.names(self.view()).remove_dir(path))
    }

    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        self.call(Op::RemoveDirAll, path, |machine| machine.names(self.view()).remove_dir_all(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.between(Op::Rename, from, to, |machine| machine.names(self.view()).rename(from, to, true))
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        self.between(Op::RenameNoreplace, from, to, |machine| {
            machine.names(self.view()).rename(from, to, false)
        })
    }

    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        self.between(Op::HardLink, from, to, |machine| machine.names(self.view()).hard_link(from, to))
    }

    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()> {
        self.between(Op::ReflinkFile, from, to, |machine| machine.names(self.view()).reflink(from, to))
    }

    fn sync_directory(&self, path: &Path, _: SyncMode) -> Result<DirectorySync> {
        self.call(Op::SyncDirectory, path, |machine| machine.names(self.view()).sync_directory(path))
    }

    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        self.call(Op::TryLockDirectory, path, |machine| {
            let ino = machine.lookup(self.view()).resolve_dir(path)?;
            let handle = machine.try_lock_new(ino);
            Ok(handle.map(|handle| Box::new(MemDirLock::new(self.clone(), ino, handle)) as _))
        })
    }

    /// Returns the address of the shared machine with the highest bit set. No other live object has this address.
    fn backend_id(&self) -> Option<u64> {
        Some(1 << 63 | Arc::as_ptr(&self.machine).addr() as u64)
    }

    fn volume_id(&self, path: &Path) -> Result<u64> {
        self.call(Op::VolumeId, path, |machine| {
            let ino = machine.lookup(self.view()).resolve(path)?;
            Ok(u64::from(machine.storage().namespace().volume_of(ino)) + 1)
        })
    }

    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        self.call(Op::Capabilities, path, |machine| {
            let ino = machine.lookup(self.view()).resolve_dir(path)?;
            Ok(machine.storage().namespace().volume(ino)?.options().capabilities)
        })
    }

    fn available_space(&self, path: &Path) -> Result<u64> {
        self.call(Op::AvailableSpace, path, |machine| {
            let ino = machine.lookup(self.view()).resolve(path)?;
            Ok(machine.storage().namespace().volume(ino)?.free_bytes())
        })
    }

    fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        self.call(Op::PunchHole, path, |machine| machine.files(self.view()).punch_hole(path, offset, len))
    }

    fn truncate_file(&self, path: &Path, len: u64) -> Result<()> {
        self.call(Op::TruncateFile, path, |machine| machine.files(self.view()).truncate(path, len))
    }

    /// Returns one, so that the same calls produce the same image. There is no device whose latency could be hidden.
    fn concurrency(&self) -> NonZeroUsize {
        NonZeroUsize::MIN
    }

    fn abilities(&self) -> Option<&dyn FsAbilities> {
        Some(self)
    }
}

impl FsAbilities for MemFs {
    fn attributes(&self) -> Option<&dyn FsAttributes> {
        Some(self)
    }

    fn permissions(&self) -> Option<&dyn FsPermissions> {
        Some(self)
    }
}

impl FsPermissions for MemFs {
    fn create_private_dir(&self, path: &Path) -> Result<()> {
        self.call(Op::CreateDir, path, |machine| machine.names(self.view()).create_dir(path, Access::Private))
    }

    fn set_directory_permissions(&self, path: &Path, to: &Permissions) -> Result<PermissionsSet> {
        self.call(Op::SetPermissions, path, |machine| {
            machine.files(self.view()).set_directory_permissions(path, to)
        })
    }
}

impl FsAttributes for MemFs {
    fn try_disable_cow(&self, path: &Path) -> Result<bool> {
        self.call(Op::TryDisableCow, path, |machine| machine.files(self.view()).try_disable_cow(path))
    }
}
