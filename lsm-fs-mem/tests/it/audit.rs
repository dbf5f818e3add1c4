//! `DurabilityAudit`: its account of files, names, and pointers.

mod account;
mod failures;
mod pointers;
mod removals;
mod without_ids;

use std::path::Path;

use lsm_fs::{Fs, FsExt, FsFile, FsOpenOptions, SyncMode};
use lsm_fs_mem::DurabilityAudit;

use crate::backends::{Backend, each};

/// Runs a test on an audit of every backend.
fn each_audited(test: impl Fn(&DurabilityAudit<Backend>, &Path)) {
    each(|fresh, root| test(&DurabilityAudit::new(fresh(), root), root));
}

/// Returns everything below a path that is not durable, each as `relative path: part`.
fn undurable<F: Fs>(fs: &DurabilityAudit<F>, root: &Path, path: &Path) -> Vec<String> {
    let found = fs.undurable(path).unwrap();
    let shown = |path: &Path| path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    found.iter().map(|u| format!("{}: {:?}", shown(&u.path), u.part)).collect()
}

fn create(fs: &dyn Fs, path: &Path) -> Box<dyn FsFile> {
    fs.open(path, &FsOpenOptions::new().write(true).create_new(true)).unwrap()
}

/// Creates a file whose bytes are synced and whose name is not.
fn put(fs: &dyn Fs, path: &Path) {
    fs.write_new(path, b"bytes", SyncMode::Normal).unwrap();
}

fn sync_dir(fs: &dyn Fs, path: &Path) {
    let _ = fs.sync_directory(path, SyncMode::Normal).unwrap();
}
