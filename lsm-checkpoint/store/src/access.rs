//! [`Access`]: the requests to the store, with the prefix, retries and limits.

mod attempts;
mod failure;
mod list;
mod pace;
mod watch;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    defect::Defect,
    error::{Error, Result, StoreError},
    format::PIECE,
    key::Key,
    location::Location,
    meter::Meter,
    options::{Options, PART_MIN},
};
pub(crate) use attempts::Attempts;
pub(crate) use failure::{Failure, Right};
pub(crate) use list::Listed;
use pace::Pace;

/// The unit of the budget for bytes in flight.
const UNIT: u64 = 64 << 10;

/// A store with the prefix of a repository, the options of the client, and the meter of a call. Clones share their
/// limits.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) location: Location,
    pub(crate) options: Options,
    meter: Arc<Meter>,
    budget: Arc<Semaphore>,
    budget_units: u32,
    pace: Arc<Pace>,
}

/// The length of an object, and the store's time of its last change since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stat {
    pub(crate) len: u64,
    pub(crate) modified: Duration,
}

/// The answer to one create.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The object was created.
    Created,
    /// The key is taken, or another create of it is under way.
    Exists,
    /// The request was refused, and nothing was written.
    Refused(Failure),
    /// The request may have taken effect, or may do so at any later time.
    Unknown(StoreError),
}

impl Access {
    pub(crate) fn new(location: Location, options: Options) -> Self {
        let units = (options.in_flight / UNIT).max(options.part.div_ceil(UNIT));
        let budget_units = u32::try_from(units).unwrap_or(u32::MAX >> 3).min(u32::MAX >> 3);
        let budget = Arc::new(Semaphore::new(budget_units as usize));
        let pace = Arc::new(Pace::new(options.bytes_per_second));
        Self { location, options, meter: Arc::new(Meter::new(None)), budget, budget_units, pace }
    }

    /// Makes the access of a call, whose requests and pauses look at its meter.
    pub(crate) fn under(&self, meter: Arc<Meter>) -> Self {
        Self { meter, ..self.clone() }
    }

    /// Fails if the caller of this call cancels it.
    pub(crate) fn ask(&self) -> Result<()> {
        self.meter.ask()
    }

    pub(crate) fn place(&self) -> String {
        self.location.place().to_owned()
    }

    /// Draws 128 random bits.
    pub(crate) fn random(&self) -> Result<[u8; 16]> {
        self.options.environment.random().map_err(Error::System)
    }

