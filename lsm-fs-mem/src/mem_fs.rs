//! [`MemFs`]: the filesystem itself.

mod content;
mod control;
mod handles;
mod names;
mod resolve;
mod special;
mod state;

use std::{
    fmt, io,
    num::NonZeroUsize,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lsm_fs::{
    DirectorySync, Error, Fs, FsAbilities, FsAttributes, FsCapabilities, FsDirEntry, FsDirLock, FsExt,
    FsFile, FsMetadata, FsOpenOptions, Op, Result, SyncMode,
};

use crate::{
    mem_file::{MemDirLock, MemFile},
    micro::Ino,
    volume::MemFsOptions,
};

pub use control::DirtyPages;
pub(crate) use handles::{OpenFile, SyncFailure};
use resolve::{ViewRoot, check_no_nul};
pub use special::SpecialFile;
pub(crate) use state::State;

/// A filesystem in memory that knows what a crash may leave of it.
///
/// A value is a handle: clones are the same filesystem. It implements [`Fs`] with the semantics of Linux: hard links
/// are one inode, removed files live while they are open, directories can be renamed, locks are `flock`'s, and every
/// refusal has the errno that Linux would give. There are no permissions and no times. Symbolic links, pipes, sockets
/// and devices are there if a test makes them ([`make_symlink`](Self::make_symlink),
/// [`make_special`](Self::make_special)). Relative paths start at `/`.
///
/// # Crash semantics
///
/// Every change is a few micro-operations that wait until a sync forces them. [`crash`](Self::crash) keeps what was
/// forced and any legal part of the rest; [`crash_sweep`](crate::crash_sweep) tries every part at every moment.
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
/// // The bytes were synced, the name was not.
/// let rebooted = fs.crash(Survives::Forced);
/// assert!(!rebooted.exists(Path::new("/table"))?);
/// assert!(fs.metadata(Path::new("/")).is_err(), "the machine that crashed is gone");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemFs {
    state: Arc<Mutex<State>>,
    /// Of a view: its roots, and what keeps their inodes.
    roots: Option<Arc<[ViewRoot]>>,
    held: Vec<Arc<HeldRoot>>,
}

/// Keeps a root's inode as long as a view has it.
struct HeldRoot {
    state: Arc<Mutex<State>>,
    ino: Ino,
}

impl Drop for HeldRoot {
    fn drop(&mut self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).release(self.ino);
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
    /// Makes the filesystem.
    ///
    /// # Errors
    ///
    /// Those of [`Fs::create_dir`] if a volume's path cannot be made; `AlreadyExists` if two volumes have one path.
    pub fn build(&self) -> Result<MemFs> {
        let fs = MemFs::from_state(State::new(self));
        for (path, options) in &self.mounts {
            fs.create_dir_all(path)?;
            fs.settle();
            let result = fs.lock().mount_at(path, options.clone());
            result.map_err(|e| Error::new(Op::CreateDir, path, e))?;
        }
        Ok(fs)
    }
}

impl MemFs {
    /// An empty filesystem with one volume and the defaults of [`MemFsOptions`].
    #[must_use]
    pub fn new() -> Self {
        Self::from_state(State::new(&MemFsOptions::default()))
    }

    pub(crate) fn from_state(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)), roots: None, held: Vec::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in a caller's test leaves no operation half done: each runs to its end under the lock.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.roots.clone_from(&self.roots);
        state
    }

    /// Runs on the state, if the machine has not crashed, and names what failed.
    pub(crate) fn call<T>(
        &self,
        op: Op,
        path: &Path,
        run: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> Result<T> {
        let mut state = self.lock();
        state.alive().and_then(|()| run(&mut state)).map_err(|e| Error::new(op, path, e))
    }

    fn between(
        &self,
        op: Op,
        from: &Path,
        to: &Path,
        run: impl FnOnce(&mut State) -> io::Result<()>,
    ) -> Result<()> {
        let mut state = self.lock();
        let well_formed = check_no_nul(from).and_then(|()| check_no_nul(to));
        let result = well_formed.and_then(|()| state.alive()).and_then(|()| run(&mut state));
        result.map_err(|e| Error::with_paths(op, from, to, e))
    }
}

