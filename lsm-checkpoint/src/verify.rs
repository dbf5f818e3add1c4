//! [`verify`]: compares a checkpoint with its catalog.

mod bytes;
mod manifests;
mod names;
mod problem;
mod stranger;
mod subset;

use std::{
    fmt,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use lsm_fs::Fs;
use lsm_manifest::{ReadOptions, inspect};

use crate::{
    CATALOG_FILE, Catalog, CatalogFile, FileKind, Progress, Result, progress::Callback,
    view::beneath_checkpoint,
};

pub use problem::{Defect, Problem};
pub(crate) use stranger::known_stranger;
pub use stranger::{Note, Stranger};
pub use subset::Subset;

/// The options of [`verify`].
#[derive(Clone)]
#[non_exhaustive]
pub struct VerifyOptions<'a> {
    /// `true` to read every byte. Otherwise, only the set of files, their lengths and the metadata are checked.
    /// Default: `false`.
    pub full: bool,
    /// The part of the files that a full verification reads. Metadata files are read with every part. Default: all.
    pub subset: Option<Subset>,
    /// `true` to bypass the page cache if the backend can. The reads then check the medium instead of a copy in memory,
    /// and evict no other data from the cache. Default: `false`.
    pub direct_io: bool,
    /// The number of files that are read in parallel. Default: 2, which keeps one disk and two cores busy. More threads
    /// make the reads of a disk less sequential, but may help on storage with many devices.
    pub threads: usize,
    /// The callback for progress. It is called for every piece that was read and every file that is finished, from
    /// several threads, one at a time. `Break` cancels.
    pub progress: Option<Callback<'a>>,
    /// The options for opening manifests. Without a key, a sealed manifest is checked only against its checksum.
    pub manifest: ReadOptions,
}

impl fmt::Debug for VerifyOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyOptions")
            .field("full", &self.full)
            .field("subset", &self.subset)
            .field("direct_io", &self.direct_io)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl Default for VerifyOptions<'_> {
    fn default() -> Self {
        Self::quick()
    }
}

const FILES_AT_A_TIME: usize = 2;

impl<'a> VerifyOptions<'a> {
    /// Checks the set of files, their lengths, the bytes of metadata, and, in manifests of `lsm-manifest`, the digest
    /// in CURRENT and every section.
    #[must_use]
    pub const fn quick() -> Self {
        Self {
            full: false,
            subset: None,
            direct_io: false,
            threads: FILES_AT_A_TIME,
            progress: None,
            manifest: ReadOptions::new(),
        }
    }

    /// Checks the same as [`quick`](Self::quick), and every byte of every file.
    #[must_use]
    pub const fn full() -> Self {
        let mut options = Self::quick();
        options.full = true;
        options
    }

    /// Sets [`subset`](Self#structfield.subset).
    #[must_use]
    pub const fn subset(mut self, subset: Subset) -> Self {
        self.subset = Some(subset);
        self
    }

    /// Sets [`direct_io`](Self#structfield.direct_io).
    #[must_use]
    pub const fn direct_io(mut self, direct_io: bool) -> Self {
        self.direct_io = direct_io;
        self
    }

