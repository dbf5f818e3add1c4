//! [`sweep`]: what dead processes left of checkpoints that they made or removed.

use std::{
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{Fs, FsExt, FsFileType, SyncMode};

use crate::{
    Catalog, Error, Result,
    target_life::{NameState, Siblings, Target, clear_debris},
};

/// The result of a sweep.
#[derive(Debug, Default)]
#[non_exhaustive]
#[must_use = "it lists what could not be removed"]
pub struct SweepReport {
    /// Targets that dead processes had begun to make or to remove. Nothing of them is left. Where the name of a staged
    /// directory was shortened and its target is gone, the staged directory itself.
    pub cleared: Vec<PathBuf>,
    /// Staged directories that were removed beside a target that stays: it is whole, or something else. Of a target
    /// that is whole only the mark of a process that died at the very end is taken away.
    pub leftovers: Vec<PathBuf>,
    /// Targets among those that stay that have a catalog and lack files that make them readable: a removal on a full
    /// disk was cut short before it could leave a mark. [`remove`](crate::remove()) finishes it.
    pub unfinished: Vec<PathBuf>,
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
/// never touched. For a target with a long name the sibling is called `.{prefix}~{hash}.checkpoint-staged`. A sibling
/// whose owner lock is held belongs to a process that lives. One whose lock is free is removed, under that lock, and
/// durably. So is a target that its dead owner had begun to make in place or to remove.
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
    let siblings = Siblings::new(dir, &entries);
    for entry in entries.iter().filter(|entry| entry.file_type == FsFileType::Directory) {
        let Some(target) = siblings.target_of(&entry.name) else { continue };
        match clear_debris(fs, &target, mode) {
            Ok(NameState::Locked(_)) => report.add_cleared(fs, target),
            Ok(state) if state.may_be_owned() => report.in_progress.push(target.path),
            // Somebody else was faster.
            Ok(_) => {}
            Err(error) => report.failed.push((target.path, error)),
        }
    }
    Ok(report)
}

impl SweepReport {
    /// Adds a staged directory that is gone, by what is at its target's name now.
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

/// Tells if a directory has the catalog of a checkpoint, and not all that makes its trees readable.
fn is_unfinished(fs: &dyn Fs, dir: &Path) -> bool {
    let is_missing = |pointer: PathBuf| fs.exists(&dir.join(pointer)).is_ok_and(|exists| !exists);
    Catalog::read(fs, dir).is_ok_and(|catalog| catalog.pointers().into_iter().any(is_missing))
}
