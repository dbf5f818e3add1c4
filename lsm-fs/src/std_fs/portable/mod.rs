//! A backend with std alone, for platforms that are neither Unix nor Windows, and for a few Unix systems (`std_fs.rs`
//! lists them). Anything that std cannot do or determine is `Unsupported`, or gets the cautious answer.
//!
//! With `--cfg lsm_fs_portable` it also compiles on Unix and Windows, so that the conformance suite can run it there.

mod absent;
mod beneath;
mod positioned;

use std::{
    fs::{File, Metadata, OpenOptions},
    io,
    path::Path,
};

pub(super) use absent::*;
pub(super) use beneath::View;
pub(super) use positioned::Positioned;
pub(super) use std::fs::{create_dir, remove_dir, remove_file, rename};

pub(super) use super::names::read_dir;

use super::{StdFs, names, not_a_file, probe};
use crate::{DirectorySync, FsCapabilities, FsDirLock, FsMetadata, FsOpenOptions, Result, SyncMode, errno};

/// Opens a regular file. std has no open that does not wait, so the type of the file is checked first. If a pipe takes
/// the name after that check, the call waits.
pub(super) fn open_file(path: &Path, options: &FsOpenOptions) -> io::Result<File> {
    if !options.create_new && std::fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
        return Err(not_a_file());
    }
    let file = with_options(options).open(path)?;
    // A directory can be opened only with a handle that cannot write.
    if !options.write && !options.append && file.metadata()?.is_dir() {
        return Err(io::Error::from_raw_os_error(errno::EISDIR));
    }
    Ok(file)
}

fn with_options(options: &FsOpenOptions) -> OpenOptions {
    let mut opened = OpenOptions::new();
    opened.read(options.read).write(options.write).append(options.append);
    opened.create(options.create).create_new(options.create_new);
    // A new file is empty anyway, and std refuses the combination.
    opened.truncate(options.truncate && !options.create_new);
    opened
}

/// Removes a directory tree. std would remove a symbolic link, but the contract requires a directory. The maximum depth
/// depends on the platform: on Unix, std keeps a directory open for each level.
pub(super) fn remove_dir_all(path: &Path) -> io::Result<()> {
    if !std::fs::symlink_metadata(path)?.is_dir() {
        return Err(io::Error::from_raw_os_error(errno::ENOTDIR));
    }
    std::fs::remove_dir_all(path)
}

pub(super) fn metadata(path: &Path) -> io::Result<FsMetadata> {
    std::fs::metadata(path).map(|m| describe(&m))
}

pub(super) fn symlink_metadata(path: &Path) -> io::Result<FsMetadata> {
    std::fs::symlink_metadata(path).map(|m| describe(&m))
}

pub(super) fn file_metadata(file: &File) -> io::Result<FsMetadata> {
    file.metadata().map(|m| describe(&m))
}

fn describe(m: &Metadata) -> FsMetadata {
    FsMetadata { modified: m.modified().ok(), ..FsMetadata::new(names::file_type(m.file_type()), m.len()) }
}

pub(super) fn volume_id(path: &Path) -> io::Result<u64> {
    std::fs::metadata(path)?;
    unsupported()
}

pub(super) fn available_space(path: &Path) -> io::Result<u64> {
    std::fs::metadata(path)?;
    unsupported()
}

pub(super) fn capabilities(fs: &StdFs, path: &Path) -> Result<FsCapabilities> {
    probe::probe(fs, path)
}

pub(super) fn hard_link(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::hard_link(from, to)
}

/// Platforms report the misuse of a handle each in their own way.
pub(super) fn handle_error(error: io::Error) -> io::Error {
    error
}

pub(super) fn set_len(file: &File, _: Option<&Path>, len: u64) -> io::Result<()> {
    file.set_len(len)
}

/// std uses the strongest sync of the platform for both modes, such as `F_FULLFSYNC` on Apple.
pub(super) fn sync_all(file: &File, _: &Path, _: SyncMode) -> io::Result<()> {
    file.sync_all()
}

pub(super) fn sync_data(file: &File, _: &Path, _: SyncMode) -> io::Result<()> {
    file.sync_data()
}

/// Outside Unix, a directory cannot be opened as a file.
pub(super) fn sync_directory(path: &Path, _: SyncMode) -> io::Result<DirectorySync> {
    if !std::fs::metadata(path)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    if !cfg!(unix) {
        return Ok(DirectorySync::NotSupported);
    }
    File::open(path)?.sync_all()?;
    Ok(DirectorySync::Durable)
}

/// Locks are not supported: std cannot identify the directory that a path leads to, so a lock could not be verified.
#[derive(Debug)]
pub(super) enum DirLock {}

impl DirLock {
    pub(super) fn try_lock(path: &Path) -> io::Result<Option<Self>> {
        if !std::fs::metadata(path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        unsupported()
    }
}

impl FsDirLock for DirLock {
    fn is_at(&self, _: &Path) -> Result<bool> {
        match *self {}
    }
}
