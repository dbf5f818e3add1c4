//! Who makes a target: one creator at a time, and what a dead one left does not count.

use std::{io, path::Path};

use lsm_fs::{Fs, FsDirLock, Op, SyncMode};

use super::{Staging, Target, in_place};
use crate::{Error, Result};

/// Each attempt but the last lost a race against another creator or a sweeper.
const ATTEMPTS: u32 = 8;

/// Whose a staged directory is.
#[derive(Debug)]
pub(crate) enum Debris {
    /// Its owner lives; or nobody can tell, because the platform has no directory locks.
    Owned,
    /// Its owner is dead, and the lock is ours.
    Dead(Box<dyn FsDirLock>),
    /// There is none, or it went away meanwhile.
    Gone,
}

/// Claims a target: makes its staged directory and takes the owner lock of that.
///
/// # Errors
///
/// [`TargetExists`](Error::TargetExists), [`InProgress`](Error::InProgress), [`Fs`](Error::Fs). A directory that was
/// made and could not be locked is left: whether it is still ours is not known, and it does not stand in anyone's way.
pub(crate) fn claim<'fs>(fs: &'fs dyn Fs, target: Target, mode: SyncMode) -> Result<Staging<'fs>> {
    for _ in 0..ATTEMPTS {
        if is_taken(fs, &target.path)? {
            match find_debris(fs, &target.staged)? {
                // A dead creator was at work in the target itself, or has just finished.
                Debris::Dead(lock) => {
                    clear_debris(fs, &target, lock, mode)?;
                    continue;
                }
                Debris::Owned | Debris::Gone => return Err(Error::TargetExists { target: target.path }),
            }
        }
        match fs.create_dir(&target.staged) {
            Ok(()) => match lock_new(fs, &target)? {
                NewLock::Ours(lock) => return Ok(Staging { fs, target, mode, lock, armed: true }),
                NewLock::Taken => break,
                NewLock::Lost => {}
            },
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => match find_debris(fs, &target.staged)? {
                Debris::Owned => break,
                Debris::Dead(lock) => clear_debris(fs, &target, lock, mode)?,
                Debris::Gone => {}
            },
            Err(e) => return Err(e.into()),
        }
    }
    Err(Error::InProgress { target: target.path, staged: target.staged })
}

/// Whether anything has the name, a dangling symlink included.
fn is_taken(fs: &dyn Fs, path: &Path) -> Result<bool> {
    match fs.symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e.into()),
    }
}

enum NewLock {
    Ours(Option<Box<dyn FsDirLock>>),
    /// Someone took the new directory for debris.
    Taken,
    /// It is gone, or another directory has its name.
    Lost,
}

fn lock_new(fs: &dyn Fs, target: &Target) -> Result<NewLock> {
    match fs.try_lock_directory(&target.staged) {
        Ok(Some(lock)) if lock.is_at(&target.staged)? => Ok(NewLock::Ours(Some(lock))),
        Ok(Some(_)) => Ok(NewLock::Lost),
        Ok(None) => Ok(NewLock::Taken),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(NewLock::Lost),
        Err(e) if e.kind() == io::ErrorKind::Unsupported => Ok(NewLock::Ours(None)),
        Err(e) => Err(e.into()),
    }
}

/// Finds out whose a staged directory is.
///
/// # Errors
///
/// [`Fs`](Error::Fs); among them that something that is no directory has the name.
pub(crate) fn find_debris(fs: &dyn Fs, staged: &Path) -> Result<Debris> {
    match fs.symlink_metadata(staged) {
        Ok(metadata) if metadata.is_dir() => {}
        // The lock would be that of the directory that a symbolic link leads to.
        Ok(_) => {
            let error = io::Error::from(io::ErrorKind::NotADirectory);
            return Err(lsm_fs::Error::new(Op::TryLockDirectory, staged, error).into());
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Debris::Gone),
        Err(e) => return Err(e.into()),
    }
    match fs.try_lock_directory(staged) {
        Ok(Some(lock)) if lock.is_at(staged)? => Ok(Debris::Dead(lock)),
        Ok(Some(_)) => Ok(Debris::Gone),
        Ok(None) => Ok(Debris::Owned),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Debris::Gone),
        Err(e) if e.kind() == io::ErrorKind::Unsupported => Ok(Debris::Owned),
        Err(e) => Err(e.into()),
    }
}

/// Removes what a dead creator left: the part of the target that it made in place, if it did, and the staged directory.
/// Idempotent, and a crash in it leaves debris.
///
/// # Errors
///
/// [`Fs`](Error::Fs).
pub(crate) fn clear_debris(
    fs: &dyn Fs,
    target: &Target,
    lock: Box<dyn FsDirLock>,
    mode: SyncMode,
) -> Result<()> {
    in_place::clear_partial(fs, target, mode)?;
    remove_staged(fs, target, mode)?;
    drop(lock);
    Ok(())
}

/// Removes the staged directory of a target whose name is gone, or is that of a whole one.
pub(crate) fn remove_staged(fs: &dyn Fs, target: &Target, mode: SyncMode) -> lsm_fs::Result<()> {
    // Where the name went away without a sync, by a rename or piece by piece, a crash could bring it back with a part
    // of what it named, and nothing would say whose it is.
    let _ = fs.sync_directory(target.parent(), mode)?;
    fs.remove_dir_all(&target.staged)?;
    // Otherwise a crash could bring debris back beside a target of a later call.
    fs.sync_directory(target.parent(), mode).map(drop)
}
