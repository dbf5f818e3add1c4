//! [`Access`]: the requests to the store, with the prefix, retries and limits.

mod attempts;
mod pace;

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
    key::{HEADS, Key},
    location::Location,
    options::Options,
};
pub(crate) use attempts::{Attempts, Failure};
use pace::Pace;

/// The unit of the budget for bytes in flight.
const UNIT: u64 = 64 << 10;

/// A store with the prefix of a repository, and the options of the client.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) location: Location,
    pub(crate) options: Options,
    budget: Arc<Semaphore>,
    budget_units: u32,
    pace: Pace,
}

/// An object in a list.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    /// The name, relative to the prefix.
    pub(crate) name: String,
    /// The parsed name. `None` if no repository makes such a name.
    pub(crate) key: Option<Key>,
    pub(crate) len: u64,
    pub(crate) modified: Duration,
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
        let pace = Pace::new(options.bytes_per_second);
        Self { location, options, budget, budget_units, pace }
    }

    pub(crate) fn place(&self) -> String {
        self.location.place().to_owned()
    }

    /// Draws 128 random bits.
    pub(crate) fn random(&self) -> Result<[u8; 16]> {
        self.options.environment.random().map_err(Error::System)
    }

    #[allow(clippy::needless_pass_by_value, reason = "a key is small, and is copied")]
    pub(crate) fn attempts(&self, key: impl ToString) -> Attempts<'_> {
        Attempts::new(&self.options, self.location.retry_limit(), key.to_string())
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
    pub(crate) async fn pace(&self, bytes: u64) {
        let environment = &*self.options.environment;
        let delay = self.pace.take(bytes, environment.now());
        if !delay.is_zero() {
            environment.sleep(delay).await;
        }
    }

    /// Reads an object of at most `limit` bytes. Returns `None` if there is no object.
    pub(crate) async fn get(&self, key: Key, limit: u64) -> Result<Option<Vec<u8>>> {
        let mut attempts = self.attempts(key);
        loop {
            match self.try_get(key, limit).await {
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
        let mut attempts = self.attempts(key);
        loop {
            match self.try_get_range(key, offset, len).await {
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
        let mut attempts = self.attempts(key);
        loop {
            match self.store(key).head(&self.path(&key.to_string())).await {
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

    /// Creates an object, in one attempt.
    pub(crate) async fn create(&self, key: Key, bytes: Bytes) -> Answer {
        self.put(key, bytes, PutMode::Create).await
    }

    /// Writes an object, in one attempt.
    pub(crate) async fn put(&self, key: Key, bytes: Bytes, mode: PutMode) -> Answer {
        let path = self.path(&key.to_string());
        let options = PutOptions::from(mode);
        match self.store(key).put_opts(&path, PutPayload::from_bytes(bytes), options).await {
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

    /// Lists the objects below a folder of the repository, page by page.
    pub(crate) fn list(&self, folder: &str) -> BoxStream<'static, object_store::Result<Listed>> {
        let store = if folder == HEADS { self.location.heads() } else { self.location.data() };
        let prefix = self.location.prefix().clone();
        let listed = store.list(Some(&self.path(folder)));
        let named = listed.map_ok(move |meta| {
            let name = relative(&prefix, &meta.location);
            let key = Key::parse(&name);
            Listed { name, key, len: meta.size, modified: unix(meta.last_modified.timestamp_millis()) }
        });
        // The S3 client's list panics if it is polled after its end, and a collector polls it once more.
        named.fuse().boxed()
    }

    /// Returns the highest number in a list of the states.
    pub(crate) async fn highest_state(&self) -> Result<Option<u64>> {
        let mut attempts = self.attempts(HEADS);
        loop {
            let listed = self.list(HEADS).try_fold(None, async |highest: Option<u64>, listed| {
                let number = if let Some(Key::Head(number)) = listed.key { Some(number) } else { None };
                Ok(highest.max(number))
            });
            match listed.await {
                Ok(highest) => return Ok(highest),
                Err(error) => attempts.next(error).await?,
            }
        }
    }

    /// Deletes objects. An object that is gone already counts as deleted.
    pub(crate) async fn delete(&self, names: Vec<String>) -> Result<u64> {
        let mut deleted = 0;
        let mut attempts = self.attempts(names.first().cloned().unwrap_or_default());
        let mut left: Vec<Path> = names.iter().map(|name| self.path(name)).collect();
        while !left.is_empty() {
            let paths = left.clone().into_iter().map(Ok);
            let mut outcomes = self.location.data().delete_stream(futures::stream::iter(paths).boxed());
            let failed = loop {
                match outcomes.next().await {
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

fn relative(prefix: &Path, location: &Path) -> String {
    let rest = location.as_ref().strip_prefix(prefix.as_ref()).unwrap_or(location.as_ref());
    rest.trim_start_matches('/').to_owned()
}

fn unix(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
