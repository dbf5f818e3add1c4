//! Peculiarities of Windows: names that mean something else, paths beyond 260 characters, the read-only attribute.

use std::{fs, io::ErrorKind, path::Path};

use super::{name, remove_dir, remove_file, rename};
use crate::{Fs, FsExt, FsOpenOptions, StdFs, SyncMode};

#[test]
fn names_that_windows_changes_or_refuses_are_refused() {
    for refused in [
        "a.",
        "a ",
        "file:stream",
        "NUL",
        "nul.txt",
        "Com1",
        "lpt\u{b2}.log",
        "con .x",
        "a*",
        "a?",
        "a<b",
        "a|b",
        "\u{1}",
    ] {
        let path = Path::new("dir").join(refused);
        assert_eq!(name::check(&path).map_err(|e| e.kind()), Err(ErrorKind::InvalidFilename), "{refused:?}");
    }
    for taken in
        ["a.b", ".a", "a b", "com", "com10", "console", "nul-", "\u{1f512}", r"C:\a", r"\\?\C:\a", "..", "."]
    {
        assert!(name::check(Path::new(taken)).is_ok(), "{taken:?}");
    }
}

#[test]
fn a_refused_name_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for refused in ["file:stream", "f.", "NUL"] {
        let made = StdFs.write_new(&dir.path().join(refused), b"x", SyncMode::Normal);
        assert_eq!(made.unwrap_err().kind(), ErrorKind::InvalidFilename, "{refused}");
    }
    assert_eq!(StdFs.read_dir(dir.path()).unwrap(), []);
}

#[test]
fn a_long_path_is_as_good_as_a_short_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut deep = dir.path().to_path_buf();
    for _ in 0..4 {
        deep.push("d".repeat(100));
        StdFs.create_dir(&deep).unwrap();
    }
    assert!(deep.as_os_str().len() > 400);
    let (file, moved, linked) = (deep.join("f"), deep.join("moved"), deep.join("linked"));
    StdFs.write_new(&file, b"bytes", SyncMode::Normal).unwrap();
    StdFs.rename(&file, &moved).unwrap();
    StdFs.hard_link(&moved, &linked).unwrap();
    assert_eq!(StdFs.metadata(&linked).unwrap().link_count, Some(2));
    assert!(StdFs.try_lock_directory(&deep).unwrap().unwrap().is_at(&deep).unwrap());
    assert_eq!(StdFs.read_dir(&deep).unwrap().len(), 2);
    StdFs.remove_dir_all(&dir.path().join("d".repeat(100))).unwrap();
}

#[test]
fn the_read_only_attribute_hinders_no_removal_and_no_rename() {
    let dir = tempfile::tempdir().unwrap();
    let (file, new) = (dir.path().join("f"), dir.path().join("new"));
    let read_only = |path: &Path| {
        let mut permissions = fs::metadata(path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(path, permissions).unwrap();
    };
    fs::write(&file, "old").unwrap();
    fs::write(&new, "new").unwrap();
    read_only(&file);
    rename(&new, &file).unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"new");
    read_only(&file);
    remove_file(&file).unwrap();
    let empty = dir.path().join("d");
    fs::create_dir(&empty).unwrap();
    read_only(&empty);
    remove_dir(&empty).unwrap();
    assert_eq!(StdFs.read_dir(dir.path()).unwrap(), []);
}

#[test]
fn a_handle_that_only_reads_syncs_its_own_file_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    fs::write(&file, "bytes").unwrap();
    let reader = StdFs.open(&file, &FsOpenOptions::new().read(true)).unwrap();
    reader.sync_all(SyncMode::Normal).unwrap();
    fs::rename(&file, dir.path().join("moved")).unwrap();
    fs::write(&file, "another").unwrap();
    assert_eq!(reader.sync_all(SyncMode::Normal).unwrap_err().kind(), ErrorKind::Unsupported);
}
