//! The subject of the tests, and helpers for writing checks.

use std::{
    any::Any,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{CheckResult, Failure, ensure, same};
use crate::{Error, Fs, FsAbilities, FsAttributes, FsExt, FsFile, FsOpenOptions, FsPermissions, Op};

/// Another process, for the checks of locks. It holds a lock until the returned value is dropped. Dropping the value
/// must kill the process, not ask it to release the lock.
pub trait OtherProcess: Send + Sync {
    /// Takes the lock of the file in a child process. Returns after the lock is held.
    fn lock_file(&self, path: &Path) -> Box<dyn Any>;

    /// Takes the owner lock of the directory in a child process. Returns after the lock is held.
    fn lock_directory(&self, path: &Path) -> Box<dyn Any>;
}

/// Creates directory entries that an engine never creates itself, but may encounter.
pub trait OddNodes: Send + Sync {
    /// Creates a symbolic link.
    fn symlink(&self, target: &Path, link: &Path);

    /// Creates a pipe, a socket and a device in a directory, if the process has permission. Returns their paths.
    fn special(&self, dir: &Path) -> Vec<PathBuf>;
}

/// Makes every sync of a path fail (`true`) or work again (`false`).
type SyncFault = Box<dyn Fn(&Path, bool) + Send + Sync>;

type CallCounter = Box<dyn Fn() -> u64 + Send + Sync>;

/// A backend and an empty directory to test it in.
pub struct Subject {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) root: PathBuf,
    pub(super) other_volume: Option<PathBuf>,
    pub(super) other_process: Option<Box<dyn OtherProcess>>,
    pub(super) sync_fault: Option<SyncFault>,
    pub(super) odd_nodes: Option<Box<dyn OddNodes>>,
    pub(super) mount_point: Option<PathBuf>,
    pub(super) call_counter: Option<CallCounter>,
    _keep: Option<Box<dyn Any + Send + Sync>>,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("fs", &self.fs).field("root", &self.root).finish_non_exhaustive()
    }
}

impl Subject {
    /// Creates a subject from a backend and an existing, empty directory in it.
    pub fn new(fs: impl Fs + 'static, root: impl Into<PathBuf>) -> Self {
        Self {
            fs: Arc::new(fs),
            root: root.into(),
            other_volume: None,
            other_process: None,
            sync_fault: None,
            odd_nodes: None,
            mount_point: None,
            call_counter: None,
            _keep: None,
        }
    }

    /// Provides an empty directory of the same backend on another volume, for operations that must not cross volumes.
    #[must_use]
    pub fn other_volume(mut self, dir: impl Into<PathBuf>) -> Self {
        self.other_volume = Some(dir.into());
        self
    }

    /// Provides a way to take locks in another process.
    #[must_use]
    pub fn other_process(mut self, process: impl OtherProcess + 'static) -> Self {
        self.other_process = Some(Box::new(process));
        self
    }

    /// Provides a switch that makes every sync of a path fail (`true`) or work again (`false`).
    #[must_use]
    pub fn sync_fault(mut self, switch: impl Fn(&Path, bool) + Send + Sync + 'static) -> Self {
        self.sync_fault = Some(Box::new(switch));
        self
    }

    /// Provides a way to create symbolic links, pipes, sockets and devices.
    #[must_use]
    pub fn odd_nodes(mut self, nodes: impl OddNodes + 'static) -> Self {
        self.odd_nodes = Some(Box::new(nodes));
        self
    }

    /// Provides a directory of the same backend that is a mount point, so that its parent is on another mount.
    #[must_use]
    pub fn mount_point(mut self, dir: impl Into<PathBuf>) -> Self {
        self.mount_point = Some(dir.into());
        self
    }

    /// Declares that the backend is a wrapper that observes single calls, and provides the number of calls it has
    /// observed. Without this, the backend does not count as a wrapper.
    #[must_use]
    pub fn call_counter(mut self, calls: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.call_counter = Some(Box::new(calls));
        self
    }

    /// Keeps a value alive as long as the subject, for example the guard that removes its directory.
    #[must_use]
    pub fn keep(mut self, guard: impl Any + Send + Sync) -> Self {
        self._keep = Some(Box::new(guard));
        self
    }