    #[allow(clippy::needless_pass_by_value, reason = "a key is small, and is copied")]
    pub(crate) fn attempts(&self, key: impl ToString, right: Right) -> Attempts<'_> {
        Attempts::new(self, self.location.retry_limit(), key.to_string(), right)
    }

    pub(crate) fn path(&self, key: &str) -> Path {
        key.split('/').fold(self.location.prefix().clone(), Path::join)
    }

    /// Returns the client for a key: states and constants have a shorter retry budget than data.
    pub(crate) fn store(&self, key: Key) -> &Arc<dyn ObjectStore> {
        match key {
            Key::Repository | Key::Head(_) | Key::Probe(_) => self.location.heads(),
            Key::Catalog(_) | Key::Data(_) => self.location.data(),
        }
    }

    /// Waits until this many more bytes fit into the budget of bytes in flight.
    pub(crate) async fn permit(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.budget_units);
        Arc::clone(&self.budget).acquire_many_owned(units).await.ok()
    }

    /// Waits until the rate limit allows this many bytes.
    ///
    /// # Errors
    ///
    /// [`Cancelled`](Error::Cancelled).
    pub(crate) async fn pace(&self, bytes: u64) -> Result<()> {
        self.wait(self.pace.take(bytes, self.options.environment.now())).await
    }

    /// Returns the length of the parts in which files are sent.
    pub(crate) fn sent_part(&self) -> u64 {
        self.pace.body(PART_MIN, self.options.part)
    }

    /// Returns the length of the parts in which files are read, of at most `most` bytes.
    pub(crate) fn read_part(&self, most: u64) -> u64 {
        self.pace.body(PIECE, most)
    }

    /// Reads an object of at most `limit` bytes. Returns `None` if there is no object.
    pub(crate) async fn get(&self, key: Key, limit: u64) -> Result<Option<Vec<u8>>> {
        let mut attempts = self.attempts(key, Right::Read);
        loop {
            match self.watched(self.try_get(key, limit)).await? {
                Ok(Ok(bytes)) => return Ok(Some(bytes)),
                Ok(Err(defect)) => return Err(Error::defect(key, defect)),
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                Err(error) => attempts.next(error).await?,
            }
        }
    }

    async fn try_get(&self, key: Key, limit: u64) -> object_store::Result<Result<Vec<u8>, Defect>> {
        let got = self.store(key).get_opts(&self.path(&key.to_string()), GetOptions::default()).await?;
        let len = got.meta.size;
        if len > limit {
            return Ok(Err(Defect::TooLong { limit, found: len }));
        }
        let bytes = collect(got.into_stream(), len).await?;
        Ok(Ok(bytes))
    }

    /// Reads a range of an object. Returns `None` if there is no object.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](Error::Corrupt) if the object ends before the range does.
    pub(crate) async fn get_range(&self, key: Key, offset: u64, len: u64) -> Result<Option<Bytes>> {
        let end = offset.saturating_add(len);
        let mut attempts = self.attempts(key, Right::Read);
        loop {
            match self.watched(self.try_get_range(key, offset, len)).await? {
                Ok(bytes) if bytes.len() as u64 == len => return Ok(Some(bytes)),
                Ok(bytes) => {
                    let found = offset.saturating_add(bytes.len() as u64);
                    return Err(Error::defect(key, Defect::Length { expected: end, found }));
                }
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                Err(error) => {
                    // A retry does not help if the range extends past the end.
                    match self.stat(key).await? {
                        None => return Ok(None),
                        Some(stat) if stat.len < end => {
                            return Err(Error::defect(
                                key,
                                Defect::Length { expected: end, found: stat.len },
                            ));
                        }
                        Some(_) => attempts.next(error).await?,
                    }
                }
            }
        }
    }

    async fn try_get_range(&self, key: Key, offset: u64, len: u64) -> object_store::Result<Bytes> {
        let range = Some(GetRange::Bounded(offset..offset.saturating_add(len)));
        let options = GetOptions { range, ..GetOptions::default() };
        let got = self.store(key).get_opts(&self.path(&key.to_string()), options).await?;
        let found = got.range.end.saturating_sub(got.range.start);
        Ok(Bytes::from(collect(got.into_stream(), found.min(len)).await?))
    }

    /// Returns length and time of an object, or `None` if there is none.
    pub(crate) async fn stat(&self, key: Key) -> Result<Option<Stat>> {
        let mut attempts = self.attempts(key, Right::Read);
        loop {
            let path = self.path(&key.to_string());
            match self.watched(self.store(key).head(&path)).await? {
                Ok(meta) => {
                    return Ok(Some(Stat {
                        len: meta.size,
                        modified: unix(meta.last_modified.timestamp_millis()),
                    }));
                }
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                Err(error) => attempts.next(error).await?,
            }
        }
    }

    /// Creates an object, in one attempt. If the caller cancels it, the answer is unknown.
    pub(crate) async fn create(&self, key: Key, bytes: Bytes) -> Answer {
        self.put(key, bytes, PutMode::Create).await
    }

    /// Writes an object, in one attempt.
    pub(crate) async fn put(&self, key: Key, bytes: Bytes, mode: PutMode) -> Answer {
        let path = self.path(&key.to_string());
        let put = self.store(key).put_opts(&path, PutPayload::from_bytes(bytes), PutOptions::from(mode));
        let outcome = match self.raced(put).await {
            Ok(outcome) => outcome,
            Err(cancelled) => return Answer::Unknown(cancelled.into()),
        };
        match outcome {
            Ok(_) => Answer::Created,
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Answer::Exists
            }
            Err(error) => match Failure::of(error) {
                Failure::Other(error) => Answer::Unknown(error),
                refused => Answer::Refused(refused),
            },
        }
    }

    /// Deletes objects. An object that is gone already counts as deleted.
    pub(crate) async fn delete(&self, names: Vec<String>) -> Result<u64> {
        let mut deleted = 0;
        let folder = names.first().and_then(|name| name.split('/').next()).unwrap_or_default();
        let mut attempts = self.attempts(folder, Right::Delete);
        let mut left: Vec<Path> = names.iter().map(|name| self.path(name)).collect();
        while !left.is_empty() {
            let paths = left.clone().into_iter().map(Ok);
            let mut outcomes = self.location.data().delete_stream(futures::stream::iter(paths).boxed());
            self.ask()?;
            let failed = loop {
                match self.raced(outcomes.next()).await? {
                    None => break None,
                    Some(Ok(path)) => left.retain(|other| *other != path),
                    Some(Err(object_store::Error::NotFound { path, .. })) => {
                        let gone = Path::from(path);
                        left.retain(|other| *other != gone && !gone.as_ref().ends_with(other.as_ref()));
                    }
                    Some(Err(error)) => break Some(error),
                }
                deleted += 1;
            };
            let Some(error) = failed else { break };
            attempts.next(error).await?;
        }
        Ok(deleted)
    }
}

/// Collects a body of a known length.
async fn collect(
    mut body: BoxStream<'static, object_store::Result<Bytes>>,
    len: u64,
) -> object_store::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
    while let Some(chunk) = body.try_next().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > len {
            break;
        }
    }
    if bytes.len() as u64 == len {
        return Ok(bytes);
    }
    let source = format!("a body of {} bytes, {len} announced", bytes.len()).into();
    Err(object_store::Error::Generic { store: "repository", source })
}

fn unix(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
