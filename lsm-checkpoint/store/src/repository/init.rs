//! Creates a repository, after a probe of the store.

mod probe;

use bytes::Bytes;
use lsm_fs::{FsExt, StdFs, SyncMode, parent_of};

use super::Repository;
use crate::{
    access::{Access, Answer, Right},
    error::{Error, Result},
    format::{CONSTANTS_MAX, Constants, HEAD_MAX, Head},
    id::{RepositoryId, TransactionId},
    key::Key,
    location::Location,
    options::Options,
    session::refuse_lost,
};

impl Repository {
    /// Creates a repository and opens it.
    ///
    /// The call first probes the store: in 20 rounds, 8 clients create one key at the same time with 1 MiB each, and
    /// exactly one of them must win. A round in which an answer was lost is repeated. The objects of the probe are
    /// deleted, if the credentials allow it. A later [`collect`](Self::collect) deletes the objects of a killed call.
    /// The folder of a local repository is made, and its name is made durable.
    ///
    /// # Crash semantics
    ///
    /// After a crash the repository exists, or it does not. If it does not, call `init` again.
    ///
    /// # Errors
    ///
    /// - [`RepositoryExists`](Error::RepositoryExists): nothing was changed.
    /// - [`StoreLacks`](Error::StoreLacks): the store failed the probe, so it could lose backups. No repository was
    ///   created.
    /// - [`Corrupt`](Error::Corrupt): there are states above 0, but the object `repository` has gone. Nothing was
    ///   written, unless the states appeared during the call. Bring the object back from a copy.
    /// - [`Denied`](Error::Denied): the credentials may not list, read or write there.
    /// - [`Contended`](Error::Contended), [`Store`](Error::Store), [`Fs`](Error::Fs): call it again.
    pub async fn init(location: Location, options: Options) -> Result<Self> {
        let access = Access::new(location, options);
        make_folder(&access)?;
        if access.get(Key::Repository, CONSTANTS_MAX).await?.is_some() {
            return Err(Error::RepositoryExists { place: access.place() });
        }
        // Nothing is written beside the states of a repository that has lost its object `repository`. Its state 0 may
        // have been deleted by a collect, so a create of it would succeed.
        refuse_lost(&access).await?;
        probe::run(&access).await?;
        let id = first_state(&access).await?;
        // Another client may have created the repository, and used it, during the probe.
        refuse_lost(&access).await?;
        create_constants(&access, id).await?;
        Self::open(access.location, access.options).await
    }
}

/// Makes the folder of a local repository, and the parents that are missing, with durable names.
fn make_folder(access: &Access) -> Result<()> {
    let Some(folder) = access.location.folder() else { return Ok(()) };
    let mut base = folder;
    while !StdFs.exists(base)? && parent_of(base) != base {
        base = parent_of(base);
    }
    let below = folder.strip_prefix(base).unwrap_or(folder);
    let _ = StdFs.create_dir_all_durable(base, below, SyncMode::Normal)?;
    Ok(())
}

/// Creates state 0, or finds the one of a dead or a racing `init`. Returns the identifier of its repository.
///
/// State 0 is created before the object `repository`, so that a repository is never without a state.
async fn first_state(access: &Access) -> Result<RepositoryId> {
    let key = Key::Head(0);
    let head = Head::first(RepositoryId(access.random()?), TransactionId(access.random()?));
    let bytes = Bytes::from(head.encode().map_err(|defect| Error::defect(key, defect))?);
    let mut attempts = access.attempts(key, Right::Write);
    loop {
        match access.create(key, bytes.clone()).await {
            Answer::Created => return Ok(head.repository),
            Answer::Exists => break,
            Answer::Refused(failure) => return Err(failure.at(Right::Write, key.to_string())),
            Answer::Unknown(source) => attempts.again(source).await?,
        }
    }
    let Some(found) = access.get(key, HEAD_MAX).await? else {
        // A collect has deleted the state, so there are higher ones. Or another create of it is still under way.
        refuse_lost(access).await?;
        let operation = "creating the first state".to_owned();
        return Err(Error::Contended { place: access.place(), operation });
    };
    Ok(Head::decode(0, found).map_err(|defect| Error::defect(key, defect))?.repository)
}

async fn create_constants(access: &Access, id: RepositoryId) -> Result<()> {
    let constants = Constants { id, kept_heads: access.options.kept_heads };
    let bytes = constants.encode().map_err(|defect| Error::defect(Key::Repository, defect))?;
    let mut attempts = access.attempts(Key::Repository, Right::Write);
    let mut was_unanswered = false;
    loop {
        match access.create(Key::Repository, Bytes::from(bytes.clone())).await {
            Answer::Created => return Ok(()),
            Answer::Exists if was_unanswered => return Ok(()),
            Answer::Exists => return Err(Error::RepositoryExists { place: access.place() }),
            Answer::Refused(failure) => return Err(failure.at(Right::Write, Key::Repository.to_string())),
            Answer::Unknown(source) => {
                attempts.again(source).await?;
                was_unanswered = true;
            }
        }
    }
}
