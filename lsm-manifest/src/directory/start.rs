//! The start of a [`ManifestDirectory`](super::ManifestDirectory).
//!
//! # A first start that was cut, told from a CURRENT that was lost
//!
//! Both leave archives and data without CURRENT. [`UNFINISHED_FILE`] tells them apart, by the order of four syncs:
//!
//! 1. The mark is durable before the engine makes anything: `open` returns after the sync.
//! 2. The first archive and its name are durable before CURRENT is renamed.
//! 3. CURRENT is durable before the mark is removed.
//! 4. The removal is durable before anybody is told that something is stored: `publish` returns after the sync.
//!
//! So a directory with the mark and without CURRENT was never acknowledged, in whatever order the renames and removals
//! between two syncs reach the disk. A directory that was acknowledged has no mark, so its CURRENT can only be lost.
//!
//! A process can be killed between a change and its sync, and the next one sees the change in the page cache. Therefore
//! a start relies on nothing that it sees: it makes the mark anew, or publishes CURRENT once more, before it returns.
//!
//! On a volume that cannot sync directories the order is a hope. There, a mark beside data proves nothing, and the
//! directory is refused.

use std::{io, path::Path};

use lsm_fs::{DirectorySync, Fs, FsDirLock, FsExt, SyncMode, parent_of};

use super::{DirectoryOptions, State};
use crate::{
    Error, Recovered, Result, UNFINISHED_FILE,
    recover::{Opened, open_live, verified},
    survey::{Vacancy, clear},
};

/// Finds the state of the directory, and makes it one that the engine can go on from.
pub(super) fn start(
    fs: &dyn Fs,
    dir: &Path,
    options: &DirectoryOptions,
) -> Result<(State, Option<Recovered>)> {
    match open_live(fs, dir, &options.read, &options.own)? {
        Opened::Version(current, archive) => {
            let live = verified(fs, dir, current, archive)?;
            let is_unfinished = fs.exists(&dir.join(UNFINISHED_FILE))?;
            let mut state = State { is_unfinished, is_durable: false };
            state.confirm(fs, dir, options)?;
            state.finish_start(fs, dir, options)?;
            Ok((state, Some(live)))
        }
        Opened::Vacant(vacancy) => {
            begin(fs, dir, options, vacancy)?;
            Ok((State { is_unfinished: true, is_durable: false }, None))
        }
    }
}

fn begin(fs: &dyn Fs, dir: &Path, options: &DirectoryOptions, vacancy: Vacancy) -> Result<()> {
    let mode = options.sync_mode;
    sync_name(fs, dir, mode)?;
    // A new inode under the name, because a sync that follows on a failed one says nothing of the old one.
    let marked = fs.rewrite_atomic(&dir.join(UNFINISHED_FILE), &[], mode)?;
    match vacancy {
        Vacancy::New => Ok(()),
        Vacancy::Cut(beside) if marked == DirectorySync::NotSupported && beside.may_be_stored() => {
            Err(beside.missing_current(dir))
        }
        Vacancy::Cut(_) => clear(fs, dir, &options.own, mode),
    }
}

/// Makes the directory's own name durable, unless it is a mount point, whose name is the operator's. An earlier start
/// may have died between making the name and its sync. If the volume cannot sync directories, the first publication
/// says so.
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
        // Another process made it meanwhile; the lock decides between the two.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => Ok(made?),
    }
}

/// Takes the owner lock. `None`: the platform has none.
pub(super) fn lock(fs: &dyn Fs, dir: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
    match fs.try_lock_directory(dir) {
        Ok(None) => Err(Error::InUse { dir: dir.to_path_buf() }),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        lock => Ok(lock?),
    }
}
