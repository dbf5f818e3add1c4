//! Entries on the host that no engine creates: symbolic links, long names, and locks by name.
#![cfg(unix)]

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::ErrorKind,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use lsm_fs::{
    Error, Fs, FsExt, FsFileType, FsOpenOptions, Op, StdFs, SyncMode, batch::metadata_batch, errno,
};

/// Returns every path below a directory with its type and contents. Symbolic links are not followed.
fn snapshot(dir: &Path) -> BTreeMap<PathBuf, OsString> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            found.extend(snapshot(&path));
            found.insert(path, "dir".into());
        } else if metadata.is_symlink() {
            found.insert(path.clone(), std::fs::read_link(&path).unwrap().into());
        } else {
            found.insert(
                path.clone(),
                String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned().into(),
            );
        }
    }
    found
}

/// Creates a directory with a file, a directory that is not empty, and symbolic links that dangle, loop, and lead to
/// both.
fn odd_directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("file"), "content").unwrap();
    std::fs::create_dir(at("dir")).unwrap();
    std::fs::write(at("dir/inner"), "kept").unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    symlink("loop-b", at("loop-a")).unwrap();
    symlink("loop-a", at("loop-b")).unwrap();
    symlink("file", at("to-file")).unwrap();
    symlink("dir", at("to-dir")).unwrap();
    dir
}

const READ: FsOpenOptions = FsOpenOptions::new().read(true);
const WRITE_NEW: FsOpenOptions = FsOpenOptions::new().write(true).create_new(true);

#[test]
fn bad_input_changes_nothing_and_errors_name_operation_and_path() {
    let dir = odd_directory();
    let before = snapshot(dir.path());
    let at = |name: &str| dir.path().join(name);
    let long = "n".repeat(256);
    type Call<'a> = Box<dyn Fn(&Path) -> Result<(), Error> + 'a>;
    let open = |options: FsOpenOptions| -> Call<'_> { Box::new(move |p| StdFs.open(p, &options).map(drop)) };
    let cases: Vec<(&str, Op, Call<'_>, &[i32])> = vec![
        ("dangling", Op::Open, open(READ), &[errno::ENOENT]),
        ("dangling", Op::Open, open(WRITE_NEW), &[errno::EEXIST]),
        ("dangling", Op::Metadata, Box::new(|p| StdFs.metadata(p).map(drop)), &[errno::ENOENT]),
        ("dangling", Op::CreateDir, Box::new(|p| StdFs.create_dir(p)), &[errno::EEXIST]),
        ("loop-a", Op::Open, open(READ), &[errno::ELOOP]),
        ("loop-a/x", Op::Open, open(WRITE_NEW), &[errno::ELOOP]),
        ("loop-a", Op::Metadata, Box::new(|p| StdFs.metadata(p).map(drop)), &[errno::ELOOP]),
        ("loop-a", Op::ReadDir, Box::new(|p| StdFs.read_dir(p).map(drop)), &[errno::ELOOP]),
        ("file/below", Op::Open, open(WRITE_NEW), &[errno::ENOTDIR]),
        ("file/below", Op::CreateDir, Box::new(|p| StdFs.create_dir(p)), &[errno::ENOTDIR]),
        ("file", Op::ReadDir, Box::new(|p| StdFs.read_dir(p).map(drop)), &[errno::ENOTDIR]),
        ("dir", Op::Open, open(READ), &[errno::EISDIR]),
        ("to-dir", Op::Open, open(READ), &[errno::EISDIR]),
        ("dir", Op::RemoveFile, Box::new(|p| StdFs.remove_file(p)), &[errno::EISDIR, errno::EPERM]),
        ("to-dir", Op::RemoveDir, Box::new(|p| StdFs.remove_dir(p)), &[errno::ENOTDIR]),
        ("to-dir", Op::RemoveDirAll, Box::new(|p| StdFs.remove_dir_all(p)), &[errno::ENOTDIR]),
        ("dangling", Op::RemoveDirAll, Box::new(|p| StdFs.remove_dir_all(p)), &[errno::ENOTDIR]),
        ("dangling", Op::ReflinkFile, Box::new(|p| StdFs.reflink_file(p, &at("clone"))), &[errno::ENOENT]),
        (&long, Op::Open, open(WRITE_NEW), &[errno::ENAMETOOLONG]),
        (&long, Op::CreateDir, Box::new(|p| StdFs.create_dir(p)), &[errno::ENAMETOOLONG]),
    ];
    for (name, op, call, errnos) in cases {
        let path = at(name);
        let error = call(&path).expect_err(name);
        assert!(errnos.contains(&error.raw_os_error().unwrap_or(0)), "{error}");
        assert_eq!((error.op(), error.path()), (op, path.as_path()), "{error}");
        assert_eq!(snapshot(dir.path()), before, "after {error}");
    }
}

