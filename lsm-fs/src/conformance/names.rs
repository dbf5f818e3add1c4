//! The names of files and directories: creating, finding, listing and removing them.

use std::{
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
    sync::Barrier,
    thread,
};

use super::{
    CheckResult, Failure, Subject, ensure, list, same,
    subject::{attributes, read, read_write, refused, write},
};
use crate::{DirectorySync, Error, FsExt, FsFileType, FsOpenOptions, Op, SyncMode};

list! { "names":
    a_missing_file_is_not_found
    create_makes_an_empty_file_and_keeps_an_existing_one
    create_new_refuses_an_existing_name
    truncate_empties_a_file
    invalid_options_create_nothing
    a_directory_does_not_open_as_a_file
    a_path_through_a_file_is_refused
    an_empty_path_is_not_found
    a_nul_in_a_path_is_invalid
    dots_and_double_separators_change_nothing
    create_dir_claims_a_name_once
    create_dir_has_one_winner_among_threads
    read_dir_is_sorted_and_complete
    metadata_describes_files_and_directories
    remove_file_removes_a_name_and_refuses_a_directory
    an_unlinked_file_lives_while_it_is_open
    remove_dir_requires_an_empty_directory
    remove_dir_all_removes_the_tree_and_nothing_else
    names_are_bytes
    create_dir_all_creates_missing_directories
    write_new_does_not_replace_an_existing_file
    rewrite_atomic_replaces_whole_files
    rewrite_atomic_steps_over_leftovers
    rewrite_atomic_cleans_up_after_a_failure
}

fn a_missing_file_is_not_found(t: &Subject) -> CheckResult {
    for (name, options) in [("none", read()), ("none", read_write()), ("no/dir", write().create(true))] {
        let path = t.at(name);
        refused(t.fs.open(&path, &options), Op::Open, &path, &[ErrorKind::NotFound])?;
    }
    t.has_names("", &[])
}

fn create_makes_an_empty_file_and_keeps_an_existing_one(t: &Subject) -> CheckResult {
    drop(t.open("f", write().create(true))?);
    t.holds("f", b"")?;
    t.put("f", b"full")?;
    drop(t.open("f", write().create(true))?);
    t.holds("f", b"full")
}

fn create_new_refuses_an_existing_name(t: &Subject) -> CheckResult {
    let options = write().create_new(true).create(true).truncate(true);
    drop(t.open("new", options)?);
    t.put("new", b"old")?;
    t.mkdir("dir")?;
    for name in ["new", "dir"] {
        let path = t.at(name);
        refused(t.fs.open(&path, &options), Op::Open, &path, &[ErrorKind::AlreadyExists])?;
    }
    t.holds("new", b"old")
}

fn truncate_empties_a_file(t: &Subject) -> CheckResult {
    t.put("f", b"full")?;
    drop(t.open("f", write().truncate(true))?);
    t.holds("f", b"")
}

fn invalid_options_create_nothing(t: &Subject) -> CheckResult {
    let new = FsOpenOptions::new;
    for options in [new(), new().create(true), read().create_new(true), new().append(true).truncate(true)] {
        let path = t.at("f");
        refused(t.fs.open(&path, &options), Op::Open, &path, &[ErrorKind::InvalidInput])?;
    }
    t.has_names("", &[])
}

fn a_directory_does_not_open_as_a_file(t: &Subject) -> CheckResult {
    t.mkdir("d")?;
    let path = t.at("d");
    for options in [read(), write(), read_write().create(true), FsOpenOptions::new().append(true)] {
        refused(t.fs.open(&path, &options), Op::Open, &path, &[ErrorKind::IsADirectory])?;
    }
    Ok(())
}

fn a_path_through_a_file_is_refused(t: &Subject) -> CheckResult {
    t.put("f", b"x")?;
    let below = t.at("f/below");
    let kinds = [ErrorKind::NotADirectory];
    refused(t.fs.open(&below, &read()), Op::Open, &below, &kinds)?;
    refused(t.fs.metadata(&below), Op::Metadata, &below, &kinds)?;
    refused(t.fs.create_dir(&below), Op::CreateDir, &below, &kinds)?;
    refused(t.fs.remove_file(&below), Op::RemoveFile, &below, &kinds)?;
    ensure!(!t.fs.exists(&below)?, "f/below exists, although f is a file");
    t.holds("f", b"x")
}

fn an_empty_path_is_not_found(t: &Subject) -> CheckResult {
    each_call_refuses(t, Path::new(""), ErrorKind::NotFound)
}

