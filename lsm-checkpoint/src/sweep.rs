//! [`sweep`]: what dead processes left of checkpoints that they made or removed.

use std::path::{Path, PathBuf};

use lsm_fs::{Fs, FsFileType, SyncMode};

use crate::{
    Error, Result,
    target_life::{NameState, Target, clear_debris, target_name},
};

/// The result of a sweep.
#[derive(Debug, Default)]
#[non_exhaustive]
#[must_use = "it lists what could not be removed"]
pub struct SweepReport {
    /// Targets whose debris is gone.
    pub cleared: Vec<PathBuf>,
    /// Targets that somebody alive makes, restores or removes, or where the platform cannot tell: nothing was touched.
    pub in_progress: Vec<PathBuf>,
    /// Targets whose debris could not be removed, and why. The next sweep tries again.
    pub failed: Vec<(PathBuf, Error)>,
}

/// Finds and removes what dead processes left in a directory of checkpoints.
///
/// # Contract
///
/// Looks at the staged siblings of targets, `.{name}.checkpoint-staged`, and at nothing else: a published checkpoint is
/// never touched. A sibling whose owner lock is held belongs to a process that lives. One whose lock is free is
/// removed, under that lock, and durably; so is a target that its dead owner had begun to make in place or to remove.
///
/// Safe beside creators and other sweepers of the same directory, in this process and others. A creator that meets a
/// sweeper at its own target fails with [`InProgress`](Error::InProgress) and can try again.
///
/// Owners of other hosts do not show on a network filesystem (see
/// [`try_lock_directory`](lsm_fs::Fs::try_lock_directory)): sweep a directory from the host that makes its checkpoints.
///
/// An empty directory that has the name of a target beside debris counts as what the dead had begun.
///
/// It need not be called before a target is made again: its creator clears the debris of its own target.
///
/// # Crash semantics
///
/// Debris stays debris whatever of it survives, and the next sweep finds it.
///
/// # Errors
///
/// [`Fs`](Error::Fs) if the directory cannot be read. What fails for one target is in the report.
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
    let mut report = SweepReport::default();
    let fs = &*fs.beneath(dir)?;
    let entries = fs.read_dir(dir)?;
    for entry in entries.iter().filter(|entry| entry.file_type == FsFileType::Directory) {
        let Some(name) = target_name(&entry.name) else { continue };
        let path = dir.join(name);
        match Target::new(&path).and_then(|target| clear_debris(fs, &target, mode)) {
            Ok(NameState::Locked(_)) => report.cleared.push(path),
            Ok(state) if state.may_be_owned() => report.in_progress.push(path),
            // Somebody else was faster.
            Ok(_) => {}
            Err(error) => report.failed.push((path, error)),
        }
    }
    Ok(report)
}
