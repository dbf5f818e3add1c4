//! Clones of many files, each durable before it is reported.

use std::{io, sync::atomic::AtomicBool};

use super::{LinkReport, NamePair, pair::open_pair};
use crate::{
    DirPair, Error, Fs, FsFile, Op, OpenDirPair, Result, SyncMode,
    pipeline::{Crew, Stages, run},
};

/// The number of clones that may wait for their sync beside those that are being synced; each keeps its descriptor.
const QUEUED: usize = 256;

/// The number of clones that wait before the first is synced: a commit costs the same for one clone and for all that
/// are there.
const TOGETHER: usize = 128;

/// The number of clones that are synced at once.
const SYNCERS: usize = 16;

/// Clones many files of one directory into another, and makes the bytes of each clone durable.
///
/// # Contract
///
/// As [`Fs::reflink_file`] and a sync of the clone for each pair. `Ok` is reported for a clone whose own sync returned;
/// one that failed is removed. Each name is one component. `report` receives the result of every attempt, on the
/// calling thread, in any order, and exactly once. `Break` ends the batch: clones that were made before it took effect
/// are finished and reported, the rest is not attempted and not reported. The names are not durable until the target
/// directory is synced.
///
/// A panic of the backend ends the batch and goes on when all clones that were made are reported; the clone that
/// panicked is removed.
///
/// # Performance
///
/// One thread clones, since the target directory takes one name at a time. Up to 16 sync, through the handles that
/// made the clones. At most 273 clones are open at a time, fewer where the process may not have so many.
pub fn reflink_batch<F: Fs + ?Sized>(
    fs: &F,
    dirs: DirPair<'_>,
    names: &[NamePair<'_>],
    mode: SyncMode,
    report: LinkReport<'_>,
) {
    let open = open_pair(fs, dirs);
    let clones = Clones { open: &*open, dirs, mode, stop: AtomicBool::new(false) };
    let finishers = (fs.concurrency().get() - 1).min(SYNCERS).min(names.len());
    let crew = Crew { makers: 1, finishers, queued: QUEUED, together: TOGETHER };
    run(&clones, names, crew.if_useful(fs.concurrency(), names.len()), report);
}

struct Clones<'a> {
    open: &'a dyn OpenDirPair,
    dirs: DirPair<'a>,
    mode: SyncMode,
    stop: AtomicBool,
}

impl<'n> Stages for Clones<'n> {
    type Job = NamePair<'n>;
    type Made = Box<dyn FsFile>;
    type Done = ();
    type Scratch = ();

    fn make(&self, _: usize, names: &NamePair<'n>, (): &mut ()) -> Result<Box<dyn FsFile>> {
        names.validate().map_err(|e| self.error(names, e))?;
        self.open.reflink_file(names)
    }

    fn finish(&self, _: &NamePair<'n>, clone: Box<dyn FsFile>) -> Result<()> {
        clone.sync_all(self.mode)
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
