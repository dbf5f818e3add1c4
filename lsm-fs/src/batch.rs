//! Many links, clones or syncs in one call: the types, and the plain loops that say what the batch methods of
//! [`Fs`] mean.
//!
//! A backend overrides a batch method to be faster, never to do something else. A wrapper that watches single calls
//! runs the loops of this module over itself, so that each call passes through it.

use std::{
    ffi::OsStr,
    io,
    ops::ControlFlow,
    path::Path,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use crate::{Error, Fs, FsFile, FsMetadata, FsOpenOptions, Op, Result, SyncMode};

/// Hears how each link or clone of a batch went, by its index; `Break` ends the batch.
pub type LinkReport<'a> = &'a mut dyn FnMut(usize, Result<()>) -> ControlFlow<()>;

/// Hears of the metadata of each file of a batch, by its index; `Break` ends the batch.
pub type MetadataReport<'a> = &'a mut dyn FnMut(usize, Result<FsMetadata>) -> ControlFlow<()>;

/// Hears how each sync of a batch went, by its index.
pub type SyncReport<'a> = &'a mut dyn FnMut(usize, Result<()>);

/// A file's name in the source directory and the one it gets in the target directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamePair<'a> {
    /// The name that exists.
    pub from: &'a OsStr,
    /// The name to make.
    pub to: &'a OsStr,
}

impl<'a> NamePair<'a> {
    /// Two names, each one path component.
    pub fn new<S: AsRef<OsStr> + ?Sized>(from: &'a S, to: &'a S) -> Self {
        Self { from: from.as_ref(), to: to.as_ref() }
    }

    /// The same name on both sides.
    pub fn same<S: AsRef<OsStr> + ?Sized>(name: &'a S) -> Self {
        Self::new(name, name)
    }

    /// Refuses names that are no single component: they would lead out of the directories of the batch.
    ///
    /// # Errors
    ///
    /// `InvalidInput`.
    pub fn validate(&self) -> io::Result<()> {
        validate_name(self.from).and_then(|()| validate_name(self.to))
    }
}

/// Refuses a name that is no single component.
pub(crate) fn validate_name(name: &OsStr) -> io::Result<()> {
    let bytes = name.as_encoded_bytes();
    let leads_on = bytes.iter().any(|&b| std::path::is_separator(char::from(b)));
    if leads_on || matches!(bytes, b"" | b"." | b"..") {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a name of a batch must be one path component",
        ));
    }
    Ok(())
}

/// One [`Fs::metadata`] after the other.
pub fn metadata_each<F: Fs + ?Sized>(fs: &F, dir: &Path, names: &[&OsStr], report: MetadataReport<'_>) {
    for (index, name) in names.iter().enumerate() {
        let path = dir.join(name);
        let found = match validate_name(name) {
            Ok(()) => fs.metadata(&path),
            Err(e) => Err(Error::new(Op::Metadata, path, e)),
        };
        if report(index, found).is_break() {
            return;
        }
    }
}

