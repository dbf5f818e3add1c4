//! Conveniences for whole files: no more is read than allowed, and nothing stays of a file that could not be synced.

use std::{io::ErrorKind, path::Path};

use lsm_fs::{Fs, FsExt, FsFileExt, FsOpenOptions, Op, StdFs, SyncMode};

use crate::broken::{Broken, Defect};

/// Returns a backend on which every sync of this file fails.
fn unsyncable(path: &Path) -> Broken {
    let fs = Broken::new(Defect::None);
    fs.faults().lock().unwrap().insert(path.to_path_buf());
    fs
}

#[test]
fn a_file_of_the_longest_length_is_read_and_a_longer_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    StdFs.write_new(&path, b"four", SyncMode::Normal).unwrap();
    assert_eq!(StdFs.read_to_vec(&path, 4).unwrap(), b"four");
    assert_eq!(StdFs.read_to_vec(&path, 3).unwrap_err().kind(), ErrorKind::FileTooLarge);
}

#[test]
fn an_exact_read_of_a_file_that_ends_early_fails() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    StdFs.write_new(&path, b"four", SyncMode::Normal).unwrap();
    let file = StdFs.open(&path, &FsOpenOptions::new().read(true)).unwrap();
    file.read_exact_at(&mut [0; 3], 1, &path).unwrap();
    let error = file.read_exact_at(&mut [0; 4], 1, &path).unwrap_err();
    assert_eq!((error.op(), error.kind()), (Op::ReadAt, ErrorKind::UnexpectedEof), "{error}");
}

#[test]
fn a_new_file_whose_sync_fails_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new");
    let error = unsyncable(&path).write_new(&path, b"lost", SyncMode::Normal).unwrap_err();
    assert_eq!((error.op(), error.path()), (Op::SyncAll, path.as_path()), "{error}");
    assert!(!StdFs.exists(&path).unwrap());
}

#[test]
fn a_file_whose_sync_fails_replaces_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (path, draft) = (dir.path().join("current"), dir.path().join(".current.tmp-0"));
    StdFs.write_new(&path, b"old", SyncMode::Normal).unwrap();
    let error = unsyncable(&draft).rewrite_atomic(&path, b"new", SyncMode::Normal).unwrap_err();
    assert_eq!((error.op(), error.path()), (Op::SyncAll, draft.as_path()), "{error}");
    assert_eq!(StdFs.read_to_vec(&path, 9).unwrap(), b"old");
    assert!(!StdFs.exists(&draft).unwrap());
}

#[cfg(unix)]
#[test]
fn a_name_that_leads_in_a_circle_is_an_error_and_not_missing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("loop");
    std::os::unix::fs::symlink("loop", &path).unwrap();
    assert_eq!(StdFs.exists(&path).unwrap_err().raw_os_error(), Some(lsm_fs::errno::ELOOP));
}
