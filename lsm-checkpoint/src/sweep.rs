//! [`sweep`]: removes the debris of processes that died while they made or removed checkpoints.

use std::{
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{Fs, FsExt, FsFileType, Op, SyncMode};

use crate::{
    Catalog, Error, Result,
    target_life::{NameState, Siblings, Target, clear_debris},
};

/// The result of a sweep.
#[derive(Debug, Default)]
#[non_exhaustive]
#[must_use = "the report lists the entries that could not be removed"]
pub struct SweepReport {
    /// Targets that dead processes had begun to make or to remove. Nothing of them is left. If the name of a staged
    /// directory was shortened and its target is gone, this lists the staged directory itself.
    pub cleared: Vec<PathBuf>,
    /// Staged directories that were removed beside a target that stays. Such a target is a whole checkpoint, one that
    /// is listed in [`unfinished`](SweepReport::unfinished), or something other than a checkpoint. If the process died
    /// in the last steps of publishing or in the first steps of removing, the target also loses its marker.
    pub leftovers: Vec<PathBuf>,
    /// Targets that stay and have a catalog, but lack files that make them readable. Probably a removal on a full
    /// volume was interrupted before it could leave a marker. [`remove`](crate::remove()) finishes it.
    pub unfinished: Vec<PathBuf>,
    /// Targets that a live process is making, restoring or removing. Without directory locks, a dead process is not
    /// recognized, so its targets are listed here, too. Nothing was changed.
    pub in_progress: Vec<PathBuf>,
    /// Targets whose debris could not be removed, each with its error. The next sweep tries again.
    pub failed: Vec<(PathBuf, Error)>,
}

/// Finds and removes the debris of dead processes in a directory of checkpoints.
///
/// # Contract
///
/// The call looks only for staged directories, which lie beside their targets and are named
/// `.{name}.checkpoint-staged`, or `.{prefix}~{hash}.checkpoint-staged` for a long name. If the owner lock of a staged
/// directory is held, it belongs to a live process and stays. If the lock is free, the staged directory is removed
/// durably, under the lock. If the dead owner had begun to make its target in place, or to remove it, the target is
/// removed in the same way.
///
/// A whole checkpoint is never changed, except that it loses the marker of a process that died in the last steps of
/// publishing or in the first steps of removing it.
///
/// The call may run beside creators and other sweepers of the same directory, in this process and in others. If a
/// creator meets a sweeper at its own target, it fails with [`InProgress`](Error::InProgress) and can try again.
///
/// On a network filesystem, owners on other hosts are not visible (see
/// [`try_lock_directory`](lsm_fs::Fs::try_lock_directory)). Sweep a directory from the host that makes its checkpoints.
///
/// If debris lies beside an empty directory with the name of its target, that directory counts as debris too and is
/// removed.
///
/// A sweep is not necessary before a target is made again, because the creator clears the debris of its own target.
///
/// # Crash semantics
///
/// Any part of the debris that survives a crash is still debris, and the next sweep finds it.
///
/// # Errors
///
/// [`Fs`](Error::Fs) if the directory cannot be read. Also if its path is a symbolic link, because a call that deletes
/// must not be led elsewhere. A failure at one target is in the report.
///
/// # Examples
///
/// ```
/// use lsm_fs::{StdFs, SyncMode};
///
/// # let dir = tempfile::tempdir()?;
/// let report = lsm_checkpoint::sweep(&StdFs, dir.path(), SyncMode::Normal)?;
/// for (target, error) in &report.failed {
///     eprintln!("{}: {error}", target.display());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sweep(fs: &dyn Fs, dir: &Path, mode: SyncMode) -> Result<SweepReport> {
    refuse_link(fs, dir)?;
    let mut report = SweepReport::default();
    let fs = &*fs.beneath(dir)?;
    let entries = fs.read_dir(dir)?;
    let siblings = Siblings::new(dir, &entries);
    for entry in entries.iter().filter(|entry| entry.file_type == FsFileType::Directory) {
        let Some(target) = siblings.target_of(&entry.name) else { continue };
        match clear_debris(fs, &target, mode) {
            Ok(NameState::Locked(_)) => report.add_cleared(fs, target),
            Ok(state) if state.may_be_owned() => report.in_progress.push(target.path),
            // Another process has removed or renamed the staged directory meanwhile.
            Ok(_) => {}
            Err(error) => report.failed.push((target.path, error)),
        }
    }
    Ok(report)
}

/// Refuses a symbolic link in place of the directory.
fn refuse_link(fs: &dyn Fs, dir: &Path) -> Result<()> {
    // A separator or `.` at the end would make the lookup follow the link.
    let dir = dir.components().as_path();
    if fs.symlink_metadata(dir)?.file_type != FsFileType::Symlink {
        return Ok(());
    }
    let why = "it is a symbolic link; sweep the directory that it leads to";
    Err(lsm_fs::Error::new(Op::ReadDir, dir, io::Error::new(io::ErrorKind::NotADirectory, why)).into())
}

impl SweepReport {
    /// Adds a staged directory that was removed. The state of its target decides which list names it.
    fn add_cleared(&mut self, fs: &dyn Fs, target: Target) {
        match fs.symlink_metadata(&target.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => self.cleared.push(target.path),
            _ => {
                if is_unfinished(fs, &target.path) {
                    self.unfinished.push(target.path);
                }
                self.leftovers.push(target.staged);
            }
        }
    }
}

/// Returns `true` if a directory has the catalog of a checkpoint but lacks a file that makes a tree readable.
fn is_unfinished(fs: &dyn Fs, dir: &Path) -> bool {
    let is_missing = |pointer: PathBuf| fs.exists(&dir.join(pointer)).is_ok_and(|exists| !exists);
    Catalog::read(fs, dir).is_ok_and(|catalog| catalog.pointers().into_iter().any(is_missing))
}
