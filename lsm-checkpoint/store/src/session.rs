//! [`Session`]: an open repository, its newest state and its transactions.

mod commit;
mod newest;

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;

use crate::{
    access::{Access, Answer, Failure},
    defect::Defect,
    error::{Error, Result},
    format::{CONSTANTS_MAX, Constants},
    key::Key,
    memory::Memory,
    rules::Rules,
};
pub(crate) use commit::{Change, Derived};

/// An open repository.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) access: Access,
    pub(crate) constants: Constants,
    pub(crate) memory: Memory,
    /// The object `repository` as it was read.
    constants_bytes: Bytes,
    /// The newest number that this client has seen.
    seen: Mutex<Option<u64>>,
    /// Set if the number could not be kept for later runs.
    is_unsaved: AtomicBool,
    refuses_overwrites: AtomicBool,
}

/// Refuses a place with states but without the object `repository`.
///
/// State 0 alone is a repository that is being created. A higher state is made only after the object `repository`. So
/// the object is read after the list: a client that creates the repository meanwhile is no loss.
///
/// # Errors
///
/// - [`Corrupt`](Error::Corrupt): the object has gone.
/// - [`RepositoryExists`](Error::RepositoryExists): the object is there.
pub(crate) async fn refuse_lost(access: &Access) -> Result<()> {
    if access.highest_state().await?.is_none_or(|number| number == 0) {
        return Ok(());
    }
    match access.get(Key::Repository, CONSTANTS_MAX).await? {
        Some(_) => Err(Error::RepositoryExists { place: access.place() }),
        None => Err(Error::defect(Key::Repository, Defect::Missing)),
    }
}

impl Session {
    pub(crate) async fn open(access: Access) -> Result<Self> {
        let Some(bytes) = access.get(Key::Repository, CONSTANTS_MAX).await? else {
            return Err(match refuse_lost(&access).await {
                Err(lost @ Error::Corrupt { .. }) => lost,
                _ => Error::NotARepository { place: access.place() },
            });
        };
        let constants =
            Constants::decode(bytes.clone()).map_err(|defect| Error::defect(Key::Repository, defect))?;
        let memory = Memory::open(&access.options, constants.id).await?;
        let seen = Mutex::new(memory.newest_seen().await?);
        let constants_bytes = Bytes::from(bytes);
        let (is_unsaved, refuses_overwrites) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Self { access, constants, memory, constants_bytes, seen, is_unsaved, refuses_overwrites })
    }

    /// Makes a session of the same repository over other connections. It is only for reading.
    pub(crate) fn beside(&self, access: Access) -> Self {
        let memory = Memory::none(&access.options);
        let seen = Mutex::new(self.newest_seen());
        let constants_bytes = self.constants_bytes.clone();
        let (is_unsaved, refuses_overwrites) = (AtomicBool::new(false), AtomicBool::new(false));
        Self {
            access,
            constants: self.constants,
            memory,
            constants_bytes,
            seen,
            is_unsaved,
            refuses_overwrites,
        }
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.access.options.rules
    }

    /// Checks once that the store refuses to create an object that exists. Some servers accept the condition and ignore
    /// it. The request has the bytes that the object already has, so a server that ignores the condition changes
    /// nothing.
    pub(crate) async fn before_writing(&self) -> Result<()> {
        if self.refuses_overwrites.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut attempts = self.access.attempts(Key::Repository);
        loop {
            match self.access.create(Key::Repository, self.constants_bytes.clone()).await {
                Answer::Exists => break,
                Answer::Created => return Err(self.lacks("it accepts a create of an object that exists")),
                Answer::Refused(Failure::Lacking(source)) => return Err(self.lacks(&source.to_string())),
                Answer::Refused(failure) => return Err(failure.at(Key::Repository.to_string())),
                Answer::Unknown(source) if !attempts.pause().await => {
                    return Err(Error::Store { key: Key::Repository.to_string(), source });
                }
                Answer::Unknown(_) => {}
            }
        }
        self.refuses_overwrites.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn lacks(&self, how: &str) -> Error {
        let what = format!("a put that fails if the object exists: {how}");
        Error::StoreLacks { place: self.access.place(), what }
    }

    fn newest_seen(&self) -> Option<u64> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a number, in memory and on disk. The client notices a rollback even if the disk fails, because it has
    /// the number in memory. It tries the disk again at the next state that it reads.
    async fn saw(&self, number: u64) {
        let is_new = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let is_new = seen.is_none_or(|seen| seen < number);
            if is_new {
                *seen = Some(number);
            }
            is_new
        };
        if self.is_unsaved.load(Ordering::Relaxed) || is_new {
            let newest = self.newest_seen().unwrap_or(number);
            let is_saved = self.memory.saw(newest).await;
            self.is_unsaved.store(!is_saved, Ordering::Relaxed);
        }
    }
}
