//! [`Session`]: an open repository, its newest state and its transactions.

mod commit;
mod newest;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;

use crate::{
    access::{Access, Answer, Failure, Right},
    defect::Defect,
    error::{Error, Result},
    format::{CONSTANTS_MAX, Constants},
    key::Key,
    memory::Memory,
    meter::Meter,
    rules::Rules,
};
pub(crate) use commit::{Change, Derived};

/// An open repository. Each call has its own, whose requests look at the meter of the call.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) access: Access,
    pub(crate) constants: Constants,
    pub(crate) memory: Arc<Memory>,
    known: Arc<Known>,
}

/// The facts that all calls of a client share.
#[derive(Debug)]
struct Known {
    /// The object `repository` as it was read.
    constants: Bytes,
    /// The newest number that this client has seen.
    seen: Mutex<Option<u64>>,
    /// Set if the number could not be kept for later runs.
    is_unsaved: AtomicBool,
    refuses_overwrites: AtomicBool,
}

impl Known {
    const fn new(constants: Bytes, seen: Option<u64>) -> Self {
        let (is_unsaved, refuses_overwrites) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { constants, seen: Mutex::new(seen), is_unsaved, refuses_overwrites }
    }
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
        let known = Known::new(Bytes::from(bytes), memory.newest_seen().await?);
        Ok(Self { access, constants, memory: Arc::new(memory), known: Arc::new(known) })
    }

    /// Makes the session of a call, whose requests look at its meter.
    pub(crate) fn under(&self, meter: &Arc<Meter>) -> Self {
        Self { access: self.access.under(Arc::clone(meter)), ..self.clone() }
    }

    /// Makes a session of the same repository over other connections. It is only for reading.
    pub(crate) fn beside(&self, access: Access) -> Self {
        let memory = Arc::new(Memory::none(&access.options));
        let known = Arc::new(Known::new(self.known.constants.clone(), self.newest_seen()));
        Self { access, constants: self.constants, memory, known }
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.access.options.rules
    }

    /// Checks once that the store refuses to create an object that exists. Some servers accept the condition and ignore
    /// it. The request has the bytes that the object already has, so a server that ignores the condition changes
    /// nothing.
    pub(crate) async fn before_writing(&self) -> Result<()> {
        if self.known.refuses_overwrites.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut attempts = self.access.attempts(Key::Repository, Right::Write);
        loop {
            self.access.ask()?;
            match self.access.create(Key::Repository, self.known.constants.clone()).await {
                Answer::Exists => break,
                Answer::Created => return Err(self.lacks("it accepts a create of an object that exists")),
                Answer::Refused(Failure::Lacking(source)) => return Err(self.lacks(&source.to_string())),
                Answer::Refused(failure) => {
                    return Err(failure.at(Right::Write, Key::Repository.to_string()));
                }
                Answer::Unknown(source) => attempts.again(source).await?,
            }
        }
        self.known.refuses_overwrites.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn lacks(&self, how: &str) -> Error {
        let what = format!("a put that fails if the object exists: {how}");
        Error::StoreLacks { place: self.access.place(), what }
    }

    fn newest_seen(&self) -> Option<u64> {
        *self.known.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a number, in memory and on disk. The client notices a rollback even if the disk fails, because it has
    /// the number in memory. It tries the disk again at the next state that it reads.
    async fn saw(&self, number: u64) {
        let is_new = {
            let mut seen = self.known.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let is_new = seen.is_none_or(|seen| seen < number);
            if is_new {
                *seen = Some(number);
            }
            is_new
        };
        if self.known.is_unsaved.load(Ordering::Relaxed) || is_new {
            let newest = self.newest_seen().unwrap_or(number);
            let is_saved = self.memory.saw(newest).await;
            self.known.is_unsaved.store(!is_saved, Ordering::Relaxed);
        }
    }
}
