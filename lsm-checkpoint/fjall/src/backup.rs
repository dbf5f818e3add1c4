//! [`Backup`]: the options of a backup, and the calls that take one.

use std::{
    fmt,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Mutex,
};

use lsm_checkpoint::{Checkpoint, CheckpointSource, Policy, Progress};
use lsm_fs::{StdFs, SyncMode};

use crate::{
    AsDatabase, BackupInfo, Result, cut::Costs, database::dir_of, identity, offline, online::Online,
    steps::Steps,
};

/// The number of attempts to capture a database, unless [`Backup::attempts`] sets another.
const ATTEMPTS: u32 = 20;

/// Takes a backup of an open database with the defaults of [`Backup`].
///
/// # Errors
///
/// As [`Backup::create`].
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// use fjall::{Database, KeyspaceCreateOptions};
///
/// let db = Database::builder(folder.join("db")).open()?;
/// let users = db.keyspace("users", KeyspaceCreateOptions::default)?;
/// users.insert("ada", "1815")?;
/// let info = lsm_checkpoint_fjall::backup(&db, folder.join("monday"))?;
/// assert_eq!(info.journals, 1);
/// # Ok(())
/// # }
/// ```
pub fn backup(db: &impl AsDatabase, target: impl AsRef<Path>) -> Result<BackupInfo> {
    Backup::new().create(db, target)
}

/// The options of a backup, and the methods that take one.
#[derive(Clone)]
pub struct Backup<'a> {
    checkpoint: Checkpoint<'a>,
    identity: Option<String>,
    dir: Option<PathBuf>,
    attempts: u32,
    pub(crate) steps: Steps<'a>,
}

impl Default for Backup<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Backup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backup")
            .field("checkpoint", &self.checkpoint)
            .field("identity", &self.identity)
            .field("dir", &self.dir)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

impl<'a> Backup<'a> {
    /// Creates the default options. Tables are linked if possible, and cloned or copied otherwise. There is no base and
    /// no rate limit.
    #[must_use]
    pub const fn new() -> Self {
        let (checkpoint, steps) = (Checkpoint::new(), Steps::plain());
        Self { checkpoint, identity: None, dir: None, attempts: ATTEMPTS, steps }
    }

