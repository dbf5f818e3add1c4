//! [`PendingFile`]: a file that is not in the checkpoint yet.

use std::{
    ffi::OsStr,
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use lsm_fs::{Fs, NamePair, Op, Permissions, errno};

use super::FinishedFile;
use crate::{
    Change, Error, Method, Result,
    plan::{PlannedFile, PlannedFolder},
    source::Content,
};

/// The length from which looking for holes is worth the call.
const LONG: u64 = 1 << 20;

/// A planned file of the source that no method has brought yet. Each file has exactly one such value. A method takes
/// the value, and either finishes or refuses the file.
#[derive(Debug)]
pub(super) struct PendingFile<'a> {
    pub(super) planned: &'a PlannedFile,
    pub(super) folder: &'a PlannedFolder,
    /// The source's filesystem, or a view of it that is confined to the checkpoint of the file.
    pub(super) fs: &'a dyn Fs,
    /// The path in the source.
    pub(super) path: &'a Path,
    /// The length, once it is known.
    pub(super) len: Option<u64>,
    /// The last refusal by a method that shares files.
    pub(super) refusal: Option<lsm_fs::Error>,
}

impl<'a> PendingFile<'a> {
    /// Returns the name in the source. For a path without a name, such as `a/..`, returns the path, which a batch
    /// refuses because it is not a single component.
    pub(super) fn source_name(&self) -> &'a OsStr {
        self.path.file_name().unwrap_or(self.path.as_os_str())
    }

    /// Returns the names in the source and in the target.
    pub(super) fn names(&self) -> NamePair<'a> {
        NamePair { from: self.source_name(), to: OsStr::new(&self.planned.name) }
    }

    /// Returns the path in the checkpoint, relative to it.
    pub(super) fn target(&self) -> PathBuf {
        self.folder.path_of(self.planned)
    }

    /// Returns the number of bytes to copy, or `None` for the whole file. A file that cannot grow is copied whole, even
    /// if its length is known, so that another length is detected.
    pub(super) fn prefix_len(&self) -> Option<u64> {
        match self.planned.content {
            Content::Prefix { len, .. } => Some(len),
            Content::Immutable { .. } | Content::Mutable { .. } | Content::Bytes(_) => None,
        }
    }

    /// Returns the known length, or looks up the length of the file, which does not change.
    pub(super) fn len(&self) -> Result<u64> {
        match self.len {
            Some(len) => Ok(len),
            None => self.fs.metadata(self.path).map(|there| there.len).map_err(|e| self.source_error(e)),
        }
    }

    /// Returns the bytes of storage that a copy takes. Holes take none.
    pub(super) fn allocated(&self) -> Result<u64> {
        let there = self.fs.metadata(self.path).map_err(|e| self.source_error(e))?;
        let len = self.prefix_len().unwrap_or(there.len);
        Ok(there.allocated_bytes.map_or(len, |allocated| allocated.min(len)))
    }

    /// Returns `true` if the file is long and has holes, which the copy and the checksum then skip. Errors are ignored,
    /// because the copy reports them.
    pub(super) fn has_holes(&self) -> bool {
        let is_long = self.len.is_none_or(|len| len >= LONG);
        let there = || self.fs.metadata(self.path).ok();
        is_long
            && there()
                .is_some_and(|there| there.allocated_bytes.is_some_and(|allocated| allocated < there.len))
    }

    pub(super) fn finished(self, method: Method, len: u64) -> FinishedFile<'a> {
        let Self { planned, folder, .. } = self;
        let (checksum, permissions) = (planned.checksum, None);
        FinishedFile { planned, folder, method, len, checksum, linkable: true, permissions }
    }

    /// Returns the permissions that a copy of the file gets.
    pub(super) fn permissions(&self) -> Result<Option<Permissions>> {
        match self.planned.permissions {
            Some(known) => Ok(Some(known)),
            None => match self.fs.symlink_metadata(self.path) {
                Ok(there) => Ok(there.permissions),
                Err(e) => Err(self.source_error(e)),
            },
        }
    }

    /// Converts an error of a call on the file. If the source file is gone or not a regular file, the result is
    /// [`SourceChanged`](Error::SourceChanged).
    pub(super) fn source_error(&self, error: lsm_fs::Error) -> Error {
        let may_be_other =
            error.kind() == io::ErrorKind::InvalidInput || error.raw_os_error() == Some(errno::ELOOP);
        if error.kind() == io::ErrorKind::NotFound || may_be_other {
            let what = match self.fs.symlink_metadata(self.path) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => Some(Change::Gone),
                Ok(there) if may_be_other && !there.is_file() => Some(Change::Type),
                _ => None,
            };
            if let Some(what) = what {
                return Error::SourceChanged { path: self.path.to_path_buf(), what };
            }
        }
        error.into()
    }
}

