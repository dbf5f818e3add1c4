//! Entries that are neither files nor directories: no call opens them, and no call waits for them.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use super::{
    CheckResult, Failure, Subject, ensure, list, same,
    subject::{read, read_write, refused, write},
};
use crate::{Error, FsFileType, FsOpenOptions, Op};

list! { "odd":
    a_special_file_has_its_own_type
    a_special_file_does_not_open
    a_special_file_is_not_changed_in_place
    a_special_file_is_not_cloned
    a_link_to_a_special_file_does_not_open
    a_special_file_is_renamed_and_removed
}

fn special(t: &Subject) -> Result<Vec<PathBuf>, Failure> {
    let made = t.odd()?.special(&t.root);
    ensure!(!made.is_empty(), "the subject created no special file");
    Ok(made)
}

/// Runs the call with a timeout, because a wrong backend may wait forever for the other end of a pipe.
fn in_time<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<Result<T, Error>, Failure> {
    let (done, result) = mpsc::channel();
    thread::spawn(move || drop(done.send(run())));
    let waits = |_| Failure::Violated("the call waits for another process".into());
    result.recv_timeout(Duration::from_secs(20)).map_err(waits)
}

fn does_not_open(t: &Subject, path: &Path, options: FsOpenOptions, kind: ErrorKind) -> CheckResult {
    let (fs, at) = (Arc::clone(&t.fs), path.to_path_buf());
    let opened = in_time(move || fs.open(&at, &options).map(drop))?;
    refused(opened, Op::Open, path, &[kind])
}

const WAYS: [FsOpenOptions; 6] = [
    read(),
    write(),
    read_write(),
    write().create(true),
    write().truncate(true),
    FsOpenOptions::new().append(true),
];

fn a_special_file_has_its_own_type(t: &Subject) -> CheckResult {
    for path in special(t)? {
        same!(t.fs.metadata(&path)?.file_type, FsFileType::Other, "type of {}", path.display());
        same!(t.fs.symlink_metadata(&path)?.file_type, FsFileType::Other, "type of {}", path.display());
    }
    for entry in t.fs.read_dir(&t.root)? {
        same!(entry.file_type, FsFileType::Other, "type of {} in the listing", entry.name.display());
    }
    Ok(())
}

fn a_special_file_does_not_open(t: &Subject) -> CheckResult {
    for path in special(t)? {
        for options in WAYS {
            does_not_open(t, &path, options, ErrorKind::InvalidInput)?;
        }
        does_not_open(t, &path, write().create_new(true), ErrorKind::AlreadyExists)?;
    }
    Ok(())
}

fn a_special_file_is_not_changed_in_place(t: &Subject) -> CheckResult {
    for path in special(t)? {
        let kinds = [ErrorKind::InvalidInput, ErrorKind::Unsupported];
        let (fs, at) = (Arc::clone(&t.fs), path.clone());
        refused(in_time(move || fs.truncate_file(&at, 0))?, Op::TruncateFile, &path, &kinds)?;
        let (fs, at) = (Arc::clone(&t.fs), path.clone());
        refused(in_time(move || fs.punch_hole(&at, 0, 4096))?, Op::PunchHole, &path, &kinds)?;
    }
    Ok(())
}

fn a_special_file_is_not_cloned(t: &Subject) -> CheckResult {
    for path in special(t)? {
        let (fs, from, to) = (Arc::clone(&t.fs), path.clone(), t.at("clone"));
        let cloned = in_time(move || fs.reflink_file(&from, &to))?;
        ensure!(cloned.is_err(), "{} was cloned", path.display());
        t.absent("clone")?;
    }
    Ok(())
}

fn a_link_to_a_special_file_does_not_open(t: &Subject) -> CheckResult {
    for (number, path) in special(t)?.into_iter().enumerate() {
        let link = format!("link-{number}");
        t.symlink(&path, &link)?;
        for options in [read(), write()] {
            does_not_open(t, &t.at(&link), options, ErrorKind::InvalidInput)?;
        }
    }
    Ok(())
}

fn a_special_file_is_renamed_and_removed(t: &Subject) -> CheckResult {
    for path in special(t)? {
        t.fs.rename(&path, &t.at("renamed"))?;
        same!(t.fs.metadata(&t.at("renamed"))?.file_type, FsFileType::Other, "type after a rename");
        t.fs.remove_file(&t.at("renamed"))?;
    }
    t.has_names("", &[])?;
    t.mkdir("d")?;
    let made = t.odd()?.special(&t.at("d"));
    ensure!(!made.is_empty(), "the subject created no special file");
    t.fs.remove_dir_all(&t.at("d"))?;
    t.has_names("", &[])
}
