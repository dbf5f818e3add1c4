//! [`Fetcher`]: fetches pieces, verifies them, and wakes their readers.

use std::{
    io,
    ops::Range,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::Bytes;

use super::{
    cache::{Cache, PieceId, Slot},
    disk::DiskCache,
    missing,
    seed::Seed,
};
use crate::{
    background::Background,
    defect::Defect,
    environment::blocking,
    error::{Error, Result},
    format::{BackupCatalog, PIECE, Sha256, sha256},
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
    catalog: BackupCatalog,
    cache: Mutex<Cache>,
    arrived: Condvar,
    disk: Option<DiskCache>,
    seed: Mutex<Option<Seed>>,
    fetched: AtomicU64,
    is_gone: AtomicBool,
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
        catalog: BackupCatalog,
        memory: u64,
        disk: Option<DiskCache>,
    ) -> Self {
        let (cache, arrived) = (Mutex::new(Cache::new(memory)), Condvar::new());
        let (seed, fetched, is_gone) = (Mutex::new(None), AtomicU64::new(0), AtomicBool::new(false));
        Self { session, background, catalog, cache, arrived, disk, seed, fetched, is_gone }
    }

    pub(super) fn checkpoint(&self) -> &[u8] {
        &self.catalog.checkpoint
    }

    pub(super) fn fetched_bytes(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// Sets local files to try before the store.
    pub(super) fn set_seed(&self, seed: Option<Seed>) {
        *self.seed.lock().unwrap_or_else(PoisonError::into_inner) = seed;
    }

    /// Returns `true` if a piece is missing because the backup was dropped.
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
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
                        return Err(io::Error::new(io::ErrorKind::InvalidData, Shared(error)));
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
        for neighbours in missing.chunk_by(|piece, next| piece + 1 == *next) {
            if let [first, ..] = neighbours {
                self.start(Run { file, pieces: *first..first + neighbours.len() as u64 });
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
        self.session.access.pace(len).await;
        let bytes = match self.session.access.get_range(key, start, len).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(self.damage(key, Defect::Missing).await),
            Err(Error::Corrupt { what, .. }) => return Err(self.damage(key, what).await),
            Err(error) => return Err(error),
        };
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
            None => Err(self.damage(key, Defect::Digest).await),
        }
    }

    /// Looks for the pieces of a run on the local disk.
    async fn local(&self, path: &str, run: &Run, digests: &[Sha256]) -> Result<Option<Vec<Bytes>>> {
        let seed = self.seed.lock().unwrap_or_else(PoisonError::into_inner).clone();
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

    async fn damage(&self, key: Key, defect: Defect) -> Error {
        let error = missing(&self.session, self.catalog.backup, key, defect).await;
        if matches!(error, Error::BackupGone { .. }) {
            self.is_gone.store(true, Ordering::Relaxed);
        }
        error
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

/// An error that several readers get.
#[derive(Debug)]
struct Shared(Arc<Error>);

impl std::fmt::Display for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Shared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}
