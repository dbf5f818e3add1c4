//! [`DurabilityAudit`]: what a crash could take away, and what must not become durable yet.

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

/// Any filesystem, with an account of what is durable: of each inode whether its bytes were synced since they were last
/// written, of each name whether its directory was synced since the name was last bound, moved or removed.
///
/// It says at the call itself what a crash simulator finds in one of its states, on any backend, `StdFs` included. A
/// pointer that is written in place is judged when it is synced, though a crash may show its new bytes before: that is
/// left to the simulator.
///
/// # Contract
///
/// It believes no filesystem's ordering: a name is durable by a sync of *its* directory, bytes by a sync of the file
/// through any of its names, and nothing else. Hard links are one inode. A clone is a new one whose bytes are not
/// durable. A new, empty file has no bytes to lose. What was there before the audit, and names at or above the root,
/// are durable. Changes that pass it by are not seen.
///
/// *A failed sync* loses what was pending, for good: bytes until they stand in another inode, a name until it is bound
/// again. A directory sync that is [`NotSupported`](lsm_fs::DirectorySync::NotSupported) makes nothing durable.
///
/// *Pointers.* A rule names a file that makes others reachable ([`pointer`](Self::pointer)) or a directory that appears
/// whole ([`published_directory`](Self::published_directory)). The call by which it gets its name (rename, link, clone,
/// or the rename of a directory above it) or would become durable (a sync of its bytes, or of a directory that holds a
/// new name on its path) is refused while anything it names could still be lost: from that call on, a crash may leave
/// the one without the other. Refused means that nothing is done, and the error is a [`DurabilityViolation`];
/// [`only_recording`](Self::only_recording) lets the call through.
///
/// *Removals.* A call that removes or moves away a file that a pointer names is refused as well, unless the pointer
/// goes along. As long as the pointer's new name is not durable, this holds for the files that the replaced one named,
/// too: a crash may bring it back.
///
/// Inodes are told apart by [`FileId`](lsm_fs::FileId), and by path where the backend does not tell. Paths are compared
/// as they are spelled, so root, rules and calls must spell them alike, without symbolic links in between. Calls that
/// change or sync something run one at a time.
///
/// Clones share the account.
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
    /// Audits a filesystem. `root` and what is above it count as durable.
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

    /// Lets calls through that break a rule, of this audit and its clones; [`violations`](Self::violations) has them.
    #[must_use]
    pub fn only_recording(self) -> Self {
        self.auditor().demands().only_recording = true;
        self
    }

    /// Says of a file that nothing it names may be lost once the file can survive a crash.
    ///
    /// `names` gets the file's bytes and returns paths, relative ones from the file's directory. Of a named file, the
    /// bytes and the name must be durable; of a named directory, all below it too; of both, the names of the
    /// directories above them that are not above the pointer as well. What is named and does not exist is a violation.
    /// `names` must not use the audited filesystem. Files over 16 MiB are not read.
    pub fn pointer(
        &self,
        path: impl Into<PathBuf>,
        names: impl Fn(&[u8]) -> Vec<PathBuf> + Send + Sync + 'static,
    ) {
        self.auditor().demands().pointers.push(PointerRule::new(path.into(), Some(Arc::new(names))));
    }

    /// Says how files such as `v{N}` are read, which a pointer names: in the pattern, `{N}` stands for the number.
    ///
    /// A pointer that names one of them names the paths in it as well, relative ones from the file's directory. By
    /// itself such a file is no pointer: it may survive a crash before the files that it names.
    pub fn manifests(
        &self,
        directory: impl Into<PathBuf>,
        pattern: &str,
        names: impl Fn(&[u8]) -> Vec<PathBuf> + Send + Sync + 'static,
    ) {
        let rule = ManifestRule::new(directory.into(), pattern, Arc::new(names), false);
        self.auditor().demands().manifests.push(rule);
    }

    /// The same for an engine without a fixed pointer, which opens the file with the highest number: that file is a
    /// pointer by itself. A rename of a directory above it is not seen as an arrival.
    pub fn numbered_pointer(
        &self,
        directory: impl Into<PathBuf>,
        pattern: &str,
        names: impl Fn(&[u8]) -> Vec<PathBuf> + Send + Sync + 'static,
    ) {
        let rule = ManifestRule::new(directory.into(), pattern, Arc::new(names), true);
        self.auditor().demands().manifests.push(rule);
    }

    /// Says of a directory that all below it must be durable when it gets this name.
    pub fn published_directory(&self, path: impl Into<PathBuf>) {
        self.auditor().demands().pointers.push(PointerRule::new(path.into(), None));
    }

    /// The calls that broke a rule, refused or not, in order.
    #[must_use]
    pub fn violations(&self) -> Vec<DurabilityViolation> {
        self.auditor().violations().clone()
    }

    /// What a crash could take of a file, or of a directory and all below it, and of the names that lead there from the
    /// root; sorted by path.
    ///
    /// # Errors
    ///
    /// Those of looking the tree up.
    pub fn undurable(&self, path: &Path) -> Result<Vec<Undurable>> {
        let mut account = self.auditor().account();
        let mut inspection = Inspection::new(&*self.auditor().fs, &self.auditor().root, &mut account);
        inspection.names_from_root(path);
        inspection.tree(path)?;
        Ok(inspection.finish())
    }

    /// Asserts that a crash can take nothing of a file, or of a directory and all below it.
    ///
    /// # Panics
    ///
    /// If something is not durable, with a list of all that is not; if the tree cannot be looked up.
    #[track_caller]
    pub fn assert_durable(&self, path: &Path) {
        let (is_durable, message) = match self.undurable(path) {
            Ok(found) => (found.is_empty(), undurable::list(&found)),
            Err(e) => (false, e.to_string()),
        };
        assert!(is_durable, "{} is not durable: {message}", path.display());
    }

    /// The filesystem itself. Changes made through it are not seen.
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

/// The filesystem that it is.
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

/// Keeps the account.
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
        {
            return run();
        }
        let on = on.copied().flatten();
        // Held over the call: the account and the filesystem change together.
        let mut account = self.account();
        self.enforce(&mut account, on, call)?;
        let before = account.before(&*self.fs, on, call);
        let result = run();
        account.after(&*self.fs, call, before, &result);
        result
    }

    /// One: the account changes in the order of the calls.
    fn concurrency(&self, _: NonZeroUsize) -> NonZeroUsize {
        NonZeroUsize::MIN
    }
}

impl<F: Fs> Auditor<F> {
    /// Looks for a rule that the call would break, before it does.
    fn enforce(&self, account: &mut Account, on: Option<Key>, call: &Call<'_>) -> Result<()> {
        let mut demands = self.demands();
        let broken = Inspection::new(&*self.fs, &self.root, account).broken(&mut demands, on, call);
        let Some(violation) = broken else { return Ok(()) };
        self.violations().push(violation.clone());
        if demands.only_recording { Ok(()) } else { Err(call.error(io::Error::other(violation))) }
    }
}