fn a_nul_in_a_path_is_invalid(t: &Subject) -> CheckResult {
    t.put("f", b"x")?;
    each_call_refuses(t, &t.at("a\0b"), ErrorKind::InvalidInput)?;
    let (from, to) = (&t.at("f"), &t.at("a\0b"));
    let kinds = [ErrorKind::InvalidInput, ErrorKind::Unsupported];
    refused(t.fs.rename(from, to), Op::Rename, from, &kinds)?;
    refused(t.fs.rename_noreplace(from, to), Op::RenameNoreplace, from, &kinds)?;
    refused(t.fs.hard_link(from, to), Op::HardLink, from, &kinds)?;
    refused(t.fs.reflink_file(from, to), Op::ReflinkFile, from, &kinds)?;
    t.has_names("", &["f"])
}

/// Checks that every method that takes a path refuses this one.
fn each_call_refuses(t: &Subject, path: &Path, kind: ErrorKind) -> CheckResult {
    let (fs, to, kinds) = (&t.fs, &t.at("to"), &[kind]);
    refused(fs.open(path, &write().create(true)), Op::Open, path, kinds)?;
    refused(fs.create_dir(path), Op::CreateDir, path, kinds)?;
    refused(fs.read_dir(path), Op::ReadDir, path, kinds)?;
    refused(fs.metadata(path), Op::Metadata, path, kinds)?;
    refused(fs.symlink_metadata(path), Op::SymlinkMetadata, path, kinds)?;
    refused(fs.remove_file(path), Op::RemoveFile, path, kinds)?;
    refused(fs.remove_dir(path), Op::RemoveDir, path, kinds)?;
    refused(fs.remove_dir_all(path), Op::RemoveDirAll, path, kinds)?;
    refused(fs.rename(path, to), Op::Rename, path, kinds)?;
    let or_unsupported = &[kind, ErrorKind::Unsupported];
    refused(fs.rename_noreplace(path, to), Op::RenameNoreplace, path, or_unsupported)?;
    refused(fs.hard_link(path, to), Op::HardLink, path, or_unsupported)?;
    refused(fs.reflink_file(path, to), Op::ReflinkFile, path, or_unsupported)?;
    refused(fs.sync_directory(path, SyncMode::Normal), Op::SyncDirectory, path, kinds)?;
    refused(fs.try_lock_directory(path), Op::TryLockDirectory, path, kinds)?;
    refused(fs.volume_id(path), Op::VolumeId, path, kinds)?;
    refused(fs.capabilities(path), Op::Capabilities, path, kinds)?;
    refused(fs.available_space(path), Op::AvailableSpace, path, kinds)?;
    refused(fs.punch_hole(path, 0, 1), Op::PunchHole, path, kinds)?;
    refused(fs.truncate_file(path, 0), Op::TruncateFile, path, kinds)?;
    if let Some(attributes) = attributes(fs) {
        refused(attributes.try_disable_cow(path), Op::TryDisableCow, path, kinds)?;
    }
    ensure!(!fs.exists(to)?, "a refused call created its target");
    Ok(())
}

fn dots_and_double_separators_change_nothing(t: &Subject) -> CheckResult {
    t.mkdir("d")?;
    t.put("d/./f", b"x")?;
    t.put("d//g", b"y")?;
    t.holds("./d/f", b"x")?;
    t.holds("d/../d/g", b"y")?;
    t.has_names("d/.", &["f", "g"])
}

fn create_dir_claims_a_name_once(t: &Subject) -> CheckResult {
    t.mkdir("d")?;
    t.put("f", b"x")?;
    for name in ["d", "f"] {
        let path = t.at(name);
        refused(t.fs.create_dir(&path), Op::CreateDir, &path, &[ErrorKind::AlreadyExists])?;
    }
    let orphan = t.at("no/d");
    refused(t.fs.create_dir(&orphan), Op::CreateDir, &orphan, &[ErrorKind::NotFound])?;
    t.holds("f", b"x")
}

fn create_dir_has_one_winner_among_threads(t: &Subject) -> CheckResult {
    let together = Barrier::new(4);
    for round in 0..40 {
        let path = t.at(&format!("claim-{round}"));
        let claim = || {
            together.wait();
            t.fs.create_dir(&path).is_ok()
        };
        let won: usize = thread::scope(|scope| {
            let tries: Vec<_> = (0..4).map(|_| scope.spawn(claim)).collect();
            tries.into_iter().filter_map(|t| t.join().ok()).map(usize::from).sum()
        });
        same!(won, 1, "winners of one create_dir");
    }
    Ok(())
}

