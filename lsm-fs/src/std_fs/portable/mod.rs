//! A backend with std alone, for platforms that are not Unix. Anything that std cannot do or determine is
//! `Unsupported`, or gets the cautious answer.
//!
//! With `--cfg lsm_fs_portable` it also compiles on Unix, so that the conformance suite can run it there.

mod beneath;

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::Path,
    sync::{Mutex, PoisonError},
};

pub(super) use beneath::View;

use super::{StdFs, names, not_a_file, probe};
use crate::{
    DirectorySync, Error, FileHint, FsAbilities, FsCapabilities, FsDirLock, FsMetadata, FsOpenOptions, Op,
    Permissions, PermissionsSet, Result, SyncMode, errno,
};

fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Opens a regular file. std has no open that does not wait, so the type of the file is checked first. If a pipe takes
/// the name after that check, the call waits.
pub(super) fn open_file(path: &Path, options: &FsOpenOptions) -> io::Result<File> {
    if !options.create_new && std::fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
        return Err(not_a_file());
    }
    let file = OpenOptions::new()
        .read(options.read)
        .write(options.write)
        .append(options.append)
        .create(options.create)
        .create_new(options.create_new)
        // A new file is empty anyway, and std refuses the combination.
        .truncate(options.truncate && !options.create_new)
        .open(path)?;
    // A directory can be opened only with a handle that cannot write.
    if !options.write && !options.append && file.metadata()?.is_dir() {
        return Err(io::Error::from_raw_os_error(errno::EISDIR));
    }
    Ok(file)
}

/// Removes a directory tree. std would remove a symbolic link, but the contract requires a directory. The maximum depth
/// depends on the platform: on Unix, std keeps a directory open for each level.
pub(super) fn remove_dir_all(path: &Path) -> io::Result<()> {
    if !std::fs::symlink_metadata(path)?.is_dir() {
        return Err(io::Error::from_raw_os_error(errno::ENOTDIR));
    }
    std::fs::remove_dir_all(path)
}

pub(super) fn metadata(m: &Metadata) -> FsMetadata {
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

pub(super) fn rename_noreplace(from: &Path, _: &Path) -> io::Result<()> {
    std::fs::symlink_metadata(from)?;
    unsupported()
}

/// std has no calls by directory handle, and no switch for copy-on-write.
pub(super) fn abilities(_: &StdFs) -> Option<&dyn FsAbilities> {
    None
}

pub(super) fn hard_link(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::hard_link(from, to)
}

pub(super) fn reflink(from: &Path, to: &Path) -> Result<()> {
    let refused = std::fs::metadata(from).and_then(|_| unsupported());
    refused.map_err(|e| Error::with_paths(Op::ReflinkFile, from, to, e))
}

pub(super) fn punch_hole(_: &File, _: u64, _: u64) -> io::Result<()> {
    unsupported()
}

pub(super) fn set_permissions(_: &File, _: &Permissions) -> io::Result<PermissionsSet> {
    Ok(PermissionsSet::default())
}

pub(super) fn bypass_cache(_: &File, _: bool) -> bool {
    false
}

pub(super) fn use_cache(_: &File) -> io::Result<()> {
    Ok(())
}

pub(super) fn hint(_: &File, _: FileHint) -> io::Result<()> {
    Ok(())
}

pub(super) fn start_writeback(_: &File, _: u64, _: u64) -> io::Result<()> {
    Ok(())
}

pub(super) fn copy_range(_: &File, _: &File, _: u64, _: usize) -> io::Result<Option<usize>> {
    Ok(None)
}

/// std uses the strongest sync of the platform for both modes: `F_FULLFSYNC` on Apple, `FlushFileBuffers` on Windows.
pub(super) fn sync_all(file: &File, _: SyncMode) -> io::Result<()> {
    file.sync_all()
}

pub(super) fn sync_data(file: &File, _: SyncMode) -> io::Result<()> {
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

/// Positional calls emulated with seeks. The lock lets several threads share the position. After each call, the
/// position is where `Read`, `Write` and `Seek` left it.
#[derive(Debug, Default)]
pub(super) struct Positioned(Mutex<()>);

impl Positioned {
    fn at<T>(&self, mut file: &File, offset: u64, act: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        let _only = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let position = file.stream_position()?;
        let acted = file.seek(SeekFrom::Start(offset)).and_then(|_| act(file));
        file.seek(SeekFrom::Start(position))?;
        acted
    }

    pub(super) fn read_at(&self, file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.at(file, offset, |mut file| {
            let mut filled = 0;
            loop {
                // An empty read makes one call, too, so that the platform checks the handle.
                match file.read(buf.get_mut(filled..).unwrap_or_default()) {
                    Ok(0) => return Ok(filled),
                    Ok(n) => filled += n,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => return Err(e),
                }
                if filled >= buf.len() {
                    return Ok(filled);
                }
            }
        })
    }

    pub(super) fn write_at(&self, file: &File, buf: &[u8], offset: u64) -> io::Result<()> {
        self.at(file, offset, |mut file| {
            // `write_all` makes no call if there are no bytes, so the platform would not check the handle.
            if buf.is_empty() { file.write(buf).map(drop) } else { file.write_all(buf) }
        })
    }

    #[expect(clippy::unused_self, reason = "the Unix twin seeks")]
    pub(super) fn next_data(&self, _: &File, offset: u64, len: u64) -> io::Result<Option<Range<u64>>> {
        Ok(Some(offset..len))
    }
}
