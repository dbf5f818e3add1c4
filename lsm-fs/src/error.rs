//! [`Error`]: the failed operation, its paths, and the cause.

mod op;

use std::{
    error, fmt, io,
    path::{Path, PathBuf},
};

pub use op::Op;

/// The result of every filesystem operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed filesystem operation, with its path or paths and the [`io::Error`] that caused the failure.
///
/// `Display` writes one line with the operation, the paths and the cause. The cause keeps its errno, so that a caller
/// can decide about a fallback with [`raw_os_error`](Self::raw_os_error) or [`allows_fallback`](Self::allows_fallback).
/// An `Error` converts into an [`io::Error`] of the same kind, from which [`raw_os_error`] can still extract the errno.
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
    /// Creates an error of an operation on one path.
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

    /// Creates an error of an operation on two paths.
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

    /// Creates the error of a copy that the caller cancelled. [`is_cancelled`](Self::is_cancelled) recognizes it.
    pub fn cancelled(op: Op, path: impl Into<PathBuf>) -> Self {
        Self::new(op, path, cancelled())
    }

    /// Marks this error as a repetition of the first failed sync of a handle.
    #[must_use]
    pub fn poisoned(mut self) -> Self {
        self.0.poisoned = true;
        self
    }

    /// Attaches an error of the clean-up that followed this error.
    #[must_use]
    pub fn with_cleanup_failure(mut self, failure: Self) -> Self {
        self.0.cleanup = Some(failure);
        self
    }

    /// Returns the operation that failed.
    #[must_use]
    pub fn op(&self) -> Op {
        self.0.op
    }

    /// Returns the path of the operation. If it takes two paths, returns the first one.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Returns the second path of an operation that takes two.
    #[must_use]
    pub fn other_path(&self) -> Option<&Path> {
        self.0.other_path.as_deref()
    }

    /// Returns the kind of the cause. Some error numbers have no kind of their own, see
    /// [`raw_os_error`](Self::raw_os_error).
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.0.source.kind()
    }

    /// Returns the errno of the cause, if the operating system supplied one.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        raw_os_error(&self.0.source)
    }

    /// Returns the cause.
    #[must_use]
    pub fn io_error(&self) -> &io::Error {
        &self.0.source
    }

    /// Returns `true` if the call was refused because an earlier sync of the handle had failed.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.0.poisoned
    }

    /// Returns `true` if the caller cancelled the operation: its observer or its `report` returned `Break`.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.source.get_ref().and_then(|e| e.downcast_ref::<Cancelled>()).is_some()
    }

    /// Returns the error of the clean-up, if it failed. The path in that error was left behind.
    #[must_use]
    pub fn cleanup_failure(&self) -> Option<&Self> {
        self.0.cleanup.as_ref()
    }

    /// Returns `true` if a file could not be opened because too many are open. Closing some files helps.
    #[must_use]
    pub fn is_out_of_handles(&self) -> bool {
        matches!(self.raw_os_error(), Some(crate::errno::EMFILE | crate::errno::ENFILE))
    }

    /// Returns `true` if another method is worth trying after a refused link or clone, for example a clone and then a
    /// copy.
    ///
    /// The result is `true` for errors that concern only this pair of files or this mount: `EXDEV`, `EMLINK`, `EPERM`,
    /// `EACCES`, `EOPNOTSUPP`, `ENOTSUP`, `ENOSYS`, `EINVAL`, `ENOTTY` and [`io::ErrorKind::Unsupported`]. It is also
    /// `true` for `EAGAIN` from a clone, because ZFS refuses to clone blocks that it has not written yet. It is `false`
    /// for errors that the next method would encounter, too: an existing name, a missing file, a full or failing
    /// device.
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

/// `Display` already contains the cause, so `source` returns the source of the cause.
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

/// Returns the errno of an [`io::Error`], even if the value was converted from an [`Error`].
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

/// Creates the cause of an error that [`Error::is_cancelled`] recognizes.
pub(crate) fn cancelled() -> io::Error {
    io::Error::other(Cancelled)
}

#[derive(Debug)]
struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled by the caller")
    }
}

impl error::Error for Cancelled {}

#[cfg(test)]
mod tests;