/// The files of one batch, for which the backend reports results by index. A report takes its file out of the batch, so
/// no file can be finished twice or in place of another. It comes with its order: the instructions of the method for
/// this file.
#[derive(Debug)]
pub(super) struct Batch<'a, 'o, O> {
    waiting: Vec<Option<(PendingFile<'a>, &'o O)>>,
    refused: Vec<PendingFile<'a>>,
    failure: Option<Error>,
}

/// The outcome of one file of a batch.
#[derive(Debug)]
pub(super) enum Reported<'a> {
    Finished,
    /// The method refused this file. The next method tries it.
    Refused(PendingFile<'a>),
    /// The method refuses this file and all waiting files, so the batch ends.
    AllRefused(PendingFile<'a>),
}

/// The files that a batch did not finish, in the plan's order.
#[derive(Debug, Default)]
pub(super) struct Unfinished<'a> {
    pub(super) refused: Vec<PendingFile<'a>>,
    /// The files without a report.
    pub(super) unreported: Vec<PendingFile<'a>>,
}

impl<'a, 'o, O> Batch<'a, 'o, O> {
    /// Makes the order of each file, and puts the orders into `made`. Also returns them, because other threads read
    /// them by [`order_of`] while this thread takes the reports.
    pub(super) fn new(
        files: Vec<PendingFile<'a>>,
        made: &'o mut Vec<O>,
        order: impl FnMut(&PendingFile<'a>) -> Result<O>,
    ) -> Result<(Self, &'o [O])> {
        *made = files.iter().map(order).collect::<Result<_>>()?;
        let orders: &'o [O] = made;
        let waiting = files.into_iter().zip(orders).map(Some).collect();
        Ok((Self { waiting, refused: Vec::new(), failure: None }, orders))
    }

    /// Passes the file of a report and its order to `take`. The first failure ends the batch.
    pub(super) fn report(
        &mut self,
        index: usize,
        take: impl FnOnce(PendingFile<'a>, &'o O) -> Result<Reported<'a>>,
    ) -> ControlFlow<()> {
        let Some((file, order)) = self.waiting.get_mut(index).and_then(Option::take) else {
            return ControlFlow::Continue(());
        };
        match take(file, order) {
            Ok(Reported::Finished) => ControlFlow::Continue(()),
            Ok(Reported::Refused(file)) => {
                self.refused.push(file);
                ControlFlow::Continue(())
            }
            Ok(Reported::AllRefused(file)) => {
                self.refused.push(file);
                ControlFlow::Break(())
            }
            Err(error) => {
                self.failure.get_or_insert(error);
                ControlFlow::Break(())
            }
        }
    }

    /// Ends the batch.
    ///
    /// # Errors
    ///
    /// The first failure of a report.
    pub(super) fn end(self) -> Result<Unfinished<'a>> {
        match self.failure {
            Some(error) => Err(error),
            None => {
                let mut refused = self.refused;
                sort(&mut refused);
                let unreported = self.waiting.into_iter().flatten().map(|(file, _)| file).collect();
                Ok(Unfinished { refused, unreported })
            }
        }
    }
}

/// Returns the order of the file with this index in its batch.
///
/// # Errors
///
/// The batch has no such file. A file without an order must not stay, because its permissions are not known.
pub(super) fn order_of<O>(orders: &[O], index: usize) -> lsm_fs::Result<&O> {
    debug_assert!(index < orders.len(), "the batch has no file {index}");
    let missing = || io::Error::new(io::ErrorKind::InvalidInput, "the batch has no such file");
    let file = || format!("file {index} of a batch");
    orders.get(index).ok_or_else(|| lsm_fs::Error::new(Op::SetPermissions, file(), missing()))
}

impl<'a> Unfinished<'a> {
    /// Returns the refused files, if every file has a report.
    ///
    /// # Errors
    ///
    /// [`Unreported`](Error::Unreported): a file without a report may be missing, and the checkpoint would lack it.
    pub(super) fn all_reported(self) -> Result<Vec<PendingFile<'a>>> {
        match self.unreported.first() {
            Some(file) => Err(Error::Unreported { path: file.path.to_path_buf() }),
            None => Ok(self.refused),
        }
    }

    /// Returns the refused files and the files without a report, in the plan's order.
    pub(super) fn all(self) -> Vec<PendingFile<'a>> {
        merge(self.refused, self.unreported)
    }
}

