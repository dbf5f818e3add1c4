//! [`Repository`] for programs that do not use async code.
//!
//! The repository has a runtime of its own and answers over channels, so its methods may be called anywhere: in a plain
//! thread, and also inside another runtime, where they block the thread that calls them.

use std::{path::Path, sync::Arc};

use lsm_fs::Fs;

use crate::{
    Backup, BackupId, CheckOptions, CheckReport, CollectOptions, CollectReport, Constants, Location, Options,
    PushOptions, Pushed, ReadOptions, RepositoryFs, Result, Status, VerifyOptions, WriterId,
    background::Background,
};

/// A repository whose methods block. See [`crate::Repository`] for their contracts.
///
/// # Examples
///
/// ```
/// use lsm_checkpoint_store::{Location, Options, blocking::Repository};
///
/// # let dir = tempfile::tempdir().unwrap();
/// let folder = dir.path().join("repository");
/// let repository = Repository::init(Location::local(&folder)?, Options::new())?;
/// assert!(repository.list()?.is_empty());
/// assert_eq!(repository.status()?.state, 0);
/// # Ok::<(), lsm_checkpoint_store::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Repository {
    repository: crate::Repository,
    background: Arc<Background>,
}

impl Repository {
    /// As [`crate::Repository::init`].
    ///
    /// # Errors
    ///
    /// As [`crate::Repository::init`].
    pub fn init(location: Location, options: Options) -> Result<Self> {
        let background = Arc::new(Background::start()?);
        let repository = background.run(crate::Repository::init(location, options))?;
        Ok(Self { repository, background })
    }

    /// As [`crate::Repository::open`].
    ///
    /// # Errors
    ///
    /// As [`crate::Repository::open`].
    pub fn open(location: Location, options: Options) -> Result<Self> {
        let background = Arc::new(Background::start()?);
        let repository = background.run(crate::Repository::open(location, options))?;
        Ok(Self { repository, background })
    }

    /// Returns the constants of the repository.
    #[must_use]
    pub fn constants(&self) -> Constants {
        self.repository.constants()
    }

    /// As [`crate::Repository::list`].
    ///
    /// # Errors
    ///
    /// As [`crate::Repository::list`].
    pub fn list(&self) -> Result<Vec<Backup>> {
        let repository = self.repository.clone();
        self.background.run(async move { repository.list().await })
    }

    /// As [`crate::Repository::status`].
    ///
    /// # Errors
    ///
    /// As [`crate::Repository::status`].
    pub fn status(&self) -> Result<Status> {
        let repository = self.repository.clone();
        self.background.run(async move { repository.status().await })
    }

    /// As [`crate::Repository::push`].
    ///
    /// # Errors
    ///
    /// As [`crate::Repository::push`].
    pub fn push(&self, fs: Arc<dyn Fs>, dir: &Path, options: &PushOptions) -> Result<Pushed> {
        let (repository, dir, options) = (self.repository.clone(), dir.to_path_buf(), options.clone());
        self.background.run(async move { repository.push(fs, &dir, &options).await })
    }

    /// As [`crate::Repository::forget`].
    ///
    /// # Errors
    ///
    /// As [`crate::Repository::forget`].
    pub fn forget(&self, backups: &[BackupId]) -> Result<()> {
        let (repository, backups) = (self.repository.clone(), backups.to_vec());
        self.background.run(async move { repository.forget(&backups).await })
    }

    /// As [`crate::Repository::undo`].
    ///
    /// # Errors
    ///
    /// As [`crate::Repository::undo`].
    pub fn undo(&self, backups: &[BackupId]) -> Result<()> {
        let (repository, backups) = (self.repository.clone(), backups.to_vec());
        self.background.run(async move { repository.undo(&backups).await })
    }

    /// As [`crate::Repository::fence`].
    ///
    /// # Errors
    ///
    /// As [`crate::Repository::fence`].
    pub fn fence(&self, writer: WriterId) -> Result<bool> {
        let repository = self.repository.clone();
        self.background.run(async move { repository.fence(writer).await })
    }

    /// As [`crate::Repository::collect`].
    ///
    /// # Errors
    ///
    /// As [`crate::Repository::collect`].
    pub fn collect(&self, options: &CollectOptions) -> Result<CollectReport> {
        let (repository, options) = (self.repository.clone(), options.clone());
        self.background.run(async move { repository.collect(&options).await })
    }

    /// As [`crate::Repository::check`].
    ///
    /// # Errors
    ///
    /// As [`crate::Repository::check`].
    pub fn check(&self) -> Result<CheckReport> {
        let repository = self.repository.clone();
        self.background.run(async move { repository.check().await })
    }

    /// As [`crate::Repository::check_with`].
    ///
    /// # Errors
    ///
    /// As [`crate::Repository::check_with`].
    pub fn check_with(&self, options: &CheckOptions) -> Result<CheckReport> {
        let (repository, options) = (self.repository.clone(), options.clone());
        self.background.run(async move { repository.check_with(&options).await })
    }

    /// As [`crate::Repository::verify`].
    ///
    /// # Errors
    ///
    /// As [`crate::Repository::verify`].
    pub fn verify(&self, options: &VerifyOptions) -> Result<CheckReport> {
        let (repository, options) = (self.repository.clone(), options.clone());
        self.background.run(async move { repository.verify(&options).await })
    }

    /// As [`crate::Repository::files`].
    ///
    /// # Errors
    ///
    /// As [`crate::Repository::files`].
    pub fn files(&self, backup: BackupId, options: &ReadOptions) -> Result<RepositoryFs> {
        let (repository, options) = (self.repository.clone(), options.clone());
        self.background.run(async move { repository.files(backup, &options).await })
    }
}
