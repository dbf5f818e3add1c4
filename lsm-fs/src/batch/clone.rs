//! Clones of many files. Each clone is durable before it is reported.

use std::{io, sync::atomic::AtomicBool};

use super::{LinkReport, NamePair, pair::open_pair};
use crate::{
    DirPair, Error, Fs, FsFile, Op, OpenDirPair, Result, SyncMode,
    pipeline::{Crew, Stages, run},
};

/// Number of clones that may wait for their sync, in addition to the ones that are being synced. Each keeps a
/// descriptor open.
const QUEUED: usize = 256;

/// Number of clones to wait for before the first one is synced. One commit costs the same for one clone and for all
/// that are waiting.
const TOGETHER: usize = 128;

/// Number of clones that are synced at the same time.
const SYNCERS: usize = 16;

/// Clones files of one directory into another, and makes the bytes of each clone durable.
///
/// # Contract
///
/// Calls [`Fs::reflink_file`] and syncs the clone for each pair. `Ok` is reported for a clone after its own sync has
/// returned. A clone whose sync fails is removed. Each name must be a single path component. `report` receives the
/// result of every attempt exactly once, on the calling thread, in any order. `Break` ends the batch: clones that
/// already exist are finished and reported, and the remaining pairs are neither attempted nor reported. The names are
/// not durable until the target directory is synced.
///
/// If the backend panics, the batch ends, and the clone of that call is removed. The panic resumes after all existing
/// clones are reported.
///
/// # Performance
///
/// One thread clones, because names can be added to a directory only one at a time. Up to 16 threads sync, through the
/// handles that created the clones. At most 273 clones are open at the same time, or fewer if the process has not
/// enough descriptors.
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
