//! Opening of a [`ManifestDirectory`](super::ManifestDirectory).
//!
//! # Telling an interrupted first start from a lost CURRENT
//!
//! An interrupted first start and a lost CURRENT leave the same files: archives and data without CURRENT. The mark,
//! [`UNFINISHED_FILE`], distinguishes them because of the order of four syncs:
//!
//! 1. The mark is durable before the engine creates anything: `open` returns after this sync.
//! 2. The first archive and its name are durable before CURRENT is renamed into place.
//! 3. CURRENT is durable before the mark is removed.
//! 4. The removal is durable before any data is acknowledged: `publish` returns after this sync.
//!
//! Renames and removals between two syncs may reach the disk in any order. Even so, a directory with the mark and
//! without CURRENT was never acknowledged. An acknowledged directory has no mark, so if its CURRENT is missing, it was
//! lost.
//!
//! A process can be killed between a change and its sync, and the next process sees the change in the page cache. A
//! start therefore does not rely on the visible state: it writes the mark anew, or publishes CURRENT once more, before
//! it returns.
//!
//! On a volume that cannot sync directories, this order is not guaranteed. There, a mark beside data proves nothing,
//! and the directory is refused.

use std::{io, path::Path};

use lsm_fs::{DirectorySync, Fs, FsDirLock, FsExt, SyncMode, parent_of};

use super::{DirectoryOptions, DirectoryState};
use crate::{
    Error, Recovered, Result, UNFINISHED_FILE,
    recover::{Opened, open_live, verified},
    survey::{Vacancy, clear},
};

/// Determines the state of the directory and brings it into a state from which the engine can continue.
pub(super) fn start(
    fs: &dyn Fs,
    dir: &Path,
    options: &DirectoryOptions,
) -> Result<(DirectoryState, Option<Recovered>)> {
    match open_live(fs, dir, &options.read, &options.own)? {
        Opened::Version(current, archive) => {
            let live = verified(fs, dir, current, archive)?;
            let is_unfinished = fs.exists(&dir.join(UNFINISHED_FILE))?;
            let mut state = DirectoryState { is_unfinished, is_durable: false };
            state.confirm(fs, dir, options)?;
            state.finish_start(fs, dir, options)?;
            Ok((state, Some(live)))
        }
        Opened::Vacant(vacancy) => {
            begin(fs, dir, options, vacancy)?;
            Ok((DirectoryState { is_unfinished: true, is_durable: false }, None))
        }
    }
}

fn begin(fs: &dyn Fs, dir: &Path, options: &DirectoryOptions, vacancy: Vacancy) -> Result<()> {
    let mode = options.sync_mode;
    sync_name(fs, dir, mode)?;
    // Write a new inode instead of syncing the existing one. After a failed sync, ext4, XFS and btrfs mark the pages
    // clean, so the next sync returns success without writing them (Rebello et al., "Can Applications Recover from
    // fsync Failures?", USENIX ATC 2020).
    let marked = fs.rewrite_atomic(&dir.join(UNFINISHED_FILE), &[], mode)?;
    match vacancy {
        Vacancy::New => Ok(()),
        Vacancy::Interrupted(beside) if marked == DirectorySync::NotSupported && beside.may_be_stored() => {
            Err(beside.missing_current(dir))
        }
        Vacancy::Interrupted(_) => clear(fs, dir, &options.own, mode),
    }
}

/// Makes the name of the directory durable, because an earlier start may have died between creating it and the sync.
/// Skips a mount point, whose name is the operator's responsibility. If the volume cannot sync directories, the first
/// publication reports it.
fn sync_name(fs: &dyn Fs, dir: &Path, mode: SyncMode) -> Result<()> {
    let parent = parent_of(dir);
    if fs.volume_id(parent)? == fs.volume_id(dir)? {
        let _ = fs.sync_directory(parent, mode)?;
    }
    Ok(())
}

pub(super) fn make_directory(fs: &dyn Fs, dir: &Path) -> Result<()> {
    if fs.exists(dir)? {
        return Ok(());
    }
    match fs.create_dir(dir) {
        // Another process created it in the meantime. The lock decides which of the two may continue.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => Ok(made?),
    }
}

/// Takes the owner lock. Returns `None` if the platform has no such locks.
pub(super) fn lock(fs: &dyn Fs, dir: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
    match fs.try_lock_directory(dir) {
        Ok(None) => Err(Error::InUse { dir: dir.to_path_buf() }),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        lock => Ok(lock?),
    }
}
