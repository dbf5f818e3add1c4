//! [`DurabilityAudit`]: finds calls that would make a pointer durable before the files that it names, and calls that
//! remove such a file.

mod account;
mod identity;
mod inspect;
mod pointer;
mod removal;
mod rule;
mod undurable;
mod violation;

use std::{
    fmt, io,
    num::NonZeroUsize,
    ops::Deref,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lsm_fs::{
    Fs, FsFile, Op, Result,
    intercept::{Call, InterceptFs, Interceptor, Outcome},
};

pub use undurable::{Undurable, UndurablePart};
pub use violation::DurabilityViolation;

use account::Account;
use identity::Key;
use inspect::Inspection;
use rule::{Demands, ManifestRule, PointerRule};

/// A wrapper around any filesystem that tracks which changes are durable.
///
/// For each file, it tracks whether the bytes and the permissions were synced since they were last changed. For each
/// name, it tracks whether the directory was synced since the name was last bound, moved, or removed.
///
/// The audit reports a bug at the faulty call, where a crash simulator reports a bad state. It works on any backend,
/// including `StdFs`. A pointer that is written in place is checked when it is synced. A crash may show its new bytes
/// earlier. Only a crash simulator finds such a bug.
///
/// # Contract
///
/// *Durability.* The audit relies on no filesystem's ordering:
///
/// - A name becomes durable by a sync of *its* directory, and by nothing else.
/// - Bytes become durable by a sync of the file through any of its names, and by nothing else.
/// - Hard links are one inode. A clone is a new inode whose bytes are not durable.
/// - A new, empty file has no bytes to lose.
/// - A mode or an owner of a directory is not tracked.
/// - Everything that existed before the audit is durable, and so are the names at or above the root.
/// - Changes that bypass the audit are not seen.
///
/// *A failed sync* loses the pending changes permanently: bytes until they are written to another inode, a name until
/// it is bound again. An interrupted sync (`EINTR`) loses nothing and may be repeated. A directory sync that is
/// [`NotSupported`](lsm_fs::DirectorySync::NotSupported) makes nothing durable.
///
/// *Pointers.* A rule names a file that makes other files reachable ([`pointer`](Self::pointer)), or a directory that
/// must appear complete ([`published_directory`](Self::published_directory)). Two kinds of calls are refused while
/// anything that the pointer names could still be lost, because a crash after them could leave the pointer alone:
///
/// - The call that gives the pointer its name: a rename, a link, a clone, or a rename of a directory above it.
/// - The call that would make it durable: a sync of its bytes, or of a directory that holds a new name on its path.
///
/// A refused call has no effect, and its error is a [`DurabilityViolation`]. [`only_recording`](Self::only_recording)
/// lets the call through instead.
///
/// *Removals.* A call that removes or moves a file that a pointer names is refused as well, unless the pointer moves
/// along. After a rename has replaced a pointer, this also holds for the files that the old pointer named, until the
/// new pointer is durable, because a crash may bring the old one back. A rename of another file over a named file is
/// not detected.
///
/// *Identity.* Inodes are identified by [`FileId`](lsm_fs::FileId), or by path if the backend provides none. Paths are
/// compared as they are spelled. The root, the rules, and the calls must therefore spell them alike, without symbolic
/// links in between.
///
/// Calls that change or sync something run one at a time. Clones share the account.
///
/// # Examples
///
/// ```
/// use lsm_fs::{Fs, FsExt, StdFs, SyncMode};
/// use lsm_fs_mem::DurabilityAudit;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// let fs = DurabilityAudit::new(StdFs, dir);
/// // `current` holds the name of a file beside it.
/// fs.pointer(dir.join("current"), |bytes| vec![String::from_utf8_lossy(bytes).into_owned().into()]);
///
/// fs.write_new(&dir.join("v7"), b"manifest", SyncMode::Normal)?; // syncs the bytes, not the name
/// let error = fs.rewrite_atomic(&dir.join("current"), b"v7", SyncMode::Normal).unwrap_err();
/// assert!(error.to_string().contains("v7: its name is not durable"), "{error}");
///
/// let _ = fs.sync_directory(dir, SyncMode::Normal)?;
/// let _ = fs.rewrite_atomic(&dir.join("current"), b"v7", SyncMode::Normal)?;
/// fs.assert_durable(dir);
/// # Ok(())
/// # }
/// ```
pub struct DurabilityAudit<F> {
    fs: InterceptFs<Arc<F>, Auditor<F>>,
}

impl<F: Fs> DurabilityAudit<F> {
    /// Wraps a filesystem. `root` and the names above it count as durable.
    pub fn new(inner: F, root: impl Into<PathBuf>) -> Self {
        let fs = Arc::new(inner);
        let auditor = Auditor {
            fs: Arc::clone(&fs),
            root: root.into(),
            demands: Mutex::default(),
            account: Mutex::default(),
            violations: Mutex::default(),
        };
        Self { fs: InterceptFs::new(fs, auditor) }
    }

    /// Lets calls through that break a rule of this audit or of its clones. [`violations`](Self::violations) lists
    /// them.
    #[must_use]
    pub fn only_recording(self) -> Self {
        self.auditor().demands().only_recording = true;
        self
    }

    /// Declares a file to be a pointer: once it can survive a crash, nothing that it names may be lost.
    ///
    /// `names` receives the bytes of the file and returns paths. Relative paths start at the directory of the file.
    ///
    /// - If it names a file, the bytes and the name of that file must be durable.
    /// - If it names a directory, the name and everything below must be durable.
    /// - In both cases, the names of the directories above must be durable too, up to the first directory that is also
    ///   above the pointer.
    /// - A path that does not exist is a violation.
    ///
    /// A pointer over 16 MiB is not read and counts as unreadable, which is a violation. In the check of removals, a
    /// pointer that cannot be read names nothing. `names` must not use the audited filesystem.
    pub fn pointer(
        &self,
        path: impl Into<PathBuf>,
        names: impl Fn(&[u8]) -> Vec<PathBuf> + Send + Sync + 'static,
    ) {
        self.auditor().demands().pointers.push(PointerRule::new(path.into(), Some(Arc::new(names))));
    }

    /// Declares how to read numbered files such as `v{N}` that a pointer names. In the pattern, `{N}` stands for the
    /// number.
    ///
    /// If a pointer names such a file, the paths in the file must be durable too. Relative paths start at its
    /// directory. While no pointer names the file, nothing is required: it may be durable before the files that it
    /// names.
    ///
    /// For the archives of `lsm-manifest`, the documentation of
    /// [`ManifestDirectory`](https://docs.rs/lsm-manifest/latest/lsm_manifest/struct.ManifestDirectory.html) has a
    /// complete example.
    pub fn manifests(
        &self,
        directory: impl Into<PathBuf>,
        pattern: &str,
        names: impl Fn(&[u8]) -> Vec<PathBuf> + Send + Sync + 'static,
    ) {
        let rule = ManifestRule::new(directory.into(), pattern, Arc::new(names), false);
        self.auditor().demands().manifests.push(rule);
    }

    /// Declares numbered files of which the newest is a pointer, for an engine without a fixed pointer that opens the
    /// file with the highest number.
    ///
    /// A rename of a directory above the files is not checked. Removals are checked only against the file with the
    /// highest number, even while a crash may still lose that file.
    pub fn numbered_pointer(
        &self,
        directory: impl Into<PathBuf>,
        pattern: &str,
        names: impl Fn(&[u8]) -> Vec<PathBuf> + Send + Sync + 'static,
    ) {
        let rule = ManifestRule::new(directory.into(), pattern, Arc::new(names), true);
        self.auditor().demands().manifests.push(rule);
    }

    /// Declares that everything below a directory must be durable before the directory gets this name.
    pub fn published_directory(&self, path: impl Into<PathBuf>) {
        self.auditor().demands().pointers.push(PointerRule::new(path.into(), None));
    }

    /// Returns the calls that broke a rule, whether refused or not, in order.
    #[must_use]
    pub fn violations(&self) -> Vec<DurabilityViolation> {
        self.auditor().violations().clone()
    }

    /// Returns everything that a crash could still lose of a file, or of a directory and everything below it. This
    /// includes the names that lead there from the root. The result is sorted by path.
    ///
    /// # Errors
    ///
    /// The errors of walking the tree.
    pub fn undurable(&self, path: &Path) -> Result<Vec<Undurable>> {
        let mut account = self.auditor().account();
        let mut inspection = Inspection::new(&*self.auditor().fs, &self.auditor().root, &mut account);
        inspection.names_from_root(path);
        inspection.tree(path)?;
        Ok(inspection.finish())
    }

    /// Asserts that a crash can lose nothing of a file, or of a directory and everything below it.
    ///
    /// # Panics
    ///
    /// Panics if something is not durable, with a list of it all, or if the tree cannot be walked.
    #[track_caller]
    pub fn assert_durable(&self, path: &Path) {
        let (is_durable, message) = match self.undurable(path) {
            Ok(found) => (found.is_empty(), undurable::list(&found)),
            Err(e) => (false, e.to_string()),
        };
        assert!(is_durable, "{} is not durable: {message}", path.display());
    }

    /// Returns the wrapped filesystem. The audit does not see changes that are made through it.
    #[must_use]
    pub fn inner(&self) -> &F {
        self.fs.inner()
    }
}

impl<F> DurabilityAudit<F> {
    fn auditor(&self) -> &Auditor<F> {
        self.fs.interceptor()
    }
}

/// Dereferences to the wrapped [`Fs`].
impl<F> Deref for DurabilityAudit<F> {
    type Target = InterceptFs<Arc<F>, Auditor<F>>;

    fn deref(&self) -> &Self::Target {
        &self.fs
    }
}

impl<F> Clone for DurabilityAudit<F> {
    fn clone(&self) -> Self {
        Self { fs: self.fs.clone() }
    }
}

impl<F: fmt::Debug> fmt::Debug for DurabilityAudit<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurabilityAudit")
            .field("inner", &self.auditor().fs)
            .field("root", &self.auditor().root)
            .finish_non_exhaustive()
    }
}