impl Fs for MemFs {
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        let ino = self.call(Op::Beneath, root, |state| {
            let ino = state.resolve_dir(root)?;
            state.hold(ino);
            Ok(ino)
        })?;
        let mut view = self.clone();
        let roots = self.roots.iter().flat_map(|roots| roots.iter().cloned());
        view.roots = Some(roots.chain([ViewRoot { path: root.to_path_buf(), ino }]).collect());
        view.held.push(Arc::new(HeldRoot { state: Arc::clone(&self.state), ino }));
        Ok(Box::new(view))
    }

    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        self.call(Op::Open, path, |state| {
            let ino = state.open(path, options)?;
            let file = MemFile::new(self.clone(), state.take_file(ino), path, *options);
            Ok(Box::new(file) as _)
        })
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        self.call(Op::CreateDir, path, |state| state.create_dir(path))
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        self.call(Op::ReadDir, path, |state| state.read_dir(path))
    }

    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.call(Op::Metadata, path, |state| state.metadata(state.resolve(path)?))
    }

    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.call(Op::SymlinkMetadata, path, |state| state.metadata(state.resolve_unfollowed(path)?))
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        self.call(Op::RemoveFile, path, |state| state.remove_file(path))
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        self.call(Op::RemoveDir, path, |state| state.remove_dir(path))
    }

    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        self.call(Op::RemoveDirAll, path, |state| state.remove_dir_all(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.between(Op::Rename, from, to, |state| state.rename(from, to, true))
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        self.between(Op::RenameNoreplace, from, to, |state| state.rename(from, to, false))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        self.between(Op::HardLink, from, to, |state| state.hard_link(from, to))
    }

    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()> {
        self.between(Op::ReflinkFile, from, to, |state| state.reflink(from, to))
    }

    fn sync_directory(&self, path: &Path, _: SyncMode) -> Result<DirectorySync> {
        self.call(Op::SyncDirectory, path, |state| state.sync_directory(path))
    }

    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        self.call(Op::TryLockDirectory, path, |state| {
            let ino = state.resolve_dir(path)?;
            let handle = state.take_handle();
            if !state.try_lock(ino, handle) {
                return Ok(None);
            }
            state.hold(ino);
            Ok(Some(Box::new(MemDirLock::new(self.clone(), ino, handle)) as _))
        })
    }

    /// The address of the shared state, which nothing else alive has, with the highest bit set.
    fn backend_id(&self) -> Option<u64> {
        Some(1 << 63 | Arc::as_ptr(&self.state).addr() as u64)
    }

    fn volume_id(&self, path: &Path) -> Result<u64> {
        self.call(Op::VolumeId, path, |state| Ok(u64::from(state.volume_of(state.resolve(path)?)) + 1))
    }

    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        self.call(Op::Capabilities, path, |state| {
            Ok(state.volume(state.resolve_dir(path)?)?.options.capabilities)
        })
    }

    fn available_space(&self, path: &Path) -> Result<u64> {
        self.call(Op::AvailableSpace, path, |state| Ok(state.volume(state.resolve(path)?)?.free_bytes()))
    }

    fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        self.call(Op::PunchHole, path, |state| state.punch_hole(path, offset, len))
    }

    fn truncate_file(&self, path: &Path, len: u64) -> Result<()> {
        self.call(Op::TruncateFile, path, |state| {
            let ino = state.unshared(path)?;
            state.set_len(ino, len)
        })
    }

    /// One: the same calls lead to the same image, and there is no device to wait for.
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
}

impl FsAttributes for MemFs {
    fn try_disable_cow(&self, path: &Path) -> Result<bool> {
        self.call(Op::TryDisableCow, path, |state| state.try_disable_cow(path))
    }
}
