//! Clones, singly and many at a time.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::fd::OwnedFd,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rustix::fs::{AtFlags, Mode, OFlags, unlinkat};

use super::{at::At, beneath::guard::Guard, link::open_dir};
use crate::{
    Error, Fs, FsFile, LinkReport, NamePair, Op, Result, SyncMode, batch,
    handoff::{Handoff, Role},
    std_fs::{StdFs, file::StdFile},
};

pub(in crate::std_fs) fn reflink(from: &Path, to: &Path) -> Result<File> {
    reflink_at((&At::path(from), from), (&At::path(to), to))
}

/// Clones one name to another, each with its path.
pub(super) fn reflink_at(from: (&At<'_>, &Path), to: (&At<'_>, &Path)) -> Result<File> {
    clone_at(from.0, to.0).map_err(|failure| failure.describe(from.1, to.1))
}

/// An open directory, its path, and how names in it are opened if it lies in a view.
pub(super) struct CloneDir<'a> {
    pub(super) path: &'a Path,
    pub(super) dir: OwnedFd,
    pub(super) guard: Option<Guard>,
}

impl CloneDir<'_> {
    fn at<'a>(&'a self, name: &'a OsStr) -> At<'a> {
        At::name(&self.dir, name, self.guard)
    }
}

/// How many clones may wait for their sync beside those that are being synced; each keeps its descriptor.
const CLONES_WAITING: usize = 256;

/// How many wait before the first is synced: a commit costs the same for one clone and for all that are there.
const CLONES_TOGETHER: usize = 128;

/// The number of clones that are synced at once.
const CLONES_SYNCED: usize = 16;

/// At most `CLONES_WAITING + CLONES_SYNCED + 1` clones are open at a time, fewer where the process may not have so
/// many.
///
/// One thread clones, since the target's directory takes one name at a time; many sync through the descriptors that
/// made the clones.
pub(in crate::std_fs) fn reflink_batch(
    fs: &StdFs,
    from_dir: &Path,
    to_dir: &Path,
    names: &[NamePair<'_>],
    mode: SyncMode,
    report: LinkReport<'_>,
) {
    let (Ok(from_fd), Ok(to_fd)) = (open_dir(from_dir), open_dir(to_dir)) else {
        return batch::clone_each(fs, from_dir, to_dir, names, mode, report);
    };
    let from = CloneDir { path: from_dir, dir: from_fd, guard: None };
    let to = CloneDir { path: to_dir, dir: to_fd, guard: None };
    reflink_each(fs, (from, to), names, mode, report);
}

/// Clones names of one open directory into another.
pub(super) fn reflink_each(
    fs: &dyn Fs,
    (from, to): (CloneDir<'_>, CloneDir<'_>),
    names: &[NamePair<'_>],
    mode: SyncMode,
    report: LinkReport<'_>,
) {
    let (from_dir, to_dir) = (from.path, to.path);
    let clones = Clones {
        from,
        to,
        names,
        mode,
        handoff: Handoff::in_bunches(CLONES_WAITING, CLONES_TOGETHER),
        begun: AtomicBool::new(false),
        stop: AtomicBool::new(false),
    };
    thread::scope(|scope| {
        let clones = &clones;
        // Should the report panic, nothing more is cloned.
        let _stop = StopOnDrop(&clones.stop);
        let giver = clones.handoff.join(Role::Giver);
        let syncers = names.len().min(CLONES_SYNCED);
        for taker in (0..syncers).map(|_| clones.handoff.join(Role::Taker)) {
            // A thread that cannot be had leaves its work to the others.
            let _ = thread::Builder::new().spawn_scoped(scope, move || {
                let _taker = taker;
                clones.sync();
            });
        }
        let _ = thread::Builder::new().spawn_scoped(scope, move || {
            let _giver = giver;
            clones.make();
        });
        clones.handoff.hear(|(index, cloned)| {
            if report(index, cloned).is_break() {
                clones.stop.store(true, Ordering::Relaxed);
            }
        });
    });
    if !clones.begun.into_inner() {
        batch::clone_each(fs, from_dir, to_dir, names, mode, report);
    }
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A clone that is to be synced, by its position among the names.
type Made = (usize, StdFile);

struct Clones<'a> {
    from: CloneDir<'a>,
    to: CloneDir<'a>,
    names: &'a [NamePair<'a>],
    mode: SyncMode,
    handoff: Handoff<Made, (usize, Result<()>)>,
    begun: AtomicBool,
    stop: AtomicBool,
}

impl Clones<'_> {
    /// Makes the clones in the order of their names, until told to stop.
    fn make(&self) {
        self.begun.store(true, Ordering::Relaxed);
        for (index, pair) in self.names.iter().enumerate() {
            // What has not begun is not told of; what is made is still synced.
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            match self.clone_when_handles_allow(pair) {
                Ok(file) => {
                    if let Err(mine) = self.handoff.offer((index, file)) {
                        self.finish(mine);
                    }
                }
                Err(e) => self.handoff.report((index, Err(e))),
            }
        }
    }

    /// Where the process has no more descriptors, those of this batch come free with the next sync.
    fn clone_when_handles_allow(&self, pair: &NamePair<'_>) -> Result<StdFile> {
        loop {
            let before = self.handoff.unfinished();
            match self.clone(pair) {
                Err(e) if e.is_out_of_handles() && before > 0 && !self.stop.load(Ordering::Relaxed) => {
                    self.handoff.wait_for_fewer(before);
                }
                cloned => return cloned,
            }
        }
    }

    fn sync(&self) {
        while let Some(made) = self.handoff.take() {
            self.finish(made);
        }
    }

    /// Syncs a clone; one that fails is removed.
    fn finish(&self, (index, file): Made) {
        let synced = file.sync_all(self.mode).map_err(|e| {
            let Some(pair) = self.names.get(index) else { return e };
            match unlinkat(&self.to.dir, pair.to, AtFlags::empty()) {
                Ok(()) => e,
                Err(failure) => {
                    e.with_cleanup_failure(Error::new(Op::RemoveFile, self.to.path.join(pair.to), failure))
                }
            }
        });
        drop(file);
        self.handoff.finished();
        self.handoff.report((index, synced));
    }

    fn clone(&self, pair: &NamePair<'_>) -> Result<StdFile> {
        let cloned = match pair.validate() {
            Ok(()) => clone_at(&self.from.at(pair.from), &self.to.at(pair.to)),
            Err(error) => Err(CloneFailure { error, cleanup: None }),
        };
        cloned
            .map(|file| StdFile::new(file, self.to.path.join(pair.to), false))
            .map_err(|failure| failure.describe(&self.from.path.join(pair.from), &self.to.path.join(pair.to)))
    }
}