/// The interceptor that records the pending changes.
#[derive(Debug)]
pub struct Auditor<F> {
    fs: Arc<F>,
    root: PathBuf,
    demands: Mutex<Demands>,
    account: Mutex<Account>,
    violations: Mutex<Vec<DurabilityViolation>>,
}

impl<F> Auditor<F> {
    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn violations(&self) -> MutexGuard<'_, Vec<DurabilityViolation>> {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn demands(&self) -> MutexGuard<'_, Demands> {
        self.demands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Fs + 'static> Interceptor for Auditor<F> {
    type File = Option<Key>;

    fn open(
        &self,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<Box<dyn FsFile>>,
    ) -> Result<(Box<dyn FsFile>, Option<Key>)> {
        let file = self.around(None, call, run)?;
        let key = file.metadata().ok().map(|metadata| self.account().keys.of(call.path, &metadata));
        Ok((file, key))
    }

    fn around<R: Outcome>(
        &self,
        on: Option<&Option<Key>>,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        if !call.changes()
            || matches!(call.op, Op::TryLockExclusive | Op::TryLockDirectory | Op::TryDisableCow)
            || call.op == Op::SetPermissions && on.is_none()
        {
            return run();
        }
        let on = on.copied().flatten();
        // The lock is held during the call, so that the account and the filesystem change together.
        let mut account = self.account();
        self.enforce(&mut account, on, call)?;
        let before = account.before(&*self.fs, on, call);
        let result = run();
        account.after(&*self.fs, call, before, &result);
        result
    }

    /// Returns one, because the account must change in the order of the calls.
    fn concurrency(&self, _: NonZeroUsize) -> NonZeroUsize {
        NonZeroUsize::MIN
    }
}

impl<F: Fs> Auditor<F> {
    /// Checks a call against the rules before it runs.
    fn enforce(&self, account: &mut Account, on: Option<Key>, call: &Call<'_>) -> Result<()> {
        let mut demands = self.demands();
        let broken = Inspection::new(&*self.fs, &self.root, account).broken(&mut demands, on, call);
        let Some(violation) = broken else { return Ok(()) };
        self.violations().push(violation.clone());
        if demands.only_recording { Ok(()) } else { Err(call.error(io::Error::other(violation))) }
    }
}
