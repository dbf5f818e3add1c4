//! Wrappers around any backend that see each of its calls: to count, to trace, to delay or to fail them.
//!
//! An [`Interceptor`] is called around each call of a filesystem, of its files, locks and views. [`InterceptFs`]
//! applies it to a backend. The bulk ability of the backend is hidden, so batches make single calls and the interceptor
//! sees every one.
//!
//! # Examples
//!
//! A wrapper that counts calls and refuses to remove anything:
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
//! A type of your own that dereferences to an `InterceptFs` is a filesystem, too, and can have methods:
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

/// Stands around every call of an [`InterceptFs`].
///
/// Not intercepted, because nothing happens in them: `backend_id`, `concurrency`, `abilities`, `host_file` (which is
/// `None`) and `Write::flush`. `FsFile::read_many` is one `read_at` for each request.
pub trait Interceptor: fmt::Debug + Send + Sync + 'static {
    /// State that is kept of each open file; `()` for none.
    type File: fmt::Debug + Default + Send + Sync + 'static;

    /// Stands around one call. `file` is the state of the file, if it is a call of a file. `run` makes the call on the
    /// wrapped backend; without it nothing happens.
    ///
    /// # Errors
    ///
    /// Those of the call, and any that the interceptor makes up. [`Call::error`] makes one as a backend would.
    fn around<R: Outcome>(
        &self,
        file: Option<&Self::File>,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R>;

    /// Stands around an open, and returns the state of the new file.
    ///
    /// # Errors
    ///
    /// As [`around`](Self::around).
    fn open(
        &self,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<Box<dyn FsFile>>,
    ) -> Result<(Box<dyn FsFile>, Self::File)> {
        Ok((self.around(None, call, run)?, Self::File::default()))
    }

    /// Stands around the making of a view. The calls of the view that it returns are intercepted, too.
    ///
    /// # Errors
    ///
    /// As [`around`](Self::around).
    fn beneath<'v>(
        &self,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<Box<dyn Fs + 'v>>,
    ) -> Result<Box<dyn Fs + 'v>> {
        self.around(None, call, run)
    }

    /// Stands around a call that moves `len` bytes, of which `run` can be asked to move a prefix.
    ///
    /// # Errors
    ///
    /// As [`around`](Self::around).
    fn transfer<R: Outcome>(
        &self,
        file: &Self::File,
        call: &Call<'_>,
        len: usize,
        run: impl FnOnce(usize) -> Result<R>,
    ) -> Result<R> {
        self.around(Some(file), call, || run(len))
    }

    /// Returns how many calls are useful at once, of the number that the backend declares. An interceptor that depends
    /// on the order of calls returns 1.
    fn concurrency(&self, of_backend: NonZeroUsize) -> NonZeroUsize {
        of_backend
    }
}

/// A filesystem whose calls pass an [`Interceptor`].
///
/// The interceptor is shared with all files, locks and views that the filesystem opens, and with clones.
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

    /// Takes the wrapper apart.
    pub fn into_inner(self) -> F {
        self.inner
    }
}

impl<F: Clone, I> Clone for InterceptFs<F, I> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), interceptor: Arc::clone(&self.interceptor) }
    }
}
