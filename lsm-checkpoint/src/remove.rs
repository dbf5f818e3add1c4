//! [`remove`]: a checkpoint ends in one step, and stays away.

use std::{
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{Fs, FsDirLock, FsExt, SyncMode};

use crate::{
    CATALOG_FILE, Catalog, Error, Result,
    publish::{
        Debris, Doing, MARKER_FILE, Marker, Target, find_debris, is_refusal, remove_partial, remove_staged,
        unmark,
    },
    sweep::{self, Outcome},
};

/// Each attempt but the last found debris of the target's, and cleared it.
const ATTEMPTS: u32 = 4;

/// Removes a checkpoint.
///
/// # Contract
///
/// First the name goes, in one step: the checkpoint becomes the staged sibling `.{name}.checkpoint-staged` of itself,
/// which nobody takes for a checkpoint. When that is durable its files are removed; those that are shared with the
/// source or with other checkpoints live on there. Where the filesystem cannot rename a directory so, the checkpoint is
/// marked, loses what makes it readable, durably, and then the rest.
///
/// A damaged checkpoint can be removed as well. A directory without a catalog is refused, and so is a symbolic link.
///
/// # Crash semantics
///
/// At every moment a crash leaves the checkpoint whole, or gone up to debris that [`sweep`](crate::sweep()) and the
/// next creator of the same target clear. After `Ok` it does not come back.
///
/// # Errors
///
/// - [`NotACheckpoint`](Error::NotACheckpoint): there is no catalog, or nothing.
/// - [`InProgress`](Error::InProgress): somebody else publishes or removes it, or makes another one of the same name.
/// - [`RemovedNotDurable`](Error::RemovedNotDurable): a crash may bring it back, whole.
/// - [`LeftBehind`](Error::LeftBehind) around [`Fs`](Error::Fs): the name is gone for good and some of the files are
///   not; or the filesystem fails so that the attempt could not be taken back, or that it cannot be told whether the
///   name is gone. A sweep decides.
/// - [`Fs`](Error::Fs): the checkpoint is as it was.
///
/// # Examples
///
/// ```
/// # use lsm_checkpoint::{Error, remove};
/// # use lsm_fs::{StdFs, SyncMode};
/// # let dir = tempfile::tempdir()?;
/// # let daily = dir.path();
/// match remove(&StdFs, &daily.join("monday"), SyncMode::Normal) {
///     Ok(()) => println!("gone"),
///     Err(Error::NotACheckpoint { .. }) => println!("there was none"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn remove(fs: &dyn Fs, target: &Path, mode: SyncMode) -> Result<()> {
    let target = Target::new(target)?;
    // Before the lock, since a live directory's is its engine's; and behind it, since what has the name then is what
    // will be renamed.
    refuse_others(fs, &target)?;
    let lock = lock(fs, &target)?;
    refuse_others(fs, &target)?;
    for _ in 0..ATTEMPTS {
        match fs.rename_noreplace(&target.path, &target.staged) {
            Ok(()) => return remove_renamed(fs, &target, mode),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => match sweep::clear(fs, &target, mode)? {
                Outcome::InProgress => break,
                Outcome::Cleared | Outcome::Gone => {}
            },
            Err(e) if is_refusal(&e) => return remove_in_place(fs, &target, lock.is_some(), mode),
            Err(e) => return Err(undo_rename(fs, &target, lock.as_deref(), e, mode)),
        }
    }
    Err(in_progress(&target))
}

fn refuse_others(fs: &dyn Fs, target: &Target) -> Result<()> {
    if fs.exists(&target.path.join(CATALOG_FILE))? {
        return Ok(());
    }
    Err(Error::NotACheckpoint { dir: target.path.clone() })
}

