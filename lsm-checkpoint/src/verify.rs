//! [`verify`]: whether a checkpoint is what its catalog says.

mod bytes;
mod manifests;
mod names;
mod problem;
mod stranger;

use std::{
    fmt,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use lsm_fs::Fs;
use lsm_manifest::{ReadOptions, inspect};

use crate::{
    CATALOG_FILE, Catalog, FileKind, Progress, Result, progress::Callback, view::beneath_checkpoint,
};

pub use problem::{Defect, Problem};
pub(crate) use stranger::known_stranger;
pub use stranger::{Note, Stranger};

/// How to verify.
#[derive(Clone)]
#[non_exhaustive]
pub struct VerifyOptions<'a> {
    /// Whether every byte is read, rather than the set of files, their lengths and the manifests. Default: no.
    pub full: bool,
    /// How many files are read at a time. Default: 2, which keeps a disk reading and two cores busy. With more, a disk
    /// reads less in order; storage of many devices may be faster with them.
    pub threads: usize,
    /// Hears of every piece that was read and of every file that is finished, from several threads, one at a time;
    /// `Break` cancels.
    pub progress: Option<Callback<'a>>,
    /// How manifests are opened. Without a key, sealed sections are held against their checksums only.
    pub manifest: ReadOptions,
}

impl fmt::Debug for VerifyOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyOptions")
            .field("full", &self.full)
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
    /// The set of files, their lengths, CURRENT's digest, every section of every manifest.
    #[must_use]
    pub const fn quick() -> Self {
        Self { full: false, threads: FILES_AT_A_TIME, progress: None, manifest: ReadOptions::new() }
    }

    /// All that, and every byte of every file.
    #[must_use]
    pub const fn full() -> Self {
        Self { full: true, threads: FILES_AT_A_TIME, progress: None, manifest: ReadOptions::new() }
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
    /// What the catalog says.
    pub catalog: Catalog,
    /// The defects, in the order of the catalog.
    pub problems: Vec<Problem>,
    /// Things that the catalog does not have and that are known to be harmless: a checkpoint with them is sound.
    pub notes: Vec<Note>,
    /// Entries that the catalog does not have and that are not listed: those beyond the first 65,536 problems and as
    /// many notes.
    pub unlisted: u64,
    /// Manifest sections that are damaged on disk and were restored by their parity: `folder/section`.
    /// [`repair`](lsm_manifest::repair()) of the manifest makes that last.
    pub healed: Vec<String>,
    /// Files whose bytes were held against a checksum.
    pub checked_files: u64,
    /// Files that were read to their end and have no checksum: nothing more can be said of them.
    pub unchecked_files: u64,
}

impl VerifyReport {
    /// Returns `true` if there is no problem.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// One line, and one more for each problem and each note.
impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (files, checked) = (self.catalog.files.len(), self.checked_files);
        write!(f, "{files} files, {checked} held against their checksum, ")?;
        write!(f, "{} problems", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n{problem}"))?;
        self.notes.iter().try_for_each(|note| write!(f, "\n{note} (harmless)"))?;
        if self.unlisted > 0 {
            write!(f, "\n{} more entries that the catalog does not have", self.unlisted)?;
        }
        Ok(())
    }
}

/// Holds a checkpoint against its catalog.
///
/// # Contract
///
/// It changes nothing, needs no lock and no write access, and may run beside anything. All problems are found, not only
/// the first. A report lists at most 65,536 entries that the catalog does not have, and counts the others. A checkpoint
/// that is removed meanwhile is reported as what is seen of it.
///
/// *Quick*: the files and folders are those of the catalog, no more and no less, each file with its length; metadata
/// files have their checksum; in every tree whose manifest is an archive of `lsm-manifest`, CURRENT names the catalog's
/// version, its digest is that of the archive, and every section is as it was written. Of metadata in any other format
/// nothing more is said. *Full*: every file is read to its end, several at a time, and held against the catalog's
/// checksum where it has one.
///
/// *Strangers*: a file or a folder that the catalog does not have is a problem, even an empty file. A planted `v8`
/// beside `v7` changes the version that some engines open. A restore leaves strangers out, so it can still be told to
/// go on. The ones that are known to be harmless, such as `LOCK`, `.DS_Store` and empty folders, are [notes](Note).
///
/// # Errors
///
/// Those of [`Catalog::read`]: without a catalog there is nothing to hold against.
/// [`Cancelled`](crate::Error::Cancelled).
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
    let to_read: Vec<_> = files.filter(|file| options.full || file.kind == FileKind::Metadata).collect();
    let read = bytes::check(fs, dir, &report.catalog, &to_read, options)?;
    report.checked_files = read.checked_files;
    report.unchecked_files = read.unchecked_files;
    report.problems.extend(read.problems);
    manifests::check(fs, dir, &options.manifest, &mut report);
    Ok(report)
}

/// The catalog has been read, but maybe from the copy of its footer. Nothing else has its checksum.
fn catalog_copies(fs: &dyn Fs, dir: &Path, report: &mut VerifyReport) {
    let what = match inspect(fs, &dir.join(CATALOG_FILE), &ReadOptions::new()) {
        Ok(inspected) if inspected.is_healthy() => return,
        Ok(_) => Defect::Degraded,
        Err(error) => Defect::Manifest(error),
    };
    report.problems.push(Problem { path: PathBuf::from(CATALOG_FILE), what });
}
