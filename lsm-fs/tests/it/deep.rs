//! Trees that are deeper than the limits for open files and for the length of a path.
#![cfg(not(lsm_fs_portable))]

use std::{os::fd::OwnedFd, path::Path, process::Command};

use lsm_fs::{Fs, FsExt, StdFs, SyncMode};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat, symlinkat};

const ORDER: &str = "LSM_FS_DEEP_TREE";
const DEPTH: usize = 1_500;

/// Nests folders. Each holds a file and a link out of the tree. Their names together are longer than any path may be.
fn nest(top: &Path, depth: usize) {
    StdFs.create_dir(top).unwrap();
    let open = |dir: &OwnedFd, name: &str| openat(dir, name, OFlags::DIRECTORY, Mode::empty()).unwrap();
    let mut dir: OwnedFd = openat(CWD, top, OFlags::DIRECTORY, Mode::empty()).unwrap();
    for level in 0..depth {
        let name = format!("{level:05}");
        mkdirat(&dir, &name, Mode::RWXU).unwrap();
        symlinkat("/", &dir, "link").unwrap();
        openat(&dir, "file", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
        // A second folder, so that the walk continues after it has returned.
        mkdirat(&dir, "second", Mode::RWXU).unwrap();
        dir = open(&dir, &name);
    }
}

/// Runs in the child process. Without the environment variable there is nothing to do.
#[test]
fn remove_if_asked() {
    if let Some(top) = std::env::var_os(ORDER) {
        StdFs.remove_dir_all(Path::new(&top)).unwrap();
    }
}

#[test]
fn a_deep_tree_is_removed_with_few_descriptors() {
    let home = tempfile::tempdir().unwrap();
    let (top, kept) = (home.path().join("top"), home.path().join("kept"));
    StdFs.write_new(&kept, b"kept", SyncMode::Normal).unwrap();
    nest(&top, DEPTH);
    let status = Command::new("sh")
        .args(["-c", "ulimit -n 24 && exec \"$0\" --exact deep::remove_if_asked"])
        .arg(std::env::current_exe().unwrap())
        .env(ORDER, &top)
        .status()
        .unwrap();
    let left = !StdFs.exists(&top).is_ok_and(|there| !there);
    if left {
        // The temporary directory could not remove the tree either.
        let _ = Command::new("rm").arg("-rf").arg(&top).status();
    }
    assert!(status.success() && !left, "a tree of {DEPTH} levels was not removed");
    assert_eq!(StdFs.read_to_vec(&kept, 9).unwrap(), b"kept");
}
