//! Clones of many files. Each clone is durable before it is reported.

use std::{fmt, io, sync::atomic::AtomicBool};

use super::{
    LinkReport, NamePair,
    pair::{Unready, open_pair},
};
use crate::{
    DirPair, Error, Fs, FsFile, Op, OpenDirPair, Result, SyncMode,
    pipeline::{Crew, Stages, run},
};

/// Number of clones that may wait for their sync, in addition to the ones that are being synced. Each keeps a
/// descriptor open.
const QUEUED: usize = 256;

/// Number of clones to wait for before the first one is synced. One commit of the journal costs the same for one clone
/// and for all that are waiting.
const TOGETHER: usize = 128;

/// Number of clones that are synced at the same time.
const SYNCERS: usize = 16;

/// Clones files of one directory into another, and makes the bytes of each clone durable.
///
/// # Contract
///
/// Calls [`Fs::reflink_file`] and syncs the clone for each pair. `Ok` is reported for a clone after its own sync has
/// returned. A clone whose sync fails is removed. A pair with a name that is not a single path component gets an error.
/// `report` receives the result of every attempt exactly once, on the calling thread, in any order. `Break` ends the
/// batch: clones that already exist are finished and reported, and the remaining pairs are neither attempted nor
/// reported. The names are not durable until the target directory is synced.
///
/// If a call of the backend panics, the batch ends. If the call opened, prepared or synced a clone, this clone is
/// removed. If it was [`Fs::reflink_file`] itself, a file may stay under the name, and it may be incomplete. It is not
/// removed, because it may be older than the batch. The panic resumes after every other existing clone has been synced
/// and reported.
///
/// # Performance
///
/// One thread clones, because the kernel locks a directory while it adds a name
/// (`Documentation/filesystems/directory-locking.rst`). Up to 16 threads sync, through the handles that created the
/// clones, or through new handles if the backend clones by path. At most 273 clones are open at the same time, or fewer
/// if the process has not enough descriptors.
pub fn reflink_batch<F: Fs + ?Sized>(
    fs: &F,
    dirs: DirPair<'_>,
    names: &[NamePair<'_>],
    mode: SyncMode,
    report: LinkReport<'_>,
) {
    reflink_batch_with(fs, dirs, names, &ReflinkOptions { mode, ..ReflinkOptions::default() }, report);
}

/// Prepares a clone right after it is made. The arguments are the index of the pair and a handle on the clone.
pub type PrepareClone<'a> = &'a (dyn Fn(usize, &dyn FsFile) -> Result<()> + Sync);

/// Returns the mode that a clone is created with, or `None` for a private clone. The argument is the index of the pair.
pub type CreatedWith<'a> = &'a (dyn Fn(usize) -> Option<u32> + Sync);

/// Options of [`reflink_batch_with`].
#[derive(Clone, Copy, Default)]
pub struct ReflinkOptions<'a> {
    /// The sync mode for each clone.
    pub mode: SyncMode,
    /// Called for each clone before its sync, for example to set permissions, on the thread that made the clone. If it
    /// fails, the clone is removed and the error is reported.
    pub prepare: Option<PrepareClone<'a>>,
    /// Returns the mode that `prepare` sets for the clone of this pair. The backend may create the clone with this
    /// mode, less the umask, instead of a private one, so that `prepare` has nothing left to change. On XFS, a change
    /// of the mode is a transaction of its own.
    ///
    /// The caller is responsible for the owner: files that this process creates in the target directory must have the
    /// owner and group that the mode is meant for. Otherwise, another group could read the clone until `prepare` has
    /// been called.
    pub created_with: Option<CreatedWith<'a>>,
}

impl fmt::Debug for ReflinkOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReflinkOptions").field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// Clones files like [`reflink_batch`], and calls [`prepare`](ReflinkOptions::prepare) for each clone before its sync.
pub fn reflink_batch_with<F: Fs + ?Sized>(
    fs: &F,
    dirs: DirPair<'_>,
    names: &[NamePair<'_>],
    options: &ReflinkOptions<'_>,
    report: LinkReport<'_>,
) {
    let open = open_pair(fs, dirs);
    let clones = Clones { open: &*open, dirs, options: *options, stop: AtomicBool::new(false) };
    let finishers = (fs.concurrency().get() - 1).min(SYNCERS).min(names.len());
    let crew = Crew { makers: 1, finishers, queued: QUEUED, together: TOGETHER };
    run(&clones, names, crew.if_useful(fs.concurrency(), names.len()), report);
}

struct Clones<'a> {
    open: &'a dyn OpenDirPair,
    dirs: DirPair<'a>,
    options: ReflinkOptions<'a>,
    stop: AtomicBool,
}

impl Clones<'_> {
    /// Prepares a clone before the finishers sync it. XFS commits all changes that precede a sync at once, and a change
    /// between the syncs of a batch needs a commit of its own (`xfs_log_force_seq` in `fs/xfs/xfs_log.c`).
    fn prepare(&self, index: usize, names: &NamePair<'_>, clone: &dyn FsFile) -> Result<()> {
        let Some(prepare) = self.options.prepare else { return Ok(()) };
        let mut unready = Unready { open: self.open, name: names.to, armed: true };
        let prepared = prepare(index, clone);
        unready.armed = false;
        prepared
    }
}

impl<'n> Stages for Clones<'n> {
    type Job = NamePair<'n>;
    type Made = Box<dyn FsFile>;
    type Done = ();
    type Scratch = ();

    fn make(&self, index: usize, names: &NamePair<'n>, (): &mut ()) -> Result<Self::Made> {
        names.validate().map_err(|e| self.error(names, e))?;
        let mode = self.options.created_with.and_then(|mode| mode(index));
        let clone = self.open.reflink_file(names, mode)?;
        match self.prepare(index, names, &*clone) {
            Ok(()) => Ok(clone),
            Err(e) => {
                drop(clone);
                Err(match self.open.remove_target(names.to) {
                    Ok(()) => e,
                    Err(failure) if failure.kind() == io::ErrorKind::NotFound => e,
                    Err(failure) => e.with_cleanup_failure(failure),
                })
            }
        }
    }

    fn finish(&self, _: &NamePair<'n>, clone: Self::Made) -> Result<()> {
        clone.sync_all(self.options.mode)
    }

    fn discard(&self, names: &NamePair<'n>) -> Result<()> {
        self.open.remove_target(names.to)
    }

    fn skip(&self, _: &NamePair<'n>) -> Option<Result<()>> {
        None
    }

    fn error(&self, names: &NamePair<'n>, cause: io::Error) -> Error {
        Error::with_paths(
            Op::ReflinkFile,
            self.dirs.from.join(names.from),
            self.dirs.to.join(names.to),
            cause,
        )
    }

    fn stop(&self) -> &AtomicBool {
        &self.stop
    }
}
