//! The filesystems that source files are read from.

use std::{path::Path, sync::Arc};

use lsm_fs::Fs;

use crate::{Result, SourceFile, source::Content};

/// One view for each checkpoint that files come from. Files of a live source are read from its filesystem itself.
#[derive(Debug)]
pub(super) struct SourceViews<'a>(Vec<(&'a SourceFile, Box<dyn Fs + 'a>)>);

impl<'a> SourceViews<'a> {
    /// Opens the views that these files need.
    ///
    /// # Errors
    ///
    /// The errors of [`Fs::beneath`].
    pub(super) fn open(trees: &'a [Vec<SourceFile>]) -> Result<Self> {
        let mut views: Vec<(&SourceFile, Box<dyn Fs>)> = Vec::new();
        for file in trees.iter().flatten() {
            let (Some(fs), Some(root)) = (fs_of(file), &file.root) else { continue };
            if !views.iter().any(|(known, _)| is_same(known, file)) {
                views.push((file, fs.beneath(root)?));
            }
        }
        Ok(Self(views))
    }

    /// The filesystem to read a file through, which is on `fs`.
    pub(super) fn of(&'a self, fs: &'a Arc<dyn Fs>, file: &SourceFile) -> &'a dyn Fs {
        let view = self.0.iter().find(|(known, _)| file.root.is_some() && is_same(known, file));
        view.map_or(&**fs, |(_, view)| &**view)
    }
}

fn fs_of(file: &SourceFile) -> Option<&Arc<dyn Fs>> {
    match &file.content {
        Content::Immutable { fs, .. } | Content::Prefix { fs, .. } => Some(fs),
        Content::Bytes(_) => None,
    }
}

/// Tells if two files are on one backend and beneath one root. An engine may make a handle of its filesystem for each
/// file, and these must not become a group each.
pub(super) fn is_same(one: &SourceFile, other: &SourceFile) -> bool {
    let is_one_fs = match (fs_of(one), fs_of(other)) {
        (Some(one), Some(other)) => {
            Arc::ptr_eq(one, other) || one.backend_id().is_some_and(|id| other.backend_id() == Some(id))
        }
        _ => false,
    };
    is_one_fs && one.root.as_deref().map(Path::as_os_str) == other.root.as_deref().map(Path::as_os_str)
}