    /// Sets [`threads`](Self#structfield.threads).
    #[must_use]
    pub const fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Sets [`progress`](Self#structfield.progress).
    #[must_use]
    pub const fn progress(mut self, progress: &'a (dyn Fn(&Progress) -> ControlFlow<()> + Sync)) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Sets [`manifest`](Self#structfield.manifest).
    #[must_use]
    pub fn manifest(mut self, options: ReadOptions) -> Self {
        self.manifest = options;
        self
    }
}

/// The result of a verification.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "it lists the problems"]
pub struct VerifyReport {
    /// The catalog of the checkpoint.
    pub catalog: Catalog,
    /// The problems, grouped by check: the catalog itself, missing files and wrong lengths, names, contents, manifests.
    pub problems: Vec<Problem>,
    /// Known and harmless entries that the catalog does not list. A checkpoint with such entries is sound.
    pub notes: Vec<Note>,
    /// The number of further entries that the catalog does not list. A report contains at most 65,536 such entries as
    /// problems, and 65,536 as notes.
    pub unlisted: u64,
    /// Manifest sections that are damaged on disk and were restored by their parity, as `folder/section`. To repair the
    /// file itself, call [`repair`](lsm_manifest::repair()) on the manifest.
    pub healed: Vec<String>,
    /// The number of files whose bytes were compared with a checksum.
    pub checked_files: u64,
    /// The number of files that could be read completely but have no checksum. Their contents are unverified.
    pub unchecked_files: u64,
}

impl VerifyReport {
    /// Returns `true` if there are no problems.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Formats a summary line, and one more line for each problem and each note.
impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (files, checked) = (self.catalog.files.len(), self.checked_files);
        write!(f, "{files} files, {checked} compared with their checksums, ")?;
        write!(f, "{} problems", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n{problem}"))?;
        self.notes.iter().try_for_each(|note| write!(f, "\n{note} (harmless)"))?;
        if self.unlisted > 0 {
            write!(f, "\n{} more entries that the catalog does not have", self.unlisted)?;
        }
        Ok(())
    }
}

/// Compares a checkpoint with its catalog.
///
/// # Contract
///
/// The call changes nothing. It needs no lock and no write access, and may run at any time. It finds all problems, not
/// only the first. It lists at most 65,536 strangers as problems and as many as notes, and counts the rest. If the
/// checkpoint is removed meanwhile, the report is about the part that was still there.
///
/// *Quick* checks that:
///
/// - the catalog's sections and both copies of its footer are intact
/// - the checkpoint has exactly the files and folders of the catalog, and each file has its length
/// - metadata files match their checksums
/// - in every tree whose manifest is an archive of `lsm-manifest`, CURRENT names the version in the catalog, its digest
///   matches the archive, and every section is intact
///
/// Metadata in other formats is compared only with its checksum. *Full* also reads every file to its end, several at a
/// time, and compares it with the checksum in the catalog, if it has one. With a [subset](VerifyOptions::subset), only
/// the metadata and the files of that part are read.
///
/// *Strangers* are entries that the catalog does not list. Known harmless ones, such as `LOCK`, `.DS_Store` and empty
/// folders, are reported as [notes](Note). Any other stranger is a problem, even an empty file. For example, a planted
/// `v8` next to `v7` changes the version that some engines open. A restore ignores strangers, so the checkpoint can
/// still be restored.
///
/// # Errors
///
/// - The errors of [`Catalog::read`], because nothing can be compared without a catalog.
/// - [`Cancelled`](crate::Error::Cancelled): the callback returned `Break`.
///
/// # Examples
///
/// ```
/// # use lsm_checkpoint::{Error, VerifyOptions, verify};
/// # use lsm_fs::{Fs, StdFs};
/// # let dir = tempfile::tempdir()?;
/// match verify(&StdFs, dir.path(), &VerifyOptions::full()) {
///     Ok(report) if report.is_sound() => println!("good: {report}"),
///     Ok(report) => println!("do not restore from it: {report}"),
///     Err(Error::NotACheckpoint { dir }) => println!("nothing complete in {}", dir.display()),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(fs: &dyn Fs, dir: &Path, options: &VerifyOptions<'_>) -> Result<VerifyReport> {
    let fs = &*beneath_checkpoint(fs, dir)?;
    let catalog = Catalog::read(fs, dir)?;
    let mut report = VerifyReport {
        catalog,
        problems: Vec::new(),
        notes: Vec::new(),
        unlisted: 0,
        healed: Vec::new(),
        checked_files: 0,
        unchecked_files: 0,
    };
    catalog_copies(fs, dir, &mut report);
    let present = names::lengths(fs, dir, &mut report);
    names::compare(fs, dir, &mut report);
    let files = present.into_iter().filter_map(|at| report.catalog.files.get(at));
    let is_chosen = |path: &Path| options.subset.is_none_or(|subset| subset.contains(path));
    let catalog = &report.catalog;
    let is_read = |file: &&CatalogFile| {
        file.kind == FileKind::Metadata || options.full && is_chosen(&catalog.path_of(file))
    };
    let to_read: Vec<_> = files.filter(is_read).collect();
    let read = bytes::check(fs, dir, &report.catalog, &to_read, options)?;
    report.checked_files = read.checked_files;
    report.unchecked_files = read.unchecked_files;
    report.problems.extend(read.problems);
    manifests::check(fs, dir, &options.manifest, &mut report);
    Ok(report)
}

/// Reads files of a checkpoint to their end, and returns the files that differ from the catalog.
pub(crate) fn check_bytes(
    fs: &dyn Fs,
    dir: &Path,
    catalog: &Catalog,
    files: &[&CatalogFile],
    options: &VerifyOptions<'_>,
) -> Result<Vec<Problem>> {
    Ok(bytes::check(fs, dir, catalog, files, options)?.problems)
}

/// Checks the catalog file itself, which the catalog does not list. It was read, but possibly from the second copy of
/// its footer.
fn catalog_copies(fs: &dyn Fs, dir: &Path, report: &mut VerifyReport) {
    let what = match inspect(fs, &dir.join(CATALOG_FILE), &ReadOptions::new()) {
        Ok(inspected) if inspected.is_healthy() => return,
        Ok(_) => Defect::Degraded,
        Err(error) => Defect::Manifest(error),
    };
    report.problems.push(Problem { path: PathBuf::from(CATALOG_FILE), what });
}
