//! [`Repository`]: backups in an object store.

mod init;
mod states;

use std::sync::Arc;

use crate::{
    access::Access,
    changes::{Fence, Forget, Undo},
    error::Result,
    format::{Backup, Constants},
    id::{BackupId, WriterId},
    location::Location,
    options::Options,
    session::Session,
};
pub use states::{SourceStatus, Status};

/// A repository: backups in an object store, shared by any number of machines that push, read and collect.
///
/// Clones share their connections. All `async` methods need a tokio runtime. [`blocking`](crate::blocking) has the same
/// methods for programs without one.
#[derive(Clone, Debug)]
pub struct Repository {
    session: Arc<Session>,
}

impl Repository {
    /// Opens a repository.
    ///
    /// # Errors
    ///
    /// - [`NotARepository`](crate::Error::NotARepository): there is no repository at this place.
    /// - [`Unsupported`](crate::Error::Unsupported): a newer version wrote it.
    /// - [`Corrupt`](crate::Error::Corrupt): the object `repository` is damaged, or has gone although there are states.
    /// - [`Fs`](crate::Error::Fs): the state directory cannot be used.
    /// - [`Denied`](crate::Error::Denied), [`Store`](crate::Error::Store): the store cannot be read.
    pub async fn open(location: Location, options: Options) -> Result<Self> {
        let session = Session::open(Access::new(location, options)).await?;
        Ok(Self { session: Arc::new(session) })
    }

    /// Returns the constants of the repository.
    #[must_use]
    pub fn constants(&self) -> Constants {
        self.session.constants
    }

    /// Returns the place of the repository.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.session.access.location
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Lists the backups, oldest push first.
    ///
    /// # Errors
    ///
    /// - [`NoState`](crate::Error::NoState), [`WentBack`](crate::Error::WentBack), [`Corrupt`](crate::Error::Corrupt):
    ///   the repository is damaged, or not the one that this client has seen before.
    /// - [`Unsupported`](crate::Error::Unsupported): a newer version wrote the newest state.
    /// - [`Contended`](crate::Error::Contended): call it again.
    /// - [`OddKey`](crate::Error::OddKey): another program has put an object there whose key no client can read.
    /// - [`Denied`](crate::Error::Denied), [`Store`](crate::Error::Store): the store cannot be read.
    pub async fn list(&self) -> Result<Vec<Backup>> {
        Ok(self.session.newest().await?.head.backups)
    }

    /// Returns the newest state: sources with their last backups, forgotten backups, and unfinished pushes.
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list).
    pub async fn status(&self) -> Result<Status> {
        Ok(Status::of(self.session.newest().await?.head))
    }

    /// Forgets backups. Their objects stay until a [`collect`](Self::collect) drops the backups after the grace. Until
    /// then, [`undo`](Self::undo) brings the backups back. If one of them does not exist, none is forgotten.
    ///
    /// # Errors
    ///
    /// - [`NoSuchBackup`](crate::Error::NoSuchBackup).
    /// - [`Unknown`](crate::Error::Unknown): the backups may be forgotten now or later. Call it again.
    /// - [`StoreLacks`](crate::Error::StoreLacks), and the errors of [`list`](Self::list).
    pub async fn forget(&self, backups: &[BackupId]) -> Result<()> {
        self.session.before_writing().await?;
        self.session.commit(&mut Forget(backups)).await.map(drop)
    }

    /// Brings forgotten backups back. If one of them is gone, none is brought back.
    ///
    /// # Errors
    ///
    /// As [`forget`](Self::forget). [`NoSuchBackup`](crate::Error::NoSuchBackup) also means that a collect has dropped
    /// the backup.
    pub async fn undo(&self, backups: &[BackupId]) -> Result<()> {
        self.session.before_writing().await?;
        self.session.commit(&mut Undo(backups)).await.map(drop)
    }

    /// Fences the push of a dead writer, so that the next collect removes its objects. Returns `false` if no such push
    /// is under way.
    ///
    /// If the writer is alive after all, its push copies its objects within the store or sends them again. It fails
    /// with [`Fenced`](crate::Error::Fenced) if it is fenced three times. No data is lost.
    ///
    /// # Errors
    ///
    /// As [`forget`](Self::forget), without `NoSuchBackup`.
    pub async fn fence(&self, writer: WriterId) -> Result<bool> {
        self.session.before_writing().await?;
        Ok(self.session.commit(&mut Fence(writer)).await?.1)
    }
}
