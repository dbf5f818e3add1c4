//! [`Error`]: which operation failed, on which paths, and why.

use std::{
    error, fmt, io,
    path::{Path, PathBuf},
};

/// The result of every filesystem operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The operation that failed, named as the trait method that performs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Op {
    /// `Fs::beneath`
    Beneath,
    /// `Fs::open`
    Open,
    /// `Fs::create_dir`
    CreateDir,
    /// `Fs::read_dir`
    ReadDir,
    /// `Fs::metadata`, `Fs::symlink_metadata` and `FsFile::metadata`
    Metadata,
    /// `Fs::remove_file`
    RemoveFile,
    /// `Fs::remove_dir`
    RemoveDir,
    /// `Fs::remove_dir_all`
    RemoveDirAll,
    /// `Fs::rename`
    Rename,
    /// `Fs::rename_noreplace`
    RenameNoreplace,
    /// `Fs::hard_link`
    HardLink,
    /// `Fs::reflink_file`
    ReflinkFile,
    /// `Fs::sync_directory`
    SyncDirectory,
    /// `Fs::try_lock_directory` and `FsDirLock::is_at`
    LockDirectory,
    /// `Fs::volume_id`
    VolumeId,
    /// `Fs::capabilities`
    Capabilities,
    /// `Fs::available_space`
    AvailableSpace,
    /// `Fs::punch_hole`
    PunchHole,
    /// `Fs::truncate_file`
    TruncateFile,
    /// `Fs::try_disable_cow`
    DisableCow,
    /// `Fs::copy_batch`: the copy itself was stopped or came short
    Copy,
    /// Reading through a handle
    Read,
    /// Writing through a handle
    Write,
    /// Moving a handle's position, or asking for its data ranges
    Seek,
    /// `FsFile::set_len`
    SetLen,
    /// `FsFile::sync_all`
    SyncAll,
    /// `FsFile::sync_data`
    SyncData,
    /// `FsFile::start_writeback`
    StartWriteback,
    /// `FsFile::hint`
    Hint,
    /// `FsFile::try_lock_exclusive`
    LockFile,
}

impl Op {
    /// The name in messages and traces, such as `hard_link`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Beneath => "beneath",
            Self::Open => "open",
            Self::CreateDir => "create_dir",
            Self::ReadDir => "read_dir",
            Self::Metadata => "metadata",
            Self::RemoveFile => "remove_file",
            Self::RemoveDir => "remove_dir",
            Self::RemoveDirAll => "remove_dir_all",
            Self::Rename => "rename",
            Self::RenameNoreplace => "rename_noreplace",
            Self::HardLink => "hard_link",
            Self::ReflinkFile => "reflink_file",
            Self::SyncDirectory => "sync_directory",
            Self::LockDirectory => "lock_directory",
            Self::VolumeId => "volume_id",
            Self::Capabilities => "capabilities",
            Self::AvailableSpace => "available_space",
            Self::PunchHole => "punch_hole",
            Self::TruncateFile => "truncate_file",
            Self::DisableCow => "disable_cow",
            Self::Copy => "copy",
            Self::Read => "read",
            Self::Write => "write",
            Self::Seek => "seek",
            Self::SetLen => "set_len",
            Self::SyncAll => "sync_all",
            Self::SyncData => "sync_data",
            Self::StartWriteback => "start_writeback",
            Self::Hint => "hint",
            Self::LockFile => "lock_file",
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

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
        Self::new(op, path, io::Error::other(Cancelled))
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