/// Merges the files in the plan's order.
pub(super) fn merge<'a>(
    mut files: Vec<PendingFile<'a>>,
    mut others: Vec<PendingFile<'a>>,
) -> Vec<PendingFile<'a>> {
    files.append(&mut others);
    sort(&mut files);
    files
}

/// Sorts by the plan's order.
pub(super) fn sort(files: &mut [PendingFile<'_>]) {
    files.sort_unstable_by_key(|file| file.planned.pin);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lsm_fs_mem::MemFs;

    use super::*;
    use crate::{
        FileKind, SourceFile,
        plan::{CapturedVersion, Plan},
    };

    const DIR: &str = "/db";

    fn plan(fs: &MemFs, names: &[&str]) -> Plan {
        let table = |name: &&str| {
            let fs: Arc<dyn Fs> = Arc::new(fs.clone());
            SourceFile::immutable(FileKind::Table, fs, Path::new(DIR).join(name), 4)
        };
        let (kinds, files) = (Vec::new(), names.iter().map(table).collect());
        Plan::new(vec![CapturedVersion { folder: "", version_id: 1, kinds, files }]).unwrap()
    }

    fn pending<'a>(fs: &'a MemFs, plan: &'a Plan) -> Vec<PendingFile<'a>> {
        let of_folder = |folder: &'a PlannedFolder| {
            folder.files.iter().map(move |planned| {
                let path = planned.content.path().unwrap();
                PendingFile { planned, folder, fs, path, len: Some(4), refusal: None }
            })
        };
        plan.folders().flat_map(of_folder).collect()
    }

    /// A batch in which the order of each file is its name.
    fn batch<'a, 'o>(files: Vec<PendingFile<'a>>, made: &'o mut Vec<&'a str>) -> Batch<'a, 'o, &'a str> {
        Batch::new(files, made, |file| Ok(file.planned.name.as_str())).unwrap().0
    }

    fn names<'a>(files: &[PendingFile<'a>]) -> Vec<&'a str> {
        files.iter().map(|file| file.planned.name.as_str()).collect()
    }

    #[test]
    fn each_report_takes_its_own_file_once() {
        let fs = MemFs::new();
        let plan = plan(&fs, &["1", "2", "3", "4"]);
        let mut made = Vec::new();
        let mut batch = batch(pending(&fs, &plan), &mut made);
        let mut taken = Vec::new();
        for index in [2, 0, 2, 9] {
            let flow = batch.report(index, |file, order| {
                taken.push((file.planned.name.as_str(), *order));
                Ok(Reported::Finished)
            });
            assert!(flow.is_continue());
        }
        assert_eq!(taken, [("3", "3"), ("1", "1")], "each with its own order");
        let unfinished = batch.end().unwrap();
        assert_eq!(names(&unfinished.unreported), ["2", "4"]);
        let refused = unfinished.all_reported().unwrap_err();
        assert!(matches!(&refused, Error::Unreported { path } if path == Path::new("/db/2")), "{refused:?}");
    }

    #[test]
    fn refused_files_come_back_in_the_order_of_the_plan() {
        let fs = MemFs::new();
        let plan = plan(&fs, &["1", "2", "3", "4"]);
        let mut made = Vec::new();
        let mut batch = batch(pending(&fs, &plan), &mut made);
        assert!(batch.report(3, |file, _| Ok(Reported::Refused(file))).is_continue());
        assert!(batch.report(1, |_, _| Ok(Reported::Finished)).is_continue());
        assert!(batch.report(0, |file, _| Ok(Reported::AllRefused(file))).is_break());
        assert_eq!(names(&batch.end().unwrap().all()), ["1", "3", "4"]);
    }

    #[test]
    fn the_first_failure_ends_a_batch() {
        let fs = MemFs::new();
        let plan = plan(&fs, &["1", "2"]);
        let mut made = Vec::new();
        let mut batch = batch(pending(&fs, &plan), &mut made);
        let gone = |file: PendingFile<'_>, _: &&str| {
            Err(Error::SourceChanged { path: file.path.to_path_buf(), what: Change::Gone })
        };
        assert!(batch.report(1, gone).is_break());
        assert!(batch.report(0, gone).is_break());
        let failure = batch.end().unwrap_err();
        assert!(failure.to_string().contains("/db/2"), "{failure}");
    }
}
