//! [`RepositoryFs::restore`]: a restore that resumes where a killed one stopped.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{Checkpoint, CheckpointDir, CheckpointInfo, Policy};
use lsm_fs::{Fs, FsDirLock, SyncMode, parent_of};

use super::{RepositoryFs, seed::Seed};
use crate::error::{Error, Result};

/// A longer name would be shortened by `lsm-checkpoint`.
const NAME_MAX: usize = 200;

const SUFFIX: &str = "checkpoint-staged";

impl RepositoryFs {
    /// Restores the backup to a target that does not exist, as [`lsm_checkpoint::restore`] does, with these options.
    /// The policy is always [`Independent`](Policy::Independent).
    ///
    /// # Contract
    ///
    /// If an earlier restore to the same target was killed, the bytes that it has written are taken from the local
    /// disk, in runs of up to 4 MiB. Only the other runs are fetched. All bytes are compared with their SHA-256. The
    /// debris of the earlier restore is removed at the end, also after an error.
    ///
    /// # Crash semantics
    ///
    /// The target is absent or complete, and complete after `Ok`. The next call, or
    /// [`sweep`](lsm_checkpoint::sweep()), clears the leftovers of a dead process.
    ///
    /// # Errors
    ///
    /// - [`BackupGone`](Error::BackupGone): the backup was forgotten and collected meanwhile. Nothing is left behind.
    /// - [`Checkpoint`](Error::Checkpoint): as [`lsm_checkpoint::restore`].
    /// - [`Fs`](Error::Fs): the debris of the earlier restore cannot be removed.
    pub fn restore(
        &self,
        fs: &Arc<dyn Fs>,
        target: &Path,
        options: &Checkpoint<'_>,
    ) -> Result<CheckpointInfo> {
        let checkpoint = CheckpointDir::open(Arc::new(self.clone()), self.dir())?;
        let debris = Debris::adopt(&**fs, target)?;
        if let Some(debris) = &debris {
            self.inner.fetcher.set_seed(Some(Seed { fs: Arc::clone(fs), dir: debris.dir.clone() }));
        }
        let outcome = options.policy(Policy::Independent).restore(&checkpoint, &**fs, target);
        self.inner.fetcher.set_seed(None);
        let removed = debris.map_or(Ok(()), |debris| debris.remove(&**fs));
        match outcome {
            Err(_) if self.inner.fetcher.is_gone() => Err(Error::BackupGone { backup: self.backup().id }),
            Err(error) => Err(error.into()),
            Ok(info) => removed.map(|()| info),
        }
    }
}

/// The staged directory of a dead restore, under a name of its own, with its owner lock.
///
/// The name has the form of a staged directory, so a sweep also finds it after a crash.
struct Debris {
    dir: PathBuf,
    _lock: Box<dyn FsDirLock>,
}

impl Debris {
    /// Takes over the staged directory of a dead restore. A restore under way keeps its own.
    fn adopt(fs: &dyn Fs, target: &Path) -> Result<Option<Self>> {
        let name = target.file_name().and_then(|name| name.to_str()).filter(|name| name.len() <= NAME_MAX);
        let Some(name) = name else { return Ok(None) };
        // If the target exists, the staged directory beside it may be the only sign that it is incomplete. So leave it.
        if fs.symlink_metadata(target).is_ok() {
            return Ok(None);
        }
        let staged = target.with_file_name(format!(".{name}.{SUFFIX}"));
        let kept = target.with_file_name(format!(".{name}.killed.{SUFFIX}"));
        if let Some(lock) = lock_of_dead(fs, &staged)? {
            if let Some(older) = lock_of_dead(fs, &kept)? {
                Self { dir: kept.clone(), _lock: older }.remove(fs)?;
            }
            return match fs.rename_noreplace(&staged, &kept) {
                Ok(()) => Ok(Some(Self { dir: kept, _lock: lock })),
                // The restore itself clears the directory then.
                Err(_) => Ok(None),
            };
        }
        Ok(lock_of_dead(fs, &kept)?.map(|lock| Self { dir: kept, _lock: lock }))
    }

    fn remove(self, fs: &dyn Fs) -> Result<()> {
        match fs.remove_dir_all(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(fs.sync_directory(parent_of(&self.dir), SyncMode::Normal).map(drop)?),
        }
    }
}

/// Locks a directory whose owner is dead. Returns `None` if there is no such directory, or if that is uncertain.
fn lock_of_dead(fs: &dyn Fs, dir: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
    match fs.try_lock_directory(dir) {
        Ok(Some(lock)) => Ok(if lock.is_at(dir)? { Some(lock) } else { None }),
        Ok(None) => Ok(None),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::Unsupported) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