fn read_dir_is_sorted_and_complete(t: &Subject) -> CheckResult {
    for name in ["b", "a.x", "ab", "Z", "a"] {
        t.put(name, b"")?;
    }
    t.mkdir("c")?;
    t.put("c/inner", b"")?;
    t.has_names("", &["Z", "a", "a.x", "ab", "b", "c"])?;
    let types: Vec<_> = t.fs.read_dir(&t.root)?.into_iter().map(|e| e.file_type).collect();
    same!(types.last(), Some(&FsFileType::Directory), "type of the directory");
    same!(types.first(), Some(&FsFileType::File), "type of a file");
    let (none, file) = (t.at("none"), t.at("a"));
    refused(t.fs.read_dir(&none), Op::ReadDir, &none, &[ErrorKind::NotFound])?;
    refused(t.fs.read_dir(&file), Op::ReadDir, &file, &[ErrorKind::NotADirectory])
}

fn metadata_describes_files_and_directories(t: &Subject) -> CheckResult {
    t.put("f", &[7; 5000])?;
    t.mkdir("d")?;
    let (file, dir) = (t.fs.metadata(&t.at("f"))?, t.fs.metadata(&t.at("d"))?);
    ensure!(file.is_file() && !file.is_dir(), "a file is described as {:?}", file.file_type);
    ensure!(dir.is_dir() && !dir.is_file(), "a directory is described as {:?}", dir.file_type);
    same!(file.len, 5000, "length");
    same!(t.fs.symlink_metadata(&t.at("f"))?.len, 5000, "length by symlink_metadata");
    ensure!(
        matches!(file.link_count, None | Some(1)),
        "a file with one name has link_count {:?}",
        file.link_count
    );
    same!(t.open("f", read())?.metadata()?.file_id, file.file_id, "id by handle and by path");
    let none = t.at("none");
    refused(t.fs.metadata(&none), Op::Metadata, &none, &[ErrorKind::NotFound])?;
    refused(t.fs.symlink_metadata(&none), Op::SymlinkMetadata, &none, &[ErrorKind::NotFound])
}

fn remove_file_removes_a_name_and_refuses_a_directory(t: &Subject) -> CheckResult {
    t.put("f", b"x")?;
    t.mkdir("d")?;
    t.fs.remove_file(&t.at("f"))?;
    t.absent("f")?;
    let (file, dir) = (t.at("f"), t.at("d"));
    refused(t.fs.remove_file(&file), Op::RemoveFile, &file, &[ErrorKind::NotFound])?;
    let kinds = [ErrorKind::IsADirectory, ErrorKind::PermissionDenied];
    refused(t.fs.remove_file(&dir), Op::RemoveFile, &dir, &kinds)?;
    t.has_names("", &["d"])
}

fn an_unlinked_file_lives_while_it_is_open(t: &Subject) -> CheckResult {
    t.put("f", b"before")?;
    let mut file = t.open("f", read_write())?;
    t.fs.remove_file(&t.at("f"))?;
    t.absent("f")?;
    file.write_at(b" and after", 6)?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    same!(text, "before and after", "contents of the unlinked file");
    let links = file.metadata()?.link_count;
    ensure!(matches!(links, None | Some(0)), "an unlinked file has {links:?} names");
    // A new file with the same name is another file.
    t.put("f", b"new")?;
    let mut buf = [0; 6];
    file.read_at(&mut buf, 0)?;
    same!(&buf, b"before", "the old file's bytes");
    file.sync_all(SyncMode::Normal)?;
    t.holds("f", b"new")
}

fn remove_dir_requires_an_empty_directory(t: &Subject) -> CheckResult {
    t.mkdir("d")?;
    t.put("d/f", b"x")?;
    let (dir, file, none) = (t.at("d"), t.at("d/f"), t.at("none"));
    refused(t.fs.remove_dir(&dir), Op::RemoveDir, &dir, &[ErrorKind::DirectoryNotEmpty])?;
    refused(t.fs.remove_dir(&file), Op::RemoveDir, &file, &[ErrorKind::NotADirectory])?;
    refused(t.fs.remove_dir(&none), Op::RemoveDir, &none, &[ErrorKind::NotFound])?;
    t.holds("d/f", b"x")?;
    t.fs.remove_file(&file)?;
    t.fs.remove_dir(&dir)?;
    t.has_names("", &[])
}

fn remove_dir_all_removes_the_tree_and_nothing_else(t: &Subject) -> CheckResult {
    t.mkdir("d")?;
    t.mkdir("d/e")?;
    t.put("d/e/f", b"x")?;
    t.put("d/g", b"x")?;
    t.put("kept", b"x")?;
    t.fs.remove_dir_all(&t.at("d"))?;
    t.has_names("", &["kept"])?;
    let (none, file) = (t.at("d"), t.at("kept"));
    refused(t.fs.remove_dir_all(&none), Op::RemoveDirAll, &none, &[ErrorKind::NotFound])?;
    refused(t.fs.remove_dir_all(&file), Op::RemoveDirAll, &file, &[ErrorKind::NotADirectory])?;
    t.holds("kept", b"x")
}

