//! The filesystems that source files are read from.

use std::{
    collections::{HashMap, hash_map::Entry},
    ffi::OsStr,
    path::Path,
    sync::Arc,
};

use lsm_fs::Fs;

use crate::{Result, SourceFile, source::Content};

/// The place that files come from: their backend, and the checkpoint that they are beneath. An engine may make a handle
/// of its filesystem for each file, and these must not become a place each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place<'a> {
    backend: Backend,
    root: Option<&'a OsStr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Backend {
    Known(u64),
    /// By the address of the handle.
    Handle(usize),
}

impl<'a> Place<'a> {
    /// The place of a file that is on `fs`.
    pub(super) fn of(fs: &Arc<dyn Fs>, file: &'a SourceFile) -> Self {
        let by_handle = || Backend::Handle(Arc::as_ptr(fs).cast::<()>().addr());
        let backend = fs.backend_id().map_or_else(by_handle, Backend::Known);
        Self { backend, root: file.root.as_deref().map(Path::as_os_str) }
    }
}

/// One view for each checkpoint that files come from. Files of a live source are read from its filesystem itself.
#[derive(Debug)]
pub(super) struct SourceViews<'a>(HashMap<Place<'a>, Box<dyn Fs + 'a>>);

impl<'a> SourceViews<'a> {
    /// Opens the views that these files need.
    ///
    /// # Errors
    ///
    /// The errors of [`Fs::beneath`].
    pub(super) fn open(trees: &'a [Vec<SourceFile>]) -> Result<Self> {
        let mut views: HashMap<_, Box<dyn Fs>> = HashMap::new();
        for file in trees.iter().flatten() {
            let (Some(fs), Some(root)) = (fs_of(file), &file.root) else { continue };
            if let Entry::Vacant(new) = views.entry(Place::of(fs, file)) {
                let _ = new.insert(fs.beneath(root)?);
            }
        }
        Ok(Self(views))
    }

    /// The filesystem to read a file through, which is on `fs`.
    pub(super) fn of(&'a self, fs: &'a Arc<dyn Fs>, file: &'a SourceFile) -> &'a dyn Fs {
        if file.root.is_none() {
            return &**fs;
        }
        self.0.get(&Place::of(fs, file)).map_or(&**fs, |view| &**view)
    }
}

fn fs_of(file: &SourceFile) -> Option<&Arc<dyn Fs>> {
    match &file.content {
        Content::Immutable { fs, .. } | Content::Prefix { fs, .. } => Some(fs),
        Content::Bytes(_) => None,
    }
}
