//! Links, clones, syncs and look-ups of many files in one call, over any [`Fs`].
//!
//! Each function is equivalent to a loop over the single calls of the backend that is passed in. A wrapper therefore
//! observes every call. Links and clones use the [bulk ability](crate::FsAbilities::bulk) if the backend has it. Clones
//! and syncs overlap up to the limit of [`Fs::concurrency`]. If that limit is 1, all calls are made in order, from the
//! caller's thread.

mod clone;
mod pair;
mod sync;

use std::{ffi::OsStr, io, ops::ControlFlow, path::Path};

pub use clone::{CreatedWith, PrepareClone, ReflinkOptions, reflink_batch, reflink_batch_with};
pub use sync::sync_batch;

use pair::open_pair;

pub use crate::names::{LinkReport, NamePair};
use crate::{DirPair, Error, Fs, FsMetadata, Op, Result, names::validate_name};

/// Receives the metadata of each file of a batch, by its index. `Break` ends the batch.
pub type MetadataReport<'a> = &'a mut dyn FnMut(usize, Result<FsMetadata>) -> ControlFlow<()>;

/// Receives the result of each sync of a batch, by its index.
pub type SyncReport<'a> = &'a mut dyn FnMut(usize, Result<()>);

/// Looks up the metadata of many files of one directory.
///
/// # Contract
///
/// Calls [`Fs::metadata`] for each name in order. A name that is not a single path component gets an error. `report`
/// receives every result. `Break` ends the batch.
pub fn metadata_batch<F: Fs + ?Sized>(fs: &F, dir: &Path, names: &[&OsStr], report: MetadataReport<'_>) {
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

/// Hard-links files of one directory into another.
///
/// # Contract
///
/// Calls [`Fs::hard_link`] for each pair in order. A pair with a name that is not a single path component gets an
/// error. `report` receives the result of every attempt. `Break` ends the batch, and the remaining pairs are not
/// attempted.
pub fn hard_link_batch<F: Fs + ?Sized>(
    fs: &F,
    dirs: DirPair<'_>,
    names: &[NamePair<'_>],
    report: LinkReport<'_>,
) {
    let open = open_pair(fs, dirs);
    let is_valid = |pair: &NamePair<'_>| pair.validate().is_ok();
    if names.iter().all(is_valid) {
        return open.hard_link_each(names, report);
    }
    let mut start = 0;
    for run in names.chunk_by(|a, b| is_valid(a) == is_valid(b)) {
        let mut flow = ControlFlow::Continue(());
        let mut report = |index: usize, linked| {
            flow = report(start + index, linked);
            flow
        };
        if run.first().is_some_and(is_valid) {
            open.hard_link_each(run, &mut report);
        } else {
            refuse_each(dirs, run, &mut report);
        }
        if flow.is_break() {
            return;
        }
        start += run.len();
    }
}

/// Reports an error for each pair with a name that is not a single component.
fn refuse_each(dirs: DirPair<'_>, names: &[NamePair<'_>], report: LinkReport<'_>) {
    for (index, pair) in names.iter().enumerate() {
        let refused = pair.validate().map_err(|e| {
            Error::with_paths(Op::HardLink, dirs.from.join(pair.from), dirs.to.join(pair.to), e)
        });
        if report(index, refused).is_break() {
            return;
        }
    }
}

/// Removes the file that a failed operation created. Returns the operation's error, with any failure of the removal
/// attached.
pub(crate) fn remove_after<F: Fs + ?Sized>(fs: &F, made: &Path, error: Error) -> Error {
    match fs.remove_file(made) {
        Ok(()) => error,
        // A rename that reported an error may still have moved the file away.
        Err(failure) if failure.kind() == io::ErrorKind::NotFound => error,
        Err(failure) => error.with_cleanup_failure(failure),
    }
}
