//! Opens files, and makes the calls for which Windows needs more access than the contract.

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
};

use super::{
    error::{ACCESS_DENIED, Refusal, SHARING_VIOLATION, patiently, refine},
    name,
    stat::{file_metadata, metadata},
};
use crate::{FsOpenOptions, SyncMode, errno, std_fs::not_a_file};

/// Opens a regular file. std shares every handle for reading, writing and deletion.
pub(in crate::std_fs) fn open_file(path: &Path, options: &FsOpenOptions) -> io::Result<File> {
    name::check(path)?;
    let mut opened = OpenOptions::new();
    opened.read(options.read).write(options.write).append(options.append);
    opened.create(options.create).create_new(options.create_new);
    // A new file is empty anyway, and std refuses the combination.
    opened.truncate(options.truncate && !options.create_new);
    let judge = |e: io::Error| match e.raw_os_error() {
        Some(SHARING_VIOLATION) => Refusal::MayPass(e),
        _ if metadata(path).is_ok_and(|found| found.is_dir()) => Refusal::Final(is_a_directory()),
        _ => Refusal::Final(e),
    };
    let file = patiently(|| opened.open(path), judge).map_err(|e| refine(path, e))?;
    // A path such as `\\.\pipe\name` leads to no disk.
    if winapi_util::file::typ(&file)?.is_disk() { Ok(file) } else { Err(not_a_file()) }
}

fn is_a_directory() -> io::Error {
    io::Error::from_raw_os_error(errno::EISDIR)
}

/// Flushes the file. A flush needs a handle that can write (`windows/win32/api/fileapi/nf-fileapi-flushfilebuffers`).
/// It covers the whole file, so a handle that only reads is flushed through a second handle.
pub(in crate::std_fs) fn sync_all(file: &File, path: &Path, _: SyncMode) -> io::Result<()> {
    match file.sync_all() {
        Err(e) if e.raw_os_error() == Some(ACCESS_DENIED) => second(file, path)?.sync_all(),
        synced => synced,
    }
}

/// Flushes the file. std makes the same call for `sync_data` and `sync_all`.
pub(in crate::std_fs) fn sync_data(file: &File, path: &Path, mode: SyncMode) -> io::Result<()> {
    sync_all(file, path, mode)
}

/// Sets the length. This needs more than the right to append. `appends` is the path of the file if the handle can only
/// append.
pub(in crate::std_fs) fn set_len(file: &File, appends: Option<&Path>, len: u64) -> io::Result<()> {
    match (file.set_len(len), appends) {
        (Err(e), Some(path)) if e.raw_os_error() == Some(ACCESS_DENIED) => second(file, path)?.set_len(len),
        (set, _) => set,
    }
}

/// Opens a second handle that can write. It is opened by path, so the result is compared with the first handle: the
/// path may lead to another file by now.
fn second(file: &File, path: &Path) -> io::Result<File> {
    let second = OpenOptions::new().write(true).open(path)?;
    if file_metadata(&second)?.file_id == file_metadata(file)?.file_id {
        return Ok(second);
    }
    let why = "the file has another name by now, and Windows needs a handle that can write";
    Err(io::Error::new(io::ErrorKind::Unsupported, why))
}