    /// Sets the policy for tables and blob files. Journals and keyspace 0 are copied under every policy.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.checkpoint = self.checkpoint.policy(policy);
        self
    }

    /// Sets an earlier backup as the base. A table or blob file is linked from the base instead of being copied, if the
    /// base has one with the same name, length and checksum. See [`Checkpoint::base`].
    #[must_use]
    pub fn base(mut self, backup: &'a Path) -> Self {
        self.checkpoint = self.checkpoint.base(backup);
        self
    }

    /// Sets a base that may be missing. See [`Checkpoint::optional_base`].
    #[must_use]
    pub fn optional_base(mut self, backup: &'a Path) -> Self {
        self.checkpoint = self.checkpoint.optional_base(backup);
        self
    }

    /// Enables or disables the verification of files of the base before they are linked. See
    /// [`Checkpoint::verify_base`].
    #[must_use]
    pub fn verify_base(mut self, verify: bool) -> Self {
        self.checkpoint = self.checkpoint.verify_base(verify);
        self
    }

    /// Sets the progress callback, which can also cancel the backup. See [`Checkpoint::progress`].
    #[must_use]
    pub fn progress(mut self, callback: &'a (dyn Fn(&Progress) -> ControlFlow<()> + Sync)) -> Self {
        self.checkpoint = self.checkpoint.progress(callback);
        self
    }

    /// Limits the speed of copies. See [`Checkpoint::bytes_per_second`].
    #[must_use]
    pub fn bytes_per_second(mut self, limit: u64) -> Self {
        self.checkpoint = self.checkpoint.bytes_per_second(limit);
        self
    }

    /// Enables or disables the check for free space at the start. See [`Checkpoint::check_space`].
    #[must_use]
    pub fn check_space(mut self, check: bool) -> Self {
        self.checkpoint = self.checkpoint.check_space(check);
        self
    }

    /// Sets the reach of each sync. See [`Checkpoint::sync_mode`].
    #[must_use]
    pub fn sync_mode(mut self, mode: SyncMode) -> Self {
        self.checkpoint = self.checkpoint.sync_mode(mode);
        self
    }

    /// Sets the name of the database in catalogs. Retention tools group backups by this name, so no two databases may
    /// share one.
    ///
    /// Default: a random name. The first backup stores it in the file `.lsm-checkpoint-identity` in the database's
    /// directory. fjall ignores that file, and no backup contains it.
    #[must_use]
    pub fn identity(mut self, name: impl Into<String>) -> Self {
        self.identity = Some(name.into());
        self
    }

    /// Sets the directory of the database. It is needed only for an open database without keyspaces, because fjall does
    /// not show its directory. For a database with keyspaces it is ignored.
    ///
    /// The directory of another database is refused, except if that one is open and has no keyspaces either.
    #[must_use]
    pub fn directory(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Sets the number of attempts to capture the database before the backup fails with
    /// [`KeptChanging`](crate::Error::KeptChanging). At least one attempt is made. Default: 20.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Takes a backup of an open database. `target` must not exist, and its parent must exist. `target` must not lie in
    /// the directory of the database.
    ///
    /// # Contract
    ///
    /// The backup holds all keyspaces at one moment between the call and its return. It has every write that was
    /// acknowledged before the call. For each later write that it has, it also has all writes before that one. The
    /// backup splits no batch and no transaction. A batch that fjall itself has split at an earlier crash stays split:
    /// this can happen with manual persist and ingestion. During the call, writes, flushes, compactions and ingestions
    /// go on, and keyspaces can be created, cleared and deleted.
    ///
    /// # Crash semantics
    ///
    /// As [`Checkpoint::create`]: the target is absent or complete if the filesystem can rename directories, and
    /// complete after `Ok`. The next call for the target, or a [sweep](lsm_checkpoint::sweep()), clears the leftovers
    /// of a dead process.
    ///
    /// # Errors
    ///
    /// [`Poisoned`](crate::Error::Poisoned), [`TooManyRuns`](crate::Error::TooManyRuns),
    /// [`KeptChanging`](crate::Error::KeptChanging), [`UnknownDirectory`](crate::Error::UnknownDirectory),
    /// [`OtherDirectory`](crate::Error::OtherDirectory), [`NotADatabase`](crate::Error::NotADatabase),
    /// [`DamagedJournal`](crate::Error::DamagedJournal), [`DamagedKeyspace`](crate::Error::DamagedKeyspace),
    /// [`Fjall`](crate::Error::Fjall), [`Fs`](crate::Error::Fs), and the errors of [`Checkpoint::create`].
    ///
    /// Unless the documentation of an error says otherwise, the failed attempt leaves nothing behind. The database is
    /// untouched, except that the first backup stores its name in a hidden file.
    pub fn create(&self, db: &impl AsDatabase, target: impl AsRef<Path>) -> Result<BackupInfo> {
        let db = db.as_database();
        let dir = dir_of(db, self.dir.as_deref())?;
        let identity = self.identity_of(&dir)?;
        let (attempts, steps) = (self.attempts, self.steps);
        let source = Online { db, dir, identity, attempts, steps, costs: Mutex::default() };
        self.take(&source, target.as_ref(), || source.costs())
    }

    /// Takes a backup of a database that no process has open. The call holds fjall's lock.
    ///
    /// # Contract
    ///
    /// As [`create`](Self::create). If the last process crashed, the backup has the state that fjall would recover.
    ///
    /// # Errors
    ///
    /// [`Locked`](crate::Error::Locked), [`NotADatabase`](crate::Error::NotADatabase),
    /// [`DamagedKeyspace`](crate::Error::DamagedKeyspace), [`DamagedJournal`](crate::Error::DamagedJournal),
    /// [`Fs`](crate::Error::Fs), and the errors of [`Checkpoint::create`].
    pub fn create_closed(&self, dir: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<BackupInfo> {
        let lock = offline::Lock::take(dir.as_ref())?;
        let identity = self.identity_of(dir.as_ref())?;
        let source = offline::Offline::new(&lock, identity)?;
        self.take(&source, target.as_ref(), || source.costs())
    }

    fn identity_of(&self, dir: &Path) -> Result<String> {
        self.identity.clone().map_or_else(|| identity::of(dir), Ok)
    }

    fn take(
        &self,
        source: &dyn CheckpointSource,
        target: &Path,
        costs: impl FnOnce() -> Costs,
    ) -> Result<BackupInfo> {
        let checkpoint = self.checkpoint.create(source, &StdFs, target)?;
        let Costs { below, attempts, pause, journals, journal_bytes } = costs();
        Ok(BackupInfo { checkpoint, cut: below, attempts, pause, journals, journal_bytes })
    }
}
