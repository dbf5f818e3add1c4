//! [`Error`]: which operation failed, on which paths, and why.

mod op;

use std::{
    error, fmt, io,
    path::{Path, PathBuf},
};

pub use op::Op;

/// The result of every filesystem operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed filesystem operation: what was tried, on which path or paths, and the [`io::Error`] that ended it.
///
/// `Display` is one line: the operation, the paths, the cause. The cause keeps its errno, so decisions about a
/// fall-back can be taken on [`raw_os_error`](Self::raw_os_error) or through
/// [`allows_fallback`](Self::allows_fallback). An `Error` converts into an [`io::Error`] of the same kind;
/// [`raw_os_error`] finds the errno again behind it.
///
/// # Examples
///
/// ```
/// use lsm_fs::{Fs, StdFs};
/// use std::path::Path;
///
/// let err = StdFs.metadata(Path::new("/nowhere/at/all")).unwrap_err();
/// assert_eq!(err.kind(), std::io::ErrorKind::NotFound);
/// assert!(err.to_string().starts_with("metadata /nowhere/at/all: "));
/// ```
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    op: Op,
    path: PathBuf,
    other_path: Option<PathBuf>,
    source: io::Error,
    poisoned: bool,
    cleanup: Option<Error>,
}

impl Error {
    /// An error of an operation on one path.
    pub fn new(op: Op, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self(Box::new(Inner {
            op,
            path: path.into(),
            other_path: None,
            source: source.into(),
            poisoned: false,
            cleanup: None,
        }))
    }

    /// An error of an operation from one path to another.
    pub fn with_paths(
        op: Op,
        from: impl Into<PathBuf>,
        to: impl Into<PathBuf>,
        source: impl Into<io::Error>,
    ) -> Self {
        let mut error = Self::new(op, from, source);
        error.0.other_path = Some(to.into());
        error
    }

    /// The error of a copy that its observer stopped; [`is_cancelled`](Self::is_cancelled) recognises it.
    pub fn cancelled(op: Op, path: impl Into<PathBuf>) -> Self {
        Self::new(op, path, cancelled())
    }

    /// Says of this error that it repeats the first failure of a handle whose sync failed.
    #[must_use]
    pub fn poisoned(mut self) -> Self {
        self.0.poisoned = true;
        self
    }

    /// Attaches the failure of the clean-up that this error made necessary.
    #[must_use]
    pub fn with_cleanup_failure(mut self, failure: Self) -> Self {
        self.0.cleanup = Some(failure);
        self
    }

    /// What was tried.
    #[must_use]
    pub fn op(&self) -> Op {
        self.0.op
    }

    /// The path it was tried on; of an operation with two paths, the first.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The second path of an operation that takes two.
    #[must_use]
    pub fn other_path(&self) -> Option<&Path> {
        self.0.other_path.as_deref()
    }

    /// The kind of the cause. Some errnos have no kind of their own: see [`raw_os_error`](Self::raw_os_error).
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.0.source.kind()
    }

    /// The errno of the cause, where the operating system gave one.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        raw_os_error(&self.0.source)
    }

    /// The cause itself.
    #[must_use]
    pub fn io_error(&self) -> &io::Error {
        &self.0.source
    }

    /// Whether the handle had failed a sync before, and this call was refused for that.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.0.poisoned
    }

    /// Whether an observer stopped the operation, rather than the filesystem.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.source.get_ref().and_then(|e| e.downcast_ref::<Cancelled>()).is_some()
    }

    /// The failure of the clean-up after this error, if there was one: what it names was left behind.
    #[must_use]
    pub fn cleanup_failure(&self) -> Option<&Self> {
        self.0.cleanup.as_ref()
    }

    /// Whether no file could be opened because too many are open already: closing some helps.
    #[must_use]
    pub fn is_out_of_handles(&self) -> bool {
        matches!(self.raw_os_error(), Some(crate::errno::EMFILE | crate::errno::ENFILE))
    }

    /// Whether a refused link or clone leaves another method worth trying (clone, then copy).
    ///
    /// True for what says "not between these two" or "not on this mount": `EXDEV`, `EMLINK`, `EPERM`, `EACCES`,
    /// `EOPNOTSUPP`, `ENOTSUP`, `ENOSYS`, `EINVAL`, `ENOTTY`, and [`io::ErrorKind::Unsupported`]; and `EAGAIN` of a
    /// clone, with which ZFS refuses blocks that it has not written yet. False for all that the next method would meet
    /// as well: a taken name, a missing file, a full or failing device.
    #[must_use]
    pub fn allows_fallback(&self) -> bool {
        match self.raw_os_error() {
            Some(crate::errno::EAGAIN) => self.op() == Op::ReflinkFile,
            Some(code) => crate::errno::ALLOWS_FALLBACK.contains(&code),
            None => self.kind() == io::ErrorKind::Unsupported,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.op, self.0.path.display())?;
        if let Some(other) = &self.0.other_path {
            write!(f, " -> {}", other.display())?;
        }
        if self.0.poisoned {
            f.write_str(": refused after an earlier failed sync")?;
        }
        write!(f, ": {}", self.0.source)?;
        if let Some(cleanup) = &self.0.cleanup {
            write!(f, " (and the clean-up failed: {cleanup})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The message already holds the cause, so `source` continues behind it.
impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0.source.source()
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error)
    }
}

/// The errno behind an [`io::Error`], also behind one that was made from an [`Error`].
///
/// # Examples
///
/// ```
/// use lsm_fs::{Error, Op, raw_os_error};
/// use std::io;
///
/// let io_error = io::Error::from(Error::new(Op::Open, "x", io::Error::from_raw_os_error(2)));
/// assert_eq!(io_error.raw_os_error(), None);
/// assert_eq!(raw_os_error(&io_error), Some(2));
/// ```
#[must_use]
pub fn raw_os_error(error: &io::Error) -> Option<i32> {
    error.raw_os_error().or_else(|| error.get_ref()?.downcast_ref::<Error>()?.raw_os_error())
}

/// The cause of an error that [`Error::is_cancelled`] recognises.
pub(crate) fn cancelled() -> io::Error {
    io::Error::other(Cancelled)
}

#[derive(Debug)]
struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled by its observer")
    }
}

impl error::Error for Cancelled {}

#[cfg(test)]
mod tests;