/// One [`Fs::hard_link`] after the other.
pub fn link_each<F: Fs + ?Sized>(
    fs: &F,
    from_dir: &Path,
    to_dir: &Path,
    names: &[NamePair<'_>],
    report: LinkReport<'_>,
) {
    for (index, pair) in names.iter().enumerate() {
        let (from, to) = (from_dir.join(pair.from), to_dir.join(pair.to));
        let linked = match pair.validate() {
            Ok(()) => fs.hard_link(&from, &to),
            Err(e) => Err(Error::with_paths(Op::HardLink, from, to, e)),
        };
        if report(index, linked).is_break() {
            return;
        }
    }
}

/// One [`Fs::reflink_file`] and sync of the clone after the other; a clone whose sync fails is removed.
pub fn clone_each<F: Fs + ?Sized>(
    fs: &F,
    from_dir: &Path,
    to_dir: &Path,
    names: &[NamePair<'_>],
    mode: SyncMode,
    report: LinkReport<'_>,
) {
    for (index, pair) in names.iter().enumerate() {
        let (from, to) = (from_dir.join(pair.from), to_dir.join(pair.to));
        let cloned = match pair.validate() {
            Ok(()) => clone_durably(fs, &from, &to, mode),
            Err(e) => Err(Error::with_paths(Op::ReflinkFile, from, to, e)),
        };
        if report(index, cloned).is_break() {
            return;
        }
    }
}

fn clone_durably<F: Fs + ?Sized>(fs: &F, from: &Path, to: &Path, mode: SyncMode) -> Result<()> {
    fs.reflink_file(from, to)?;
    let synced = fs.open(to, &FsOpenOptions::new().write(true)).and_then(|clone| clone.sync_all(mode));
    synced.map_err(|e| remove_after(fs, to, e))
}

/// Removes what a failed operation had made, and returns its error, with a failure of the removal attached.
pub(crate) fn remove_after<F: Fs + ?Sized>(fs: &F, made: &Path, error: Error) -> Error {
    match fs.remove_file(made) {
        Ok(()) => error,
        // A rename that was told as failed may have taken it away.
        Err(failure) if failure.kind() == io::ErrorKind::NotFound => error,
        Err(failure) => error.with_cleanup_failure(failure),
    }
}

/// One [`FsFile::sync_all`] after the other.
pub fn sync_each(files: &[&dyn FsFile], mode: SyncMode, report: SyncReport<'_>) {
    for (index, file) in files.iter().enumerate() {
        report(index, file.sync_all(mode));
    }
}

/// The same syncs from several threads, so that a journal can commit many in one go and a device sees many flushes at
/// once. `report` is called on the calling thread. Falls back to the plain loop where threads cannot be had, and where
/// the first of few syncs shows that a flush costs as little as a thread. After a panic of `report` the other files are
/// synced all the same.
pub fn sync_overlapped(files: &[&dyn FsFile], mode: SyncMode, threads: usize, report: SyncReport<'_>) {
    let [first, rest @ ..] = files else { return };
    if files.len() > FEW || threads < 2 {
        return sync_in_threads(files, mode, threads, report);
    }
    let started = Instant::now();
    let synced = first.sync_all(mode);
    let threads = if started.elapsed() < QUICK { 1 } else { threads };
    report(0, synced);
    sync_in_threads(rest, mode, threads, &mut |index, synced| report(index + 1, synced));
}

/// To start and end a thread takes about 0.1 ms, and so does a flush of a fast device: the first sync, which commits
/// what the others then find committed, takes a few times as long.
const FEW: usize = 4;
const QUICK: Duration = Duration::from_millis(1);

fn sync_in_threads(files: &[&dyn FsFile], mode: SyncMode, threads: usize, report: SyncReport<'_>) {
    let threads = threads.min(files.len());
    if threads < 2 {
        return sync_each(files, mode, report);
    }
    let next = AtomicUsize::new(0);
    let (done, results) = mpsc::channel();
    let work = |done: mpsc::Sender<(usize, Result<()>)>| {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(index) else { return };
            // The receiver is gone only if `report` panicked; the other files still deserve their sync.
            let _ = done.send((index, file.sync_all(mode)));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            let (work, done) = (&work, done.clone());
            if thread::Builder::new().spawn_scoped(scope, move || work(done)).is_err() {
                break;
            }
        }
        work(done);
        for (index, synced) in results {
            report(index, synced);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for bad in ["", ".", "..", "/", "a/b", "/etc", "a/"] {
            assert!(NamePair::new(bad, "x").validate().is_err(), "{bad:?}");
            assert!(NamePair::new("x", bad).validate().is_err(), "{bad:?}");
        }
        for good in ["a", "...", "a.b", ".hidden", "ä"] {
            assert!(NamePair::same(good).validate().is_ok(), "{good:?}");
        }
    }
}