const WILDCARDS: &str = "\"*?";

/// Returns `true` if a filesystem may refuse the name in this way. Some accept only text, and no wildcards in it.
fn may_be_refused(name: &Path, error: &Error) -> bool {
    let is_wild = name == Path::new(WILDCARDS) && error.kind() == ErrorKind::InvalidFilename;
    is_wild || name.to_str().is_none()
}

fn names_are_bytes(t: &Subject) -> CheckResult {
    #[cfg(unix)]
    let not_text =
        Some(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff\xfe not UTF-8").into());
    #[cfg(not(unix))]
    let not_text: Option<PathBuf> = None;
    let text = ["\u{1f512} \u{4e2d}", " a b", "-'", WILDCARDS].map(PathBuf::from);
    for name in text.iter().chain(&not_text) {
        let path = t.root.join(name);
        match t.fs.open(&path, &write().create_new(true)) {
            Ok(file) => file.write_at(b"x", 0)?,
            Err(e) if may_be_refused(name, &e) => {
                t.has_names("", &[])?;
                continue;
            }
            Err(e) => return Err(e.into()),
        }
        let listed = t.fs.read_dir(&t.root)?.into_iter().any(|e| e.name == *name.as_os_str());
        ensure!(listed, "{} is not listed with the name that was created", name.display());
        t.fs.rename(&path, &t.at("plain"))?;
        t.fs.rename(&t.at("plain"), &path)?;
        t.fs.remove_file(&path)?;
    }
    t.has_names("", &[])
}

fn create_dir_all_creates_missing_directories(t: &Subject) -> CheckResult {
    t.mkdir("a")?;
    t.fs.create_dir_all(&t.at("a/b/c"))?;
    t.fs.create_dir_all(&t.at("a/b/c"))?;
    let synced = t.fs.create_dir_all_durable(&t.at("a"), Path::new("d/e"), SyncMode::Normal)?;
    if t.fs.capabilities(&t.root)?.directory_sync {
        same!(synced, DirectorySync::Durable, "create_dir_all_durable");
    }
    t.has_names("a", &["b", "d"])?;
    t.has_names("a/d", &["e"])?;
    for elsewhere in ["../x", "/x"] {
        let made = t.fs.create_dir_all_durable(&t.root, Path::new(elsewhere), SyncMode::Normal);
        refused(made, Op::CreateDir, Path::new(elsewhere), &[ErrorKind::InvalidInput])?;
    }
    t.put("f", b"x")?;
    let (file, below) = (t.at("f"), t.at("f/g"));
    refused(t.fs.create_dir_all(&file), Op::CreateDir, &file, &[ErrorKind::AlreadyExists])?;
    refused(t.fs.create_dir_all(&below), Op::CreateDir, &below, &[ErrorKind::NotADirectory])
}

fn write_new_does_not_replace_an_existing_file(t: &Subject) -> CheckResult {
    t.fs.write_new(&t.at("f"), b"first", SyncMode::Normal)?;
    let path = t.at("f");
    let again = t.fs.write_new(&path, b"second", SyncMode::Normal);
    refused(again, Op::Open, &path, &[ErrorKind::AlreadyExists])?;
    t.holds("f", b"first")
}

fn rewrite_atomic_replaces_whole_files(t: &Subject) -> CheckResult {
    let path = t.at("current");
    for bytes in [&b"a longer first"[..], b"short", b""] {
        let _ = t.fs.rewrite_atomic(&path, bytes, SyncMode::Normal)?;
        t.holds("current", bytes)?;
    }
    let old = t.open("current", read())?;
    let _ = t.fs.rewrite_atomic(&path, b"new", SyncMode::Full)?;
    same!(old.metadata()?.len, 0, "length of the replaced file behind an open handle");
    t.has_names("", &["current"])
}

fn rewrite_atomic_steps_over_leftovers(t: &Subject) -> CheckResult {
    t.put(".current.tmp-0", b"of a dead process")?;
    t.mkdir(".current.tmp-1")?;
    let _ = t.fs.rewrite_atomic(&t.at("current"), b"new", SyncMode::Normal)?;
    t.holds("current", b"new")?;
    t.holds(".current.tmp-0", b"of a dead process")
}

fn rewrite_atomic_cleans_up_after_a_failure(t: &Subject) -> CheckResult {
    t.mkdir("current")?;
    t.put("current/f", b"x")?;
    let failed = t.fs.rewrite_atomic(&t.at("current"), b"new", SyncMode::Normal);
    let Err(error) = failed else {
        return Err(Failure::Violated("a directory was replaced by a file".into()));
    };
    same!(error.op(), Op::Rename, "operation that failed ({error})");
    t.has_names("", &["current"])
}