/// Takes the owner lock, which follows the rename: no sweeper takes the removal for debris while it goes on. `None`
/// where the platform has no such locks.
fn lock(fs: &dyn Fs, target: &Target) -> Result<Option<Box<dyn FsDirLock>>> {
    let not_a_checkpoint = || Error::NotACheckpoint { dir: target.path.clone() };
    match fs.symlink_metadata(&target.path) {
        Ok(metadata) if metadata.is_dir() => {}
        // Of a symbolic link the rename would take the link, and the lock what it leads to.
        Ok(_) => return Err(not_a_checkpoint()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(not_a_checkpoint()),
        Err(e) => return Err(e.into()),
    }
    match fs.try_lock_directory(&target.path) {
        Ok(Some(lock)) if lock.is_at(&target.path)? => Ok(Some(lock)),
        Ok(_) => Err(in_progress(target)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(not_a_checkpoint()),
        Err(e) if e.kind() == io::ErrorKind::Unsupported => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// A rename that failed may have taken place all the same. Taken back, it is so for good: who is told that the
/// checkpoint is as it was does not lose it to a crash and a sweep.
fn undo_rename(
    fs: &dyn Fs,
    target: &Target,
    lock: Option<&dyn FsDirLock>,
    error: lsm_fs::Error,
    mode: SyncMode,
) -> Error {
    let renamed = match lock {
        Some(lock) => lock.is_at(&target.staged),
        None => fs.exists(&target.path).map(|there| !there),
    };
    let rename_back = || {
        fs.rename_noreplace(&target.staged, &target.path)?;
        fs.sync_directory(target.parent(), mode).map(drop)
    };
    match renamed.and_then(|renamed| if renamed { rename_back() } else { Ok(()) }) {
        Ok(()) => error.into(),
        Err(failure) => Error::from(error).left_behind(&target.staged, failure),
    }
}

fn remove_renamed(fs: &dyn Fs, target: &Target, mode: SyncMode) -> Result<()> {
    // Until the new name is durable the files must stay: a crash may bring the old name back, and with it they are a
    // checkpoint.
    if let Err(source) = fs.sync_directory(target.parent(), mode) {
        return Err(Error::RemovedNotDurable { target: target.path.clone(), source });
    }
    let erased = fs.remove_dir_all(&target.staged).and_then(|()| fs.sync_directory(target.parent(), mode));
    match erased {
        Ok(_) => Ok(()),
        Err(error) => Err(left(target, error)),
    }
}

/// Some of the checkpoint's files are still there, or marked for whoever sweeps.
fn left(target: &Target, error: lsm_fs::Error) -> Error {
    let cause =
        error.raw_os_error().map_or_else(|| io::Error::from(error.kind()), io::Error::from_raw_os_error);
    let cleanup = lsm_fs::Error::new(error.op(), error.path(), cause);
    Error::from(error).left_behind(&target.staged, cleanup)
}

/// Removes without renaming the directory. A staged sibling says whose the half-removed target is: where anything
/// fails it stays, and whoever clears it finishes the removal, or takes it back if the checkpoint is still whole.
fn remove_in_place(fs: &dyn Fs, target: &Target, has_locks: bool, mode: SyncMode) -> Result<()> {
    let owner = claim(fs, target, has_locks, mode)?;
    // The claim has finished a removal that a dead process had begun.
    if !fs.exists(&target.path.join(CATALOG_FILE))? {
        return Ok(remove_staged(fs, target, mode)?);
    }
    // As long as all of these are there, it is whole.
    let marker = Marker { doing: Doing::Remove, pointers: what_publishes(fs, &target.path) };
    if let Err(error) = marker.write(fs, &target.path, mode) {
        return Err(undo_mark(fs, target, error, mode));
    }
    let erased = remove_partial(fs, target, &marker, mode).and_then(|()| remove_staged(fs, target, mode));
    drop(owner);
    erased.map_err(|error| left(target, error))
}

/// Nothing of the checkpoint is gone yet: takes back the marker, if it is there, and the claim.
fn undo_mark(fs: &dyn Fs, target: &Target, error: lsm_fs::Error, mode: SyncMode) -> Error {
    let unmarked = match fs.exists(&target.path.join(MARKER_FILE)) {
        Ok(true) => unmark(fs, &target.path, mode),
        Ok(false) => Ok(()),
        Err(failure) => Err(failure),
    };
    match unmarked.and_then(|()| fs.remove_dir(&target.staged)) {
        Ok(()) => error.into(),
        Err(failure) => Error::from(error).left_behind(&target.staged, failure),
    }
}

/// Makes the staged sibling, durably, and takes its owner lock.
fn claim(
    fs: &dyn Fs,
    target: &Target,
    has_locks: bool,
    mode: SyncMode,
) -> Result<Option<Box<dyn FsDirLock>>> {
    for _ in 0..ATTEMPTS {
        match fs.create_dir(&target.staged) {
            Ok(()) => {
                let owner = match find_debris(fs, &target.staged)? {
                    Debris::Dead(lock) => Some(lock),
                    Debris::Owned if !has_locks => None,
                    // A sweeper was faster.
                    Debris::Owned | Debris::Gone => continue,
                };
                return match fs.sync_directory(target.parent(), mode) {
                    Ok(_) => Ok(owner),
                    Err(error) => Err(match fs.remove_dir(&target.staged) {
                        Ok(()) => error.into(),
                        Err(failure) => Error::from(error).left_behind(&target.staged, failure),
                    }),
                };
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                if matches!(sweep::clear(fs, target, mode)?, Outcome::InProgress) {
                    break;
                }
            }
            Err(e) => return Err(e.into()),
        }
    }
    Err(in_progress(target))
}

fn in_progress(target: &Target) -> Error {
    Error::InProgress { target: target.path.clone(), staged: target.staged.clone() }
}

/// What makes a directory look like a checkpoint: every tree's pointer, and the catalog.
fn what_publishes(fs: &dyn Fs, dir: &Path) -> Vec<PathBuf> {
    let mut files = match Catalog::read(fs, dir) {
        Ok(catalog) => catalog.pointers(),
        // Without a catalog nothing says what the pointers are, and nothing says that it is a checkpoint.
        Err(_) => Vec::new(),
    };
    files.push(PathBuf::from(CATALOG_FILE));
    files
}