    pub(super) fn odd(&self) -> Result<&dyn OddNodes, Failure> {
        let missing = || {
            Failure::NotApplicable("the subject provides no way to create symbolic links and pipes".into())
        };
        self.odd_nodes.as_deref().ok_or_else(missing)
    }

    /// Creates a symbolic link. The target is stored as it is spelled.
    pub(super) fn symlink(&self, target: impl AsRef<Path>, name: &str) -> CheckResult {
        self.odd()?.symlink(target.as_ref(), &self.at(name));
        Ok(())
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(super) fn open(&self, name: &str, options: FsOpenOptions) -> Result<Box<dyn FsFile>, Failure> {
        Ok(self.fs.open(&self.at(name), &options)?)
    }

    /// Replaces the contents of a file, or creates it.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> CheckResult {
        let file = self.open(name, FsOpenOptions::new().write(true).create(true).truncate(true))?;
        Ok(file.write_at(bytes, 0)?)
    }

    pub(super) fn get(&self, name: &str) -> Result<Vec<u8>, Failure> {
        Ok(self.fs.read_to_vec(&self.at(name), 1 << 24)?)
    }

    pub(super) fn mkdir(&self, name: &str) -> CheckResult {
        Ok(self.fs.create_dir(&self.at(name))?)
    }

    pub(super) fn holds(&self, name: &str, bytes: &[u8]) -> CheckResult {
        same!(self.get(name)?, bytes, "contents of {name}");
        Ok(())
    }

    /// Returns the names in a directory below the root. `""` is the root.
    pub(super) fn names(&self, dir: &str) -> Result<Vec<String>, Failure> {
        let entries = self.fs.read_dir(&self.at(dir))?;
        Ok(entries.into_iter().map(|e| e.name.to_string_lossy().into_owned()).collect())
    }

    pub(super) fn has_names(&self, dir: &str, names: &[&str]) -> CheckResult {
        same!(self.names(dir)?, names, "names in {dir:?}");
        Ok(())
    }

    pub(super) fn absent(&self, name: &str) -> CheckResult {
        ensure!(!self.fs.exists(&self.at(name))?, "{name} exists");
        Ok(())
    }
}

/// Returns the attributes ability of a backend, if it has one.
pub(super) fn attributes(fs: &dyn Fs) -> Option<&dyn FsAttributes> {
    fs.abilities().and_then(FsAbilities::attributes)
}

/// The permissions ability of a backend that has it.
pub(super) fn permissions(fs: &dyn Fs) -> Option<&dyn FsPermissions> {
    fs.abilities().and_then(FsAbilities::permissions)
}

/// Checks that the call failed with one of these kinds, and that its error names the operation and the path.
pub(super) fn refused<T>(
    result: Result<T, Error>,
    op: Op,
    path: &Path,
    kinds: &[io::ErrorKind],
) -> CheckResult {
    let Err(error) = result else {
        return Err(Failure::Violated(format!("{op} {} succeeded, wanted {kinds:?}", path.display())));
    };
    ensure!(kinds.contains(&error.kind()), "{error}: kind {:?}, wanted one of {kinds:?}", error.kind());
    same!(error.op(), op, "operation named by the error ({error})");
    same!(error.path(), path, "path named by the error ({error})");
    Ok(())
}

/// Checks the same as [`refused`], and that the error names the second path.
pub(super) fn refused_pair<T>(
    result: Result<T, Error>,
    op: Op,
    (from, to): (&Path, &Path),
    kinds: &[io::ErrorKind],
) -> CheckResult {
    if let Err(error) = &result {
        same!(error.other_path(), Some(to), "second path named by the error ({error})");
    }
    refused(result, op, from, kinds)
}

pub(super) const fn read() -> FsOpenOptions {
    FsOpenOptions::new().read(true)
}

pub(super) const fn write() -> FsOpenOptions {
    FsOpenOptions::new().write(true)
}

pub(super) const fn read_write() -> FsOpenOptions {
    FsOpenOptions::new().read(true).write(true)
}