/// Why no clone was made, and why an unfinished one could not be removed.
struct CloneFailure {
    error: io::Error,
    cleanup: Option<io::Error>,
}

impl CloneFailure {
    fn describe(self, from: &Path, to: &Path) -> Error {
        let error = Error::with_paths(Op::ReflinkFile, from, to, self.error);
        match self.cleanup {
            None => error,
            Some(failure) => error.with_cleanup_failure(Error::new(Op::RemoveFile, to, failure)),
        }
    }
}

impl From<rustix::io::Errno> for CloneFailure {
    fn from(errno: rustix::io::Errno) -> Self {
        Self { error: errno.into(), cleanup: None }
    }
}

/// A source that is a pipe must not make the call wait.
const SOURCE: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// The clone's inode exists before its extents are shared, so a refusal has an empty file to remove.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn clone_at(from: &At<'_>, to: &At<'_>) -> std::result::Result<File, CloneFailure> {
    let source = from.open(SOURCE, Mode::empty())?;
    let make = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let target = to.open(make, Mode::from_raw_mode(0o666))?;
    match share_extents(&source, &target) {
        Ok(()) => Ok(target.into()),
        Err(errno) => {
            let cleanup = unlinkat(to.dir, to.name, AtFlags::empty()).err().map(io::Error::from);
            Err(CloneFailure { error: errno.into(), cleanup })
        }
    }
}

/// btrfs shares extents only between files that agree on `NOCOW`, and an empty file can still take the flag.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn share_extents(source: &OwnedFd, target: &OwnedFd) -> rustix::io::Result<()> {
    use rustix::{
        fs::{IFlags, ioctl_ficlone, ioctl_getflags, ioctl_setflags},
        io::Errno,
    };
    match ioctl_ficlone(target, source) {
        Err(Errno::INVAL) if ioctl_getflags(source).is_ok_and(|flags| flags.contains(IFlags::NOCOW)) => {
            ioctl_setflags(target, ioctl_getflags(target)? | IFlags::NOCOW)?;
            ioctl_ficlone(target, source)
        }
        shared => shared,
    }
}

#[cfg(target_vendor = "apple")]
fn clone_at(from: &At<'_>, to: &At<'_>) -> std::result::Result<File, CloneFailure> {
    let source = from.open(SOURCE, Mode::empty())?;
    // The call would clone a whole tree.
    if rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&source)?.st_mode).is_dir() {
        return Err(rustix::io::Errno::ISDIR.into());
    }
    rustix::fs::fclonefileat(&source, to.dir, to.name, rustix::fs::CloneFlags::NOOWNERCOPY)?;
    // The clone has the source's mode, which may not allow writing; a sync does not need it.
    to.open(OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map(File::from).map_err(|errno| {
        let cleanup = unlinkat(to.dir, to.name, AtFlags::empty()).err().map(io::Error::from);
        CloneFailure { error: errno.into(), cleanup }
    })
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn clone_at(from: &At<'_>, _: &At<'_>) -> std::result::Result<File, CloneFailure> {
    from.open(SOURCE, Mode::empty())?;
    Err(CloneFailure { error: io::ErrorKind::Unsupported.into(), cleanup: None })
}
