//! The filesystems that source files are read from.

use std::{
    collections::{HashMap, hash_map::Entry},
    ffi::OsStr,
    path::Path,
    sync::Arc,
};

use lsm_fs::Fs;

use crate::{
    Result,
    plan::{Plan, PlannedFile},
    source::Content,
    view::beneath_source,
};

/// The backend that files come from, and the checkpoint that holds them, if the source is one. An engine may create a
/// new handle of its filesystem for each file. All these handles have one origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin<'a> {
    backend: Backend,
    root: Option<&'a OsStr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Backend {
    Known(u64),
    /// A backend without an id, identified by the address of its handle.
    Handle(usize),
}

/// The handle through which a file is read, and the root of its checkpoint. Two files with the same two pointers have
/// the same origin.
type Handles<'a> = (&'a Arc<dyn Fs>, Option<&'a Arc<Path>>);

/// Finds the origins of files one after the other. It remembers the last origin, because consecutive files mostly share
/// their handle.
#[derive(Debug, Default)]
pub(super) struct Origins<'a> {
    last: Option<(Handles<'a>, Origin<'a>)>,
}

impl<'a> Origins<'a> {
    /// Returns the origin of a file on `fs`.
    pub(super) fn of(&mut self, fs: &'a Arc<dyn Fs>, file: &'a PlannedFile) -> Origin<'a> {
        let handles = (fs, file.root.as_ref());
        match self.last {
            Some((last, origin)) if is_same(last, handles) => origin,
            _ => {
                let by_handle = || Backend::Handle(Arc::as_ptr(fs).cast::<()>().addr());
                let backend = fs.backend_id().map_or_else(by_handle, Backend::Known);
                let origin = Origin { backend, root: file.root.as_deref().map(Path::as_os_str) };
                self.last = Some((handles, origin));
                origin
            }
        }
    }
}

fn is_same((fs, root): Handles<'_>, (other_fs, other_root): Handles<'_>) -> bool {
    let is_same_root = match (root, other_root) {
        (Some(root), Some(other)) => Arc::ptr_eq(root, other),
        (None, None) => true,
        _ => false,
    };
    is_same_root && Arc::ptr_eq(fs, other_fs)
}

/// The views of the checkpoints that files come from. Files of a live source need no view.
#[derive(Debug)]
pub(crate) struct SourceViews<'a>(HashMap<Origin<'a>, Box<dyn Fs + 'a>>);

impl<'a> SourceViews<'a> {
    /// Opens the views that the files of a plan need.
    ///
    /// # Errors
    ///
    /// The errors of [`beneath_source`].
    pub(crate) fn open(plan: &'a Plan) -> Result<Self> {
        let mut views: HashMap<_, Box<dyn Fs>> = HashMap::new();
        let mut origins = Origins::default();
        for file in plan.files() {
            if let Some(root) = &file.root
                && let Content::Immutable { fs, .. } | Content::Prefix { fs, .. } = &file.content
                && let Entry::Vacant(new) = views.entry(origins.of(fs, file))
            {
                let _ = new.insert(beneath_source(&**fs, root)?);
            }
        }
        Ok(Self(views))
    }

    /// Returns the filesystem through which the files of an origin are read. `fs` is the handle of one of them.
    pub(super) fn of(&'a self, fs: &'a Arc<dyn Fs>, origin: Origin<'a>) -> &'a dyn Fs {
        match origin.root {
            None => &**fs,
            Some(_) => {
                let view = self.0.get(&origin);
                debug_assert!(view.is_some(), "a view was opened for every file of the plan");
                view.map_or(&**fs, |view| &**view)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use lsm_fs_mem::MemFs;

    use super::*;
    use crate::{FileKind, SourceFile, plan::CapturedVersion};

    #[test]
    fn handles_of_one_backend_share_an_origin_but_two_roots_do_not() {
        let (fs, other) = (MemFs::new(), MemFs::new());
        let handle = |fs: &MemFs| -> Arc<dyn Fs> { Arc::new(fs.clone()) };
        let roots = ["/a", "/b"].map(|root| Arc::from(Path::new(root)));
        let file = |name: &str, fs: &MemFs| SourceFile::immutable(FileKind::Table, handle(fs), name, 4);
        let files = vec![
            file("1", &fs),
            file("2", &fs),
            file("3", &other),
            file("4", &fs).beneath(&roots[0]),
            file("5", &fs).beneath(&roots[0]),
            file("6", &fs).beneath(&roots[1]),
        ];
        let version = CapturedVersion { folder: "", version_id: 1, kinds: Vec::new(), files };
        let plan = Plan::new(vec![version]).unwrap();
        let mut origins = Origins::default();
        let mut found = Vec::new();
        for file in plan.files() {
            let Content::Immutable { fs, .. } = &file.content else { panic!("{file:?} is a table") };
            // The second call returns the remembered origin.
            let _ = origins.of(fs, file);
            found.push(origins.of(fs, file));
        }
        assert!(found[0] == found[1] && found[3] == found[4]);
        for (one, another) in [(0, 2), (0, 3), (3, 5)] {
            assert_ne!(found[one], found[another]);
        }
    }
}
