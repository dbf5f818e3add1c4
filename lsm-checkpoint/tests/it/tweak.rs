//! A filesystem that skips the n-th sync, cannot rename directories, or has another process at work.

mod meddler;

use std::{
    io,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use lsm_fs::{
    Fs, Op, Result,
    intercept::{Call, InterceptFs, Interceptor, Outcome},
};
use meddler::{Meddler, When};

#[derive(Clone, Debug)]
pub(crate) struct Tweak<F> {
    fs: InterceptFs<F, Tweaks<F>>,
}

/// Dereferences to the filesystem.
impl<F> Deref for Tweak<F> {
    type Target = InterceptFs<F, Tweaks<F>>;

    fn deref(&self) -> &Self::Target {
        &self.fs
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Tweaks<F> {
    /// The filesystem itself, for unobserved lookups.
    fs: F,
    syncs: Arc<AtomicUsize>,
    skipped: Option<usize>,
    renames_directories: bool,
    meddler: Option<Arc<Meddler>>,
}

impl<F: Fs + Clone + 'static> Tweak<F> {
    pub(crate) fn new(inner: F) -> Self {
        let fs = inner.clone();
        let tweaks =
            Tweaks { fs, syncs: Arc::default(), skipped: None, renames_directories: true, meddler: None };
        Self { fs: InterceptFs::new(inner, tweaks) }
    }

    fn with(self, change: impl FnOnce(&mut Tweaks<F>)) -> Self {
        let mut tweaks = self.fs.interceptor().clone();
        change(&mut tweaks);
        Self { fs: InterceptFs::new(self.fs.into_inner(), tweaks) }
    }

    /// Makes the n-th sync, counted from 0, return `Ok` without an effect.
    pub(crate) fn without_sync(self, nth: Option<usize>) -> Self {
        self.with(|tweaks| tweaks.skipped = nth)
    }

    pub(crate) fn without_directory_renames(self) -> Self {
        self.with(|tweaks| tweaks.renames_directories = false)
    }

    /// Lets another process act just before each call of this kind for a path. For calls with two paths, the first
    /// counts.
    pub(crate) fn before(self, op: Op, path: &'static str, act: impl Fn(&F) + Send + Sync + 'static) -> Self {
        self.beside(When::Before, op, path, act)
    }

    /// Lets another process act just after each call of this kind for a path, before the caller continues.
    pub(crate) fn after(self, op: Op, path: &'static str, act: impl Fn(&F) + Send + Sync + 'static) -> Self {
        self.beside(When::After, op, path, act)
    }

    fn beside(
        self,
        when: When,
        op: Op,
        path: &'static str,
        act: impl Fn(&F) + Send + Sync + 'static,
    ) -> Self {
        let inner = self.fs.inner().clone();
        let meddler = Meddler::new(when, op, path, move || act(&inner));
        self.with(|tweaks| tweaks.meddler = Some(Arc::new(meddler)))
    }

    /// Returns the number of requested syncs.
    pub(crate) fn syncs(&self) -> usize {
        self.fs.interceptor().syncs.load(Ordering::Relaxed)
    }

    pub(crate) fn inner(&self) -> &F {
        self.fs.inner()
    }
}

impl<F: Fs + 'static> Interceptor for Tweaks<F> {
    type File = ();

    fn around<R: Outcome>(
        &self,
        _: Option<&()>,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        let syncs = matches!(call.op, Op::SyncAll | Op::SyncData | Op::SyncDirectory);
        if syncs && Some(self.syncs.fetch_add(1, Ordering::Relaxed)) == self.skipped {
            return Ok(R::claimed().unwrap());
        }
        let renames = matches!(call.op, Op::Rename | Op::RenameNoreplace);
        let is_directory = || self.fs.metadata(call.path).is_ok_and(|metadata| metadata.is_dir());
        if renames && !self.renames_directories && is_directory() {
            return Err(call.error(io::ErrorKind::Unsupported.into()));
        }
        let meddle = |when| self.meddler.iter().for_each(|meddler| meddler.meddle(when, call.op, call.path));
        meddle(When::Before);
        let result = run();
        meddle(When::After);
        result
    }
}
