//! The backends on which the wrappers are tested.

use std::{path::Path, sync::Arc};

use lsm_fs::{Fs, StdFs};
use lsm_fs_mem::MemFs;

/// A backend, together with everything that it needs to stay alive.
pub(crate) type Backend = Arc<dyn Fs>;

/// Runs a test on every backend. Each call of `fresh` returns a backend whose root is an empty directory.
pub(crate) fn each(test: impl Fn(&dyn Fn() -> Backend, &Path)) {
    on_host(&test);
    in_memory(&test);
}

fn on_host(test: &impl Fn(&dyn Fn() -> Backend, &Path)) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    let fresh = || {
        if StdFs.metadata(&root).is_ok() {
            StdFs.remove_dir_all(&root).unwrap();
        }
        StdFs.create_dir(&root).unwrap();
        Arc::new(StdFs) as Backend
    };
    test(&fresh, &root);
}

fn in_memory(test: &impl Fn(&dyn Fn() -> Backend, &Path)) {
    let root = Path::new("/root");
    let fresh = || {
        let fs = MemFs::new();
        fs.create_dir(root).unwrap();
        Arc::new(fs) as Backend
    };
    test(&fresh, root);
}
