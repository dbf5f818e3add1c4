//! [`Fetcher`]: fetches pieces, verifies them, and wakes their readers.

use std::{
    io,
    num::NonZeroUsize,
    ops::Range,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{
    cache::{Cache, PieceId, Slot},
    disk::DiskCache,
    failure::Shared,
    missing,
    seed::Seed,
};
use crate::{
    background::Background,
    defect::Defect,
    environment::blocking,
    error::{Error, Result},
    format::{Backup, BackupCatalog, PIECE, Sha256, sha256},
    key::Key,
    session::Session,
};

/// The maximum number of pieces in one request. Longer requests would be fewer. But a reader needs memory for two of
/// them, so that the second one is under way while it reads the first.
pub(super) const RUN: u64 = 4;

/// The pieces of a backup's files.
pub(super) struct Fetcher {
    session: Arc<Session>,
    background: Background,
    backup: Backup,
    catalog: BackupCatalog,
    /// One permit for each request that may be under way.
    requests: Semaphore,
    cache: Mutex<Cache>,
    arrived: Condvar,
    disk: Option<DiskCache>,
    seed: Mutex<Option<Seed>>,
    fetched: AtomicU64,
    /// The first failure that a reader got, or that the backup has gone.
    failure: Mutex<Option<Shared>>,
}

/// Neighbouring pieces that one request fetches.
#[derive(Clone, Debug)]
struct Run {
    file: usize,
    pieces: Range<u64>,
}

impl Fetcher {
    pub(super) fn new(
        session: Arc<Session>,
        background: Background,
        (backup, catalog): (Backup, BackupCatalog),
        memory: u64,
        disk: Option<DiskCache>,
    ) -> Self {
        let (cache, arrived) = (Mutex::new(Cache::new(memory)), Condvar::new());
        let (seed, fetched, failure) = (Mutex::new(None), AtomicU64::new(0), Mutex::new(None));
        let requests = Semaphore::new(session.access.options.concurrency.min(Semaphore::MAX_PERMITS));
        Self { session, background, backup, catalog, requests, cache, arrived, disk, seed, fetched, failure }
    }

    /// Returns the number of requests that may be under way.
    pub(super) fn concurrency(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.session.access.options.concurrency).unwrap_or(NonZeroUsize::MIN)
    }

    pub(super) fn checkpoint(&self) -> &[u8] {
        &self.catalog.checkpoint
    }

    pub(super) fn fetched_bytes(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// Returns the paths of the files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.catalog.files.iter().map(|file| file.path.as_str())
    }

    /// Sets local files to try before the store.
    pub(super) fn set_seed(&self, seed: Option<Seed>) {
        *self.seed() = seed;
    }

    /// Tells the local files that a reader has closed a file after it has read it to its end.
    pub(super) fn file_is_read(&self, file: usize) {
        let seed = self.seed().clone();
        if let Some((seed, file)) = seed.zip(self.catalog.files.get(file)) {
            seed.is_read(&file.path);
        }
    }

    fn seed(&self) -> MutexGuard<'_, Option<Seed>> {
        self.seed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the first failure that a reader got since the last call. A backup that has gone comes before all others.
    pub(super) fn take_failure(&self) -> Option<Error> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        failure.map(|failure| failure.again())
    }

    fn failed(&self, error: Arc<Error>) -> io::Error {
        let error = Shared::new(error);
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_none() || error.is_gone() {
            *failure = Some(error.clone());
        }
        error.into_io()
    }

    /// Returns a piece, and waits until it has arrived.
    pub(super) fn piece(self: &Arc<Self>, id: PieceId) -> io::Result<Bytes> {
        loop {
            self.want(id.file, id.piece..id.piece + 1, true);
            let mut cache = self.lock();
            loop {
                match cache.get(id) {
                    // Another piece needed the room.
                    None => break,
                    Some(Slot::Ready(bytes)) => return Ok(bytes.clone()),
                    Some(Slot::Failed(error)) => {
                        let error = Arc::clone(error);
                        cache.remove(id);
                        drop(cache);
                        return Err(self.failed(error));
                    }
                    Some(Slot::Pending) => {
                        cache = self.arrived.wait(cache).unwrap_or_else(PoisonError::into_inner);
                    }
                }
            }
        }
    }

    /// Requests the pieces that are neither in memory nor on their way, in runs that cross no multiple of [`RUN`]. A
    /// run that is not urgent is left out if there is no room for all of it: many short requests cost more than a wait.
    pub(super) fn want(self: &Arc<Self>, file: usize, pieces: Range<u64>, urgent: bool) {
        let Some(stored) = self.catalog.files.get(file) else { return };
        let end = pieces.end.min(stored.pieces.len() as u64);
        let mut start = pieces.start;
        while start < end {
            let next = end.min((start / RUN + 1) * RUN);
            self.want_run(Run { file, pieces: start..next }, stored.len, urgent);
            start = next;
        }
    }

    fn want_run(self: &Arc<Self>, run: Run, file_len: u64, urgent: bool) {
        let Run { file, pieces } = run;
        let mut cache = self.lock();
        let missing: Vec<u64> = pieces.filter(|&piece| !cache.contains(PieceId { file, piece })).collect();
        let bytes = missing.iter().map(|&piece| length(file_len, piece)).sum();
        if !urgent && !cache.has_room(bytes) {
            return;
        }
        for &piece in &missing {
            cache.reserve(PieceId { file, piece }, length(file_len, piece));
        }
        drop(cache);
        // Under a rate limit, requests are short.
        let most = self.session.access.read_part(RUN * PIECE) / PIECE;
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
        let neighbours = missing.chunk_by(|piece, next| piece + 1 == *next);
        for pieces in neighbours.flat_map(|neighbours| neighbours.chunks(most)) {
            if let [first, ..] = pieces {
                self.start(Run { file, pieces: *first..first + pieces.len() as u64 });
            }
        }
    }

    /// Drops a piece that a reader has read to its end.
    pub(super) fn is_read(&self, id: PieceId) {
        self.lock().remove(id);
    }

    fn start(self: &Arc<Self>, run: Run) {
        let fetcher = Arc::clone(self);
        self.background.spawn(async move { fetcher.fetch(run).await });
    }

    async fn fetch(&self, run: Run) {
        let outcome = self.read(&run).await.map_err(Arc::new);
        let len = self.catalog.files.get(run.file).map_or(0, |file| file.len);
        let mut cache = self.lock();
        for (at, piece) in run.pieces.clone().enumerate() {
            let bytes = match &outcome {
                Ok(pieces) => pieces.get(at).cloned().ok_or_else(|| Arc::new(Error::Cancelled)),
                Err(error) => Err(Arc::clone(error)),
            };
            cache.fill(PieceId { file: run.file, piece }, length(len, piece), bytes);
        }
        drop(cache);
        self.arrived.notify_all();
    }

    /// Reads and verifies the pieces of a run.
    async fn read(&self, run: &Run) -> Result<Vec<Bytes>> {
        let lost = || Error::defect("catalog", Defect::Records);
        let file = self.catalog.files.get(run.file).ok_or_else(lost)?;
        let object = self.catalog.object_of(file).ok_or_else(lost)?;
        let at = usize::try_from(run.pieces.start).map_err(|_| lost())?;
        let count = usize::try_from(run.pieces.end - run.pieces.start).map_err(|_| lost())?;
        let digests: Vec<Sha256> = file.pieces.iter().skip(at).take(count).copied().collect();
        let environment = &*self.session.access.options.environment;
        if let Some(pieces) = self.local(&file.path, run, &digests).await? {
            return Ok(pieces);
        }
        let (start, end) = (run.pieces.start * PIECE, file.len.min(run.pieces.end * PIECE));
        let (key, len) = (Key::Data(object.name), end - start);
        let damage = |defect| missing(&self.session, &self.backup, key, defect);
        // The permit ends with the request. `None` only if the semaphore was closed, which nobody does.
        let permit = self.requests.acquire().await.ok();
        self.session.access.pace(len).await?;
        let bytes = match self.session.access.get_range(key, start, len).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(damage(Defect::Missing).await),
            Err(Error::Corrupt { what, .. }) => return Err(damage(what).await),
            Err(error) => return Err(error),
        };
        drop(permit);
        self.fetched.fetch_add(len, Ordering::Relaxed);
        let disk = self.disk.clone();
        let verify = move || {
            let pieces = split(&bytes);
            if !pieces.iter().map(|piece| sha256(piece)).eq(digests.iter().copied()) {
                return None;
            }
            if let Some(disk) = disk {
                digests.iter().zip(&pieces).for_each(|(digest, piece)| disk.put(*digest, piece));
            }
            Some(pieces)
        };
        match blocking(environment, verify).await.map_err(Error::System)? {
            Some(pieces) => Ok(pieces),
            None => Err(damage(Defect::Digest).await),
        }
    }

    /// Looks for the pieces of a run on the local disk.
    async fn local(&self, path: &str, run: &Run, digests: &[Sha256]) -> Result<Option<Vec<Bytes>>> {
        let seed = self.seed().clone();
        let disk = self.disk.clone();
        if seed.is_none() && disk.is_none() {
            return Ok(None);
        }
        let (path, first, digests) = (path.to_owned(), run.pieces.start, digests.to_vec());
        let look = move || {
            let seeded = seed.and_then(|seed| seed.get_all(&path, first, &digests));
            seeded.or_else(|| disk.and_then(|disk| disk.get_all(&digests)))
        };
        blocking(&*self.session.access.options.environment, look).await.map_err(Error::System)
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the length of a piece of a file.
fn length(file: u64, piece: u64) -> u64 {
    file.saturating_sub(piece.saturating_mul(PIECE)).min(PIECE)
}

fn split(bytes: &Bytes) -> Vec<Bytes> {
    let piece = usize::try_from(PIECE).unwrap_or(usize::MAX);
    (0..bytes.len()).step_by(piece).map(|at| bytes.slice(at..bytes.len().min(at + piece))).collect()
}
