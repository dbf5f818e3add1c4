//! A filesystem with an observer that may act before each call, and that sees the inodes that the calls reach.

use std::{
    collections::BTreeSet,
    fmt, io,
    ops::Deref,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use lsm_fs::{
    FileId, Fs, FsFile, FsMetadata, Op, Result,
    intercept::{Call, InterceptFs, Interceptor, Outcome},
};

/// Observes every call.
pub(crate) struct Observer {
    calls: AtomicUsize,
    act: Box<dyn Fn(usize) + Send + Sync>,
    /// Inodes that no call may reach.
    forbidden: BTreeSet<FileId>,
    reached: Mutex<Option<String>>,
}

impl Observer {
    /// Creates an observer. `act` is called before each call with its number, starting at 1.
    pub(crate) fn new(forbidden: BTreeSet<FileId>, act: impl Fn(usize) + Send + Sync + 'static) -> Arc<Self> {
        let (calls, reached) = (AtomicUsize::new(0), Mutex::new(None));
        Arc::new(Self { calls, act: Box::new(act), forbidden, reached })
    }

    /// Returns the first path through which a call reached a forbidden inode.
    pub(crate) fn reached(&self) -> Option<String> {
        self.reached.lock().unwrap().clone()
    }

    fn call(&self) {
        (self.act)(self.calls.fetch_add(1, Ordering::Relaxed) + 1);
    }

    fn look(&self, path: &Path, there: &FsMetadata) {
        if there.file_id.is_some_and(|id| self.forbidden.contains(&id)) {
            self.reached.lock().unwrap().get_or_insert_with(|| path.display().to_string());
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Hooked<F> {
    fs: InterceptFs<F, Hooks<F>>,
}

/// Dereferences to the filesystem.
impl<F> Deref for Hooked<F> {
    type Target = InterceptFs<F, Hooks<F>>;

    fn deref(&self) -> &Self::Target {
        &self.fs
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Hooks<F> {
    /// The filesystem itself, for unobserved lookups and in place of a view.
    fs: F,
    observer: Arc<Observer>,
    /// `true` for a control: `beneath` then returns no real view.
    resolves_plainly: bool,
    renames_directories: bool,
}

impl<F: Fs + Clone + 'static> Hooked<F> {
    pub(crate) fn new(inner: F, observer: Arc<Observer>) -> Self {
        let fs = inner.clone();
        let hooks = Hooks { fs, observer, resolves_plainly: false, renames_directories: true };
        Self { fs: InterceptFs::new(inner, hooks) }
    }

    fn with(self, change: impl FnOnce(&mut Hooks<F>)) -> Self {
        let mut hooks = self.fs.interceptor().clone();
        change(&mut hooks);
        Self { fs: InterceptFs::new(self.fs.into_inner(), hooks) }
    }

    pub(crate) fn resolving_plainly(self, plainly: bool) -> Self {
        self.with(|hooks| hooks.resolves_plainly = plainly)
    }

    pub(crate) fn renaming_directories(self, renames: bool) -> Self {
        self.with(|hooks| hooks.renames_directories = renames)
    }
}

impl<F: Fs + Clone + 'static> Interceptor for Hooks<F> {
    type File = ();

    fn around<R: Outcome>(
        &self,
        file: Option<&()>,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        // A call on a handle resolves no path.
        if file.is_some() {
            return run();
        }
        let renames = matches!(call.op, Op::Rename | Op::RenameNoreplace);
        let is_folder = || self.fs.symlink_metadata(call.path).is_ok_and(|there| there.is_dir());
        if renames && !self.renames_directories && is_folder() {
            return Err(call.error(io::ErrorKind::Unsupported.into()));
        }
        self.observer.call();
        let mut result = run()?;
        if let Some(there) = result.metadata() {
            self.observer.look(call.path, there);
        }
        Ok(result)
    }

    fn open(
        &self,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<Box<dyn FsFile>>,
    ) -> Result<(Box<dyn FsFile>, ())> {
        let file = self.around(None, call, run)?;
        self.observer.look(call.path, &file.metadata()?);
        Ok((file, ()))
    }

    fn beneath<'v>(
        &self,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<Box<dyn Fs + 'v>>,
    ) -> Result<Box<dyn Fs + 'v>> {
        let checked = self.around(None, call, run)?;
        Ok(if self.resolves_plainly { Box::new(self.fs.clone()) } else { checked })
    }
}