#[test]
fn a_hard_link_never_follows_a_symlink() {
    let dir = odd_directory();
    let linked = dir.path().join("linked");
    StdFs.hard_link(&dir.path().join("to-file"), &linked).unwrap();
    assert_eq!(StdFs.symlink_metadata(&linked).unwrap().file_type, FsFileType::Symlink);
    assert_eq!(std::fs::read_link(&linked).unwrap(), Path::new("file"));
}

#[test]
fn removing_a_tree_removes_symlinks_and_keeps_their_targets() {
    let dir = odd_directory();
    let tree = dir.path().join("tree");
    StdFs.create_dir(&tree).unwrap();
    symlink("../dir", tree.join("out")).unwrap();
    symlink("../nowhere", tree.join("dangling")).unwrap();
    StdFs.remove_dir_all(&tree).unwrap();
    assert_eq!(std::fs::read(dir.path().join("dir/inner")).unwrap(), b"kept");
    assert!(!StdFs.exists(&tree).unwrap());
}

#[test]
fn an_atomic_rewrite_replaces_a_symlink_itself() {
    let dir = odd_directory();
    let link = dir.path().join("to-file");
    let _ = StdFs.rewrite_atomic(&link, b"new", SyncMode::Normal).unwrap();
    assert_eq!(StdFs.symlink_metadata(&link).unwrap().file_type, FsFileType::File);
    assert_eq!(std::fs::read(dir.path().join("file")).unwrap(), b"content");
}

#[test]
fn a_failed_rewrite_leaves_the_file_unchanged() {
    let dir = odd_directory();
    let before = snapshot(dir.path());
    let file = dir.path().join("file");
    let error = StdFs.rewrite_atomic_with(&file, SyncMode::Normal, &mut |file| {
        file.write_at(b"half", 0)?;
        StdFs.remove_file(&dir.path().join("nothing"))
    });
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(snapshot(dir.path()), before);
    let written = StdFs.rewrite_atomic_with(&file, SyncMode::Normal, &mut |file| {
        file.write_at(b"pieces", 3)?;
        file.write_at(b"in ", 0)
    });
    // Not every platform can sync the directory.
    let _ = written.unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), b"in pieces");
}

#[test]
fn a_bare_name_is_synced_in_the_working_directory() {
    assert_eq!(lsm_fs::parent_of(Path::new("current")), Path::new("."));
    assert_eq!(lsm_fs::parent_of(Path::new("/current")), Path::new("/"));
    assert_eq!(lsm_fs::parent_of(Path::new("/")), Path::new("/"));
    let error = StdFs.rewrite_atomic(Path::new("/"), b"", SyncMode::Normal).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_file_over_the_limit_is_refused_before_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("big");
    StdFs.open(&path, &WRITE_NEW).unwrap().set_len(1 << 40).unwrap();
    let error = StdFs.read_to_vec(&path, 1 << 20).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileTooLarge, "{error}");
}

#[test]
fn a_metadata_batch_follows_symlinks_like_single_calls() {
    let dir = odd_directory();
    let names = ["file", "to-file", "dir", "to-dir", "dangling", "loop-a", "missing"];
    let names: Vec<_> = names.iter().map(std::ffi::OsStr::new).collect();
    let mut found = Vec::new();
    metadata_batch(&StdFs, dir.path(), &names, &mut |_, metadata| {
        found.push(metadata.map_err(|e| (e.raw_os_error(), e.to_string())));
        std::ops::ControlFlow::Continue(())
    });
    let alone = |name: &&std::ffi::OsStr| {
        StdFs.metadata(&dir.path().join(name)).map_err(|e| (e.raw_os_error(), e.to_string()))
    };
    assert_eq!(found, names.iter().map(alone).collect::<Vec<_>>());
    assert!(found[1].as_ref().unwrap().is_file() && found[3].as_ref().unwrap().is_dir());
}
