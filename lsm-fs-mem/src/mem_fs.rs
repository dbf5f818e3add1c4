//! [`MemFs`]: the filesystem itself.

mod content;
mod handles;
mod names;
mod resolve;
mod state;

use std::{
    fmt, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lsm_fs::{
    DirectorySync, Error, Fs, FsCapabilities, FsDirEntry, FsDirLock, FsExt, FsFile, FsMetadata,
    FsOpenOptions, Op, Result, SyncMode,
};

use crate::{
    crash::{
        Survives, assemble,
        recording::{Event, Recorder, Recording},
    },
    mem_file::{MemDirLock, MemFile},
    profile::SyncCall,
    volume::{MemFsOptions, VolumeOptions},
};

pub(crate) use handles::{OpenFile, SyncFailure};
use resolve::check_no_nul;
pub(crate) use state::State;

/// A filesystem in memory that knows what a crash may leave of it.
///
/// A value is a handle: clones are the same filesystem. It implements [`Fs`] with the semantics of Linux: hard links
/// are one inode, removed files live while they are open, directories can be renamed, locks are `flock`'s, and every
/// refusal has the errno that Linux would give. There are no symbolic links, no permissions and no times. Relative
/// paths start at `/`.
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

/// What an injected failure of a sync does to the dirty pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DirtyPages {
    /// They may still reach the disk, at any time or never.
    Kept,
    /// They are marked clean, as Linux does: reads show them until they are evicted, no crash and no later sync brings
    /// them back.
    Dropped,
}

impl MemFs {
    /// An empty filesystem with one volume and the defaults of [`MemFsOptions`].
    #[must_use]
    pub fn new() -> Self {
        Self::from_state(State::new(&MemFsOptions::default()))
    }

    pub(crate) fn from_state(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in a caller's test leaves no operation half done: each runs to its end under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An independent filesystem that begins as this one is, what is not durable included. Bytes are shared until one
    /// side changes them. Handles and locks stay behind.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::from_state(self.lock().forked())
    }

    /// Makes everything durable, as `sync(2)` does: the end of a test's set-up.
    pub fn settle(&self) {
        self.lock().force(SyncCall::Everything);
    }

    /// Makes everything on the path's volume durable, as `syncfs(2)` does.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub fn sync_volume(&self, path: &Path) -> Result<()> {
        self.call(Op::SyncAll, path, |state| {
            let volume = state.volume_at(path)?;
            state.force(SyncCall::Volume(volume));
            Ok(())
        })
    }

    /// Makes a promise: a check of a later crash state will see it, one of an earlier state will not.
    pub fn note(&self, note: impl Into<String>) {
        if let Some(recorder) = &mut self.lock().recorder {
            recorder.push(Event::Note(note.into()));
        }
    }

    /// Starts to record for [`take_recording`](Self::take_recording). A recording under way is dropped.
    pub fn record(&self) {
        let mut state = self.lock();
        state.disk.absorb();
        state.recorder = Some(Recorder::new(state.disk.clone()));
    }

    /// Ends the recording and returns it; `None` if there is none.
    #[must_use]
    pub fn take_recording(&self) -> Option<Recording> {
        let mut state = self.lock();
        let Recorder { start, events } = state.recorder.take()?;
        Some(Recording { machine: state.forked(), start, events })
    }

    /// Changes how the path's volume behaves, from the next call on: makes it full, read-only, shut down or well again.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub fn reconfigure(
        &self,
        path: &Path,
        change: impl FnOnce(VolumeOptions) -> VolumeOptions,
    ) -> Result<()> {
        self.call(Op::VolumeId, path, |state| state.reconfigure(path, change))
    }

    /// Makes the next sync of a path fail with `errno`: of a file through a handle opened by that path, or of a
    /// directory. Nothing needs to have the name yet.
    ///
    /// Every handle of the file that was open then reports the failure once and is poisoned; one opened later syncs
    /// successfully whatever became of the pages. After a failed directory sync each change of a name since the last
    /// one may be durable or not.
    pub fn fail_next_sync(&self, path: &Path, errno: i32, pages: DirtyPages) {
        self.lock().failing.insert(path.to_path_buf(), SyncFailure { errno, pages, once: true });
    }

    /// The same for every sync of the path, until [`heal_syncs`](Self::heal_syncs).
    pub fn fail_syncs(&self, path: &Path, errno: i32, pages: DirtyPages) {
        self.lock().failing.insert(path.to_path_buf(), SyncFailure { errno, pages, once: false });
    }

    /// Ends the failures of a path's syncs.
    pub fn heal_syncs(&self, path: &Path) {
        self.lock().failing.remove(path);
    }

    /// Drops the file from the cache: reads show what the device holds or is yet to get. After a failed sync that
    /// dropped its pages these are the old bytes, or zeros where the file grew.
    ///
    /// # Errors
    ///
    /// `NotFound`; `IsADirectory`.
    pub fn evict(&self, path: &Path) -> Result<()> {
        self.call(Op::Read, path, |state| {
            let ino = state.resolve(path)?;
            state.file(ino).map(drop)?;
            state.evict(ino);
            Ok(())
        })
    }

    /// Crashes the machine and starts it again: returns what the next start finds.
    ///
    /// This filesystem, all its clones, every handle and every lock are dead from now on, and each call on them fails
    /// with `EIO`.
    #[must_use]
    pub fn crash(&self, survives: Survives) -> Self {
        let mut state = self.lock();
        state.disk.absorb();
        let tree = survives.choose(&state.disk);
        let restarted = state.restarted(assemble(&tree, &state.roots()));
        state.kill();
        Self::from_state(restarted)
    }

    /// How many micro-operations wait for a sync.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.lock().disk.absorb().len()
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

    /// There are no symbolic links, so this is [`metadata`](Self::metadata).
    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.metadata(path)
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
        self.call(Op::LockDirectory, path, |state| {
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

    fn try_disable_cow(&self, path: &Path) -> Result<bool> {
        self.call(Op::DisableCow, path, |state| state.try_disable_cow(path))
    }
}
