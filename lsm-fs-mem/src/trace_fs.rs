//! [`TraceFs`]: calls as text.

mod line;

use std::{
    fmt, mem,
    num::NonZeroUsize,
    ops::Deref,
    path::PathBuf,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use lsm_fs::{
    FsFile, Op, Result,
    intercept::{Arguments, Call, InterceptFs, Interceptor, Outcome},
};

use line::Line;

/// A wrapper around any filesystem that records its calls as text.
///
/// Each call is one line, in the order in which the calls returned. The record is meant to be compared with a snapshot:
/// a missing sync is a missing line.
///
/// # Format
///
/// ```text
/// call    = method [" #" handle] " " path [" -> " path] {" " argument} [outcome]
/// outcome = " -> #" handle        an opened file (handles count from 1)
///         | " = " value           the returned value, if there is one
///         | " ! " errno           such as EIO, or the kind of an error without an errno
///           [" poisoned"]         if the handle had failed a sync before
/// note    = "-- " text
/// ```
///
/// ```text
/// create_dir tables
/// open tables/7 write create_new -> #1
/// write_at #1 tables/7 0+4096
/// sync_all #1 tables/7 normal
/// hard_link tables/7 -> backup/7 ! EXDEV
/// sync_directory tables normal = durable
/// ```
///
/// A handle is shown with the path by which it was opened. Ranges are `offset+length`. Paths have `/` between their
/// components. A path is quoted if it contains white space, a quote or a backslash. Control characters, quotes,
/// backslashes, and bytes that are not UTF-8 are escaped.
///
/// Values that differ from machine to machine are left out: volume numbers, free space, capabilities, and the lengths
/// of directories.
///
/// The text is an interface: a change to it is a breaking change of this crate. Only methods that are new to the traits
/// may add new kinds of lines.
///
/// *Batches* run on the wrapper as single calls, one after the other, and are recorded as such.
///
/// Clones share the record.
///
/// # Examples
///
/// ```
/// use lsm_fs::{FsExt, StdFs, SyncMode};
/// use lsm_fs_mem::TraceFs;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// let fs = TraceFs::new(StdFs).relative_to(dir).only_changes();
/// let _ = fs.rewrite_atomic(&dir.join("current"), b"v7", SyncMode::Normal)?;
/// assert_eq!(
///     fs.take(),
///     "\
/// open .current.tmp-0 write create_new -> #1
/// write_at #1 .current.tmp-0 0+2
/// sync_all #1 .current.tmp-0 normal
/// rename .current.tmp-0 -> current
/// sync_directory . normal = durable
/// "
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TraceFs<F> {
    fs: InterceptFs<F, Tracer>,
}

impl<F> TraceFs<F> {
    /// Wraps a filesystem and records every call, with paths as they are given.
    pub fn new(inner: F) -> Self {
        Self { fs: InterceptFs::new(inner, Tracer::default()) }
    }

    /// Prints paths below `root` relative to it, and the root itself as `.`. Other paths stay as they are. The current
    /// record is discarded.
    #[must_use]
    pub fn relative_to(self, root: impl Into<PathBuf>) -> Self {
        let only_changes = self.tracer().only_changes;
        let tracer = Tracer { root: root.into(), only_changes, ..Tracer::default() };
        Self { fs: InterceptFs::new(self.fs.into_inner(), tracer) }
    }

    /// Records only calls that change names, bytes, lengths or permissions, take a lock, sync, or open for writing,
    /// whether they succeed or fail.
    ///
    /// A file that was opened for reading gets its number when it first appears. The current record is discarded.
    #[must_use]
    pub fn only_changes(self) -> Self {
        let root = self.tracer().root.clone();
        let tracer = Tracer { root, only_changes: true, ..Tracer::default() };
        Self { fs: InterceptFs::new(self.fs.into_inner(), tracer) }
    }

    /// Adds a line that is not a call, such as a promise or the start of a step. Line breaks become spaces.
    pub fn note(&self, text: &str) {
        let text = text.replace(['\n', '\r'], " ");
        self.tracer().record().lines.push_str(&format!("-- {text}\n"));
    }

    /// Returns the record, with a line break after each line.
    #[must_use]
    pub fn text(&self) -> String {
        self.tracer().record().lines.clone()
    }

    /// Returns the record and starts a new one. Handle numbers continue.
    pub fn take(&self) -> String {
        mem::take(&mut self.tracer().record().lines)
    }

    /// Returns the wrapped filesystem. Calls made through it are not recorded.
    pub fn inner(&self) -> &F {
        self.fs.inner()
    }

    fn tracer(&self) -> &Tracer {
        self.fs.interceptor()
    }
}

/// Dereferences to the wrapped [`Fs`](lsm_fs::Fs).
impl<F> Deref for TraceFs<F> {
    type Target = InterceptFs<F, Tracer>;

    fn deref(&self) -> &Self::Target {
        &self.fs
    }
}

/// Prints the current record.
impl<F> fmt::Display for TraceFs<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tracer().record().lines)
    }
}

/// The interceptor that writes the record.
#[derive(Debug, Default)]
pub struct Tracer {
    root: PathBuf,
    only_changes: bool,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    lines: String,
    handles: u64,
}

impl Record {
    fn number(&mut self, handle: &Number) -> u64 {
        *handle.0.get_or_init(|| {
            self.handles += 1;
            self.handles
        })
    }
}

/// The number of a handle, assigned when the handle first appears in the record.
#[derive(Debug, Default)]
pub struct Number(OnceLock<u64>);

impl Tracer {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shows(&self, call: &Call<'_>) -> bool {
        let opens_for_writing =
            matches!(call.arguments, Arguments::Open(options) if options.write || options.append);
        !self.only_changes || call.changes() || (call.op == Op::Open && opens_for_writing)
    }
}

impl Interceptor for Tracer {
    type File = Number;

    fn open(
        &self,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<Box<dyn FsFile>>,
    ) -> Result<(Box<dyn FsFile>, Number)> {
        let opened = run();
        let handle = Number::default();
        if self.shows(call) {
            let mut record = self.record();
            let mut line = Line::new(call, None, &self.root);
            match &opened {
                Ok(_) => line.handle(record.number(&handle)),
                Err(e) => line.error(e),
            }
            record.lines.push_str(&line.finish());
        }
        Ok((opened?, handle))
    }

    fn around<R: Outcome>(
        &self,
        on: Option<&Number>,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        let result = run();
        if self.shows(call) {
            let mut record = self.record();
            let number = on.map(|handle| record.number(handle));
            let mut line = Line::new(call, number, &self.root);
            match &result {
                Ok(outcome) => line.value(outcome.shown().as_deref()),
                Err(e) => line.error(e),
            }
            record.lines.push_str(&line.finish());
        }
        result
    }

    /// Returns one, because the record must have the same order in every run.
    fn concurrency(&self, _: NonZeroUsize) -> NonZeroUsize {
        NonZeroUsize::MIN
    }
}
