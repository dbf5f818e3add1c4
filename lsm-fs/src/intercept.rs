//! Wrappers that observe the calls of any backend, for example to count, trace, delay or fail them.
//!
//! [`InterceptFs`] wraps a backend and calls an [`Interceptor`] around each call of the filesystem and of its files,
//! locks and views. It hides the bulk ability of the backend, so that batches make single calls which the interceptor
//! observes.
//!
//! # Examples
//!
//! This wrapper counts calls and refuses to remove anything:
//!
//! ```
//! use lsm_fs::intercept::{Call, InterceptFs, Interceptor, Outcome};
//! use lsm_fs::{Fs, FsExt, Op, Result, StdFs, SyncMode};
//! use std::{collections::BTreeMap, io, sync::Mutex};
//!
//! #[derive(Debug, Default)]
//! struct Keeper {
//!     counts: Mutex<BTreeMap<Op, u64>>,
//! }
//!
//! impl Interceptor for Keeper {
//!     type File = ();
//!
//!     fn around<R: Outcome>(
//!         &self,
//!         _file: Option<&()>,
//!         call: &Call<'_>,
//!         run: impl FnOnce() -> Result<R>,
//!     ) -> Result<R> {
//!         *self.counts.lock().unwrap().entry(call.op).or_default() += 1;
//!         match call.op {
//!             Op::RemoveFile | Op::RemoveDir | Op::RemoveDirAll => {
//!                 Err(call.error(io::ErrorKind::PermissionDenied.into()))
//!             }
//!             _ => run(),
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<()> {
//! # let dir = tempfile::tempdir().unwrap();
//! let file = dir.path().join("table");
//! let fs = InterceptFs::new(StdFs, Keeper::default());
//! fs.write_new(&file, b"rows", SyncMode::Normal)?;
//! let refused = fs.remove_file(&file).unwrap_err();
//! assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
//! assert_eq!(fs.interceptor().counts.lock().unwrap()[&Op::SyncAll], 1);
//! # Ok(())
//! # }
//! ```
//!
//! A type that dereferences to an `InterceptFs` is a filesystem, too, and can have methods of its own:
//!
//! ```
//! # use lsm_fs::intercept::{Call, InterceptFs, Interceptor, Outcome};
//! # use lsm_fs::Result;
//! # #[derive(Debug)]
//! # struct Quiet;
//! # impl Interceptor for Quiet {
//! #     type File = ();
//! #     fn around<R: Outcome>(&self, _: Option<&()>, _: &Call<'_>, run: impl FnOnce() -> Result<R>) -> Result<R> {
//! #         run()
//! #     }
//! # }
//! #[derive(Debug)]
//! struct QuietFs<F>(InterceptFs<F, Quiet>);
//!
//! impl<F> std::ops::Deref for QuietFs<F> {
//!     type Target = InterceptFs<F, Quiet>;
//!
//!     fn deref(&self) -> &Self::Target {
//!         &self.0
//!     }
//! }
//!
//! fn is_a_filesystem(_: &impl lsm_fs::Fs) {}
//! is_a_filesystem(&QuietFs(InterceptFs::new(lsm_fs::StdFs, Quiet)));
//! ```

mod call;
mod file;
mod fs;
mod outcome;

use std::{fmt, num::NonZeroUsize, sync::Arc};

pub use call::{Arguments, Call};
pub use outcome::{Bytes, Outcome};

use crate::{Fs, FsFile, Result};

/// Code that runs around the calls of an [`InterceptFs`].
///
/// Some calls are not intercepted, because they have no effect: `backend_id`, `concurrency`, `abilities`, `host_file`
/// (which returns `None`) and `Write::flush`. `FsFile::read_many` is intercepted as one `read_at` for each request.
pub trait Interceptor: fmt::Debug + Send + Sync + 'static {
    /// State for each open file. Use `()` if there is none.
    type File: fmt::Debug + Default + Send + Sync + 'static;

    /// Runs around one call. `file` is the state of the file, if the call belongs to a file. `run` makes the call on
    /// the wrapped backend. If `run` is not called, nothing happens.
    ///
    /// # Errors
    ///
    /// The errors of the call, and any error that the interceptor creates. [`Call::error`] creates an error like one of
    /// a backend.
    fn around<R: Outcome>(
        &self,
        file: Option<&Self::File>,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R>;

    /// Runs around an open. Returns the file and its initial state.
    ///
    /// # Errors
    ///
    /// The same as for [`around`](Self::around).
    fn open(
        &self,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<Box<dyn FsFile>>,
    ) -> Result<(Box<dyn FsFile>, Self::File)> {
        Ok((self.around(None, call, run)?, Self::File::default()))
    }

    /// Runs around the creation of a view. The calls of the returned view are intercepted, too.
    ///
    /// # Errors
    ///
    /// The same as for [`around`](Self::around).
    fn beneath<'v>(
        &self,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<Box<dyn Fs + 'v>>,
    ) -> Result<Box<dyn Fs + 'v>> {
        self.around(None, call, run)
    }

    /// Runs around `Read::read`, `Write::write` and [`FsFile::write_at`]. `len` is the number of bytes that the caller
    /// asked for. `run` takes the number of bytes to transfer, which may be less. [`FsFile::read_at`] goes through
    /// [`around`](Self::around).
    ///
    /// # Errors
    ///
    /// The same as for [`around`](Self::around).
    fn transfer<R: Outcome>(
        &self,
        file: &Self::File,
        call: &Call<'_>,
        len: usize,
        run: impl FnOnce(usize) -> Result<R>,
    ) -> Result<R> {
        self.around(Some(file), call, || run(len))
    }

    /// Returns the number of concurrent calls that are useful, given the number that the backend declares. An
    /// interceptor that depends on the order of calls returns 1.
    fn concurrency(&self, of_backend: NonZeroUsize) -> NonZeroUsize {
        of_backend
    }
}

/// A filesystem whose calls pass through an [`Interceptor`].
///
/// The interceptor is shared with all files, locks and views opened by this filesystem, and with its clones.
#[derive(Debug)]
pub struct InterceptFs<F, I> {
    inner: F,
    interceptor: Arc<I>,
}

impl<F, I> InterceptFs<F, I> {
    /// Wraps a backend.
    pub fn new(inner: F, interceptor: I) -> Self {
        Self { inner, interceptor: Arc::new(interceptor) }
    }

    /// Returns the wrapped backend. Calls on it are not intercepted.
    pub const fn inner(&self) -> &F {
        &self.inner
    }

    /// Returns the interceptor.
    pub fn interceptor(&self) -> &I {
        &self.interceptor
    }

    /// Returns the wrapped backend and drops the wrapper.
    pub fn into_inner(self) -> F {
        self.inner
    }
}

impl<F: Clone, I> Clone for InterceptFs<F, I> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), interceptor: Arc::clone(&self.interceptor) }
    }
}
