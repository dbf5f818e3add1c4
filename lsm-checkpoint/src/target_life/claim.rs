//! Claims a target for one creator at a time, and clears the debris of a dead creator.

use std::{io, path::Path};

use lsm_fs::{Fs, SyncMode};

use super::{NameState, Staging, Target, clear_debris, inside::claim_inside};
use crate::{Result, permissions::create_private_dir};

/// The number of attempts. An attempt is repeated if it lost a race against another creator or a sweeper.
const ATTEMPTS: u32 = 8;

/// Claims a target: makes its staged directory and takes the directory's owner lock.
///
/// # Errors
///
/// [`TargetExists`](crate::Error::TargetExists), [`InProgress`](crate::Error::InProgress), [`Fs`](crate::Error::Fs). If
/// the lock of a new directory fails, the directory is removed. Otherwise, every later call would fail on it.
pub(crate) fn claim<'fs>(fs: &'fs dyn Fs, target: Target, mode: SyncMode) -> Result<Staging<'fs>> {
    if target.is_inside {
        return claim_inside(fs, target, mode);
    }
    target.check_parent(fs)?;
    for _ in 0..ATTEMPTS {
        if is_taken(fs, &target.path)? {
            match clear_debris(fs, &target, mode)? {
                // A dead creator had worked in the target itself, or had just finished.
                NameState::Locked(_) => continue,
                _ => return Err(target.exists(fs)),
            }
        }
        match create_private_dir(fs, &target.staged) {
            Ok(()) => match NameState::of_new_directory(fs, &target.staged)? {
                NameState::Locked(lock) => return Ok(Staging::new(fs, target, mode, Some(lock))),
                NameState::Unlockable => return Ok(Staging::new(fs, target, mode, None)),
                // A sweeper has locked the new directory as debris.
                NameState::Owned => break,
                NameState::Free | NameState::Rebound | NameState::NotADirectory => {}
            },
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                if clear_debris(fs, &target, mode)?.may_be_owned() {
                    break;
                }
            }
            Err(e) => return Err(e.into()),
        }
    }
    Err(target.in_progress())
}

/// Returns `true` if anything has the name, including a dangling symbolic link.
fn is_taken(fs: &dyn Fs, path: &Path) -> Result<bool> {
    match fs.symlink_metadata(path) {
        Ok(_) => Ok(true),
        // Another volume is mounted on the name. A view reports a mount point by this error.
        Err(e) if e.kind() == io::ErrorKind::CrossesDevices => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e.into()),
    }
}
