//! [`RepositoryFs`]: a backup as a read-only filesystem.

mod cache;
mod calls;
mod debris;
mod disk;
mod failure;
mod fetch;
mod file;
mod restore;
mod seed;
mod tree;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    access::Access,
    background::Background,
    defect::Defect,
    error::{Error, Result},
    format::{Backup, BackupCatalog, PIECE},
    id::BackupId,
    key::Key,
    repository::Repository,
    session::Session,
};
use disk::DiskCache;
use fetch::Fetcher;
use tree::Tree;

/// The number of times that a push may replace a backup while it is opened.
const REPLACEMENTS: u32 = 100;

/// The options for reading a backup.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    memory: u64,
    disk: Option<(PathBuf, u64)>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { memory: 96 << 20, disk: None }
    }
}

impl ReadOptions {
    /// Creates the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits the memory for fetched bytes. Default: 96 MiB. Each waiting reader can exceed it by 1 MiB.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Keeps up to `bytes` fetched bytes in a directory on the local disk. Later readers of the same bytes, in any
    /// backup, find them there, unless newer bytes took their place. The directory is made if it does not exist. Only
    /// one process at a time may use it.
    #[must_use]
    pub fn disk_cache(mut self, dir: impl Into<PathBuf>, bytes: u64) -> Self {
        self.disk = Some((dir.into(), bytes));
        self
    }
}

/// A backup as a read-only filesystem, for `verify`, `restore` and `CheckpointDir` of `lsm-checkpoint`, and for an
/// engine that opens the backup in place.
///
/// The filesystem holds one directory, [`dir`](Self::dir), which is the checkpoint. Each piece of 1 MiB is compared
/// with its SHA-256 before a byte of it is returned. Sequential reads fetch pieces ahead. Calls that would change
/// something fail, most of them with `ReadOnlyFilesystem`.
///
/// A failed request is the cause of the [`io::Error`](std::io::Error) of a read. Its kind is `PermissionDenied` if
/// access was denied, `TimedOut` if the store did not answer, `InvalidData` if the bytes are damaged or missing, and
/// otherwise `Other`.
///
/// The calls block the thread, and work inside any runtime, because the requests are made by threads of this value. A
/// store that was passed as a client ([`Location::of_store`](crate::Location::of_store)) must not need the runtime of
/// the blocked thread for its connections.
#[derive(Clone)]
pub struct RepositoryFs {
    inner: Arc<Inner>,
}

struct Inner {
    backup: Backup,
    dir: PathBuf,
    tree: Tree,
    fetcher: Arc<Fetcher>,
}

impl RepositoryFs {
    /// Returns the directory of the checkpoint in this filesystem: `/` and the identifier of the backup.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Returns the backup.
    #[must_use]
    pub fn backup(&self) -> &Backup {
        &self.inner.backup
    }

    /// Returns the bytes of files that were fetched from the store so far.
    #[must_use]
    pub fn fetched_bytes(&self) -> u64 {
        self.inner.fetcher.fetched_bytes()
    }
}

impl fmt::Debug for RepositoryFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RepositoryFs").field("backup", &self.inner.backup.id).finish_non_exhaustive()
    }
}

impl Repository {
    /// Opens the files of a backup for reading. The backup may be a forgotten one.
    ///
    /// # Errors
    ///
    /// - [`NoSuchBackup`](Error::NoSuchBackup), [`BackupGone`](Error::BackupGone).
    /// - [`Corrupt`](Error::Corrupt): the catalog of the backup is damaged.
    /// - [`Fs`](Error::Fs): the directory of the cache cannot be used.
    /// - The errors of [`list`](Self::list).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use lsm_checkpoint::{CheckpointDir, restore};
    /// use lsm_checkpoint_store::{Location, Options, ReadOptions, blocking::Repository};
    /// use lsm_fs::StdFs;
    /// use std::{path::Path, sync::Arc};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let repository = Repository::open(Location::parse("s3://backups/db")?, Options::new())?;
    /// let last = repository.list()?.pop().ok_or("no backup")?;
    /// let files = repository.files(last.id, &ReadOptions::new())?;
    /// let checkpoint = CheckpointDir::open(Arc::new(files.clone()), files.dir())?;
    /// restore(&checkpoint, &StdFs, Path::new("/var/lib/db"))?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn files(&self, backup: BackupId, options: &ReadOptions) -> Result<RepositoryFs> {
        let session = self.session();
        let (found, catalog) = opened(session, backup).await?;
        let disk = match &options.disk {
            Some((dir, bytes)) => Some(DiskCache::open(dir.clone(), *bytes)?),
            None => None,
        };
        let dir = PathBuf::from(format!("/{backup}"));
        let tree = Tree::new(&catalog);
        let background = Background::start()?;
        let memory = options.memory.max(PIECE);
        // Connections belong to the runtime that made them, and a reader may block that runtime.
        let access = Access::new(session.access.location.again()?, session.access.options.clone());
        let again = Arc::new(session.beside(access));
        let fetcher = Arc::new(Fetcher::new(again, background, (found.clone(), catalog), memory, disk));
        Ok(RepositoryFs { inner: Arc::new(Inner { backup: found, dir, tree, fetcher }) })
    }
}

/// Reads the catalog of a backup. If a push replaces it meanwhile, reads the new one.
async fn opened(session: &Session, backup: BackupId) -> Result<(Backup, BackupCatalog)> {
    let mut known = standing(session, backup).await?.ok_or(Error::NoSuchBackup { backup })?;
    for _ in 0..REPLACEMENTS {
        let defect = match session.proved_catalog(&known).await? {
            Ok(catalog) => return Ok((known, catalog)),
            Err(defect) => defect,
        };
        match standing(session, backup).await {
            Ok(Some(newer)) if newer.catalog.name != known.catalog.name => known = newer,
            Ok(None) => return Err(Error::BackupGone { backup }),
            _ => return Err(Error::defect(Key::Catalog(known.catalog.name), defect)),
        }
    }
    let operation = format!("opening backup {backup}");
    Err(Error::Contended { place: session.access.place(), operation })
}

/// Returns a backup as the newest state has it.
async fn standing(session: &Session, backup: BackupId) -> Result<Option<Backup>> {
    let head = session.newest().await?.head;
    Ok(head.referenced().find(|known| known.id == backup).cloned())
}

/// Makes the error of an object that is missing or damaged. If the backup was dropped or replaced meanwhile, this is
/// [`BackupGone`](Error::BackupGone).
async fn missing(session: &Session, backup: &Backup, key: Key, defect: Defect) -> Error {
    match standing(session, backup.id).await {
        Ok(Some(newest)) if newest.catalog.name == backup.catalog.name => Error::defect(key, defect),
        Ok(_) => Error::BackupGone { backup: backup.id },
        Err(_) => Error::defect(key, defect),
    }
}
