//! A filesystem that counts reads and syncs, and can lose one sync or refuse to read a whole file at once.

use std::{
    io,
    ops::Deref,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use lsm_fs::{
    DirectorySync, Fs, FsFile, Op, Result,
    intercept::{Call, InterceptFs, Interceptor, Outcome},
};

#[derive(Debug)]
pub(crate) struct ProbeFs<F>(InterceptFs<F, Probe>);

#[derive(Debug, Default)]
pub(crate) struct Probe {
    /// The number of the sync that is lost, counted from 1, or 0 if none is.
    lost: AtomicU64,
    /// The number of the sync from which on directories cannot be synced, or 0 if they always can.
    directories_end: AtomicU64,
    syncs: AtomicU64,
    longest_read: AtomicU64,
    read_in_all: AtomicU64,
    calls: AtomicU64,
    /// `true` if the first read of a file fails when it asks for the whole file.
    in_pieces: AtomicBool,
}

/// The length of a file whose first read fails if it has that length.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<Option<u64>>);

impl<F> Deref for ProbeFs<F> {
    type Target = InterceptFs<F, Probe>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// The clone has the same probe.
impl<F: Clone> Clone for ProbeFs<F> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<F: Fs> ProbeFs<F> {
    pub(crate) fn new(inner: F) -> Self {
        Self(InterceptFs::new(inner, Probe::default()))
    }

    /// Reports the n-th sync, of a file or of a directory, as done, and does nothing.
    pub(crate) fn losing_sync(self, nth: u64) -> Self {
        self.interceptor().lost.store(nth, Ordering::Relaxed);
        self
    }

    /// From the n-th sync on, directories cannot be synced, and the filesystem says so.
    pub(crate) fn without_directory_syncs_from(self, nth: u64) -> Self {
        self.interceptor().directories_end.store(nth, Ordering::Relaxed);
        self
    }

    /// A file can be read in parts, but not as a whole, as if it had a bad sector.
    pub(crate) fn in_pieces(self) -> Self {
        self.interceptor().in_pieces.store(true, Ordering::Relaxed);
        self
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.interceptor().syncs.load(Ordering::Relaxed)
    }

    /// The longest buffer that was to be filled since the last call.
    pub(crate) fn take_longest_read(&self) -> u64 {
        self.interceptor().longest_read.swap(0, Ordering::Relaxed)
    }

    /// The sum of the buffers that were to be filled since the last call.
    pub(crate) fn take_read_in_all(&self) -> u64 {
        self.interceptor().read_in_all.swap(0, Ordering::Relaxed)
    }

    /// The number of reads at an offset since the last call.
    pub(crate) fn take_read_calls(&self) -> u64 {
        self.interceptor().calls.swap(0, Ordering::Relaxed)
    }
}

impl Probe {
    fn sync<R: Outcome>(&self, op: Op, run: impl FnOnce() -> Result<R>) -> Result<R> {
        let nth = self.syncs.fetch_add(1, Ordering::Relaxed) + 1;
        let claimed = || R::claimed().expect("a sync can be left out");
        if nth == self.lost.load(Ordering::Relaxed) {
            return Ok(claimed());
        }
        let end = self.directories_end.load(Ordering::Relaxed);
        if op == Op::SyncDirectory && end != 0 && nth >= end {
            let mut refused = claimed();
            *refused.directory_sync().expect("the result of a directory sync") = DirectorySync::NotSupported;
            return Ok(refused);
        }
        run()
    }

    fn reading(&self, call: &Call<'_>) {
        let len = call.transfer_len().expect("a read has a length");
        self.longest_read.fetch_max(len, Ordering::Relaxed);
        self.read_in_all.fetch_add(len, Ordering::Relaxed);
    }
}

impl Interceptor for Probe {
    type File = Refused;

    fn around<R: Outcome>(
        &self,
        file: Option<&Refused>,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        match call.op {
            Op::SyncAll | Op::SyncData | Op::SyncDirectory => self.sync(call.op, run),
            Op::Read => {
                self.reading(call);
                run()
            }
            Op::ReadAt => {
                self.calls.fetch_add(1, Ordering::Relaxed);
                self.reading(call);
                let whole = file.and_then(|file| file.0.lock().unwrap().take());
                if whole.is_some() && whole == call.transfer_len() {
                    return Err(call.error(io::Error::other("a bad sector")));
                }
                run()
            }
            _ => run(),
        }
    }

    fn open(
        &self,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<Box<dyn FsFile>>,
    ) -> Result<(Box<dyn FsFile>, Refused)> {
        let file = self.around(None, call, run)?;
        let is_refused = self.in_pieces.load(Ordering::Relaxed);
        let whole = if is_refused { Some(file.metadata()?.len) } else { None };
        Ok((file, Refused(Mutex::new(whole))))
    }
}
