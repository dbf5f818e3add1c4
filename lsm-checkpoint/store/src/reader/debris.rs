//! [`Debris`]: the staged directory that a dead or a failed restore has left.

use std::{
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{Fs, FsDirLock, FsExt, FsMetadata, SyncMode, parent_of};

use crate::error::Result;

/// A longer name would be shortened by `lsm-checkpoint`.
const NAME_MAX: usize = 200;

const SUFFIX: &str = "checkpoint-staged";

/// The staged directory of a dead restore, under a name of its own, with its owner lock.
///
/// The name has the form of a staged directory, so a sweep also finds it after a crash.
pub(super) struct Debris {
    pub(super) dir: PathBuf,
    _lock: Box<dyn FsDirLock>,
}

impl Debris {
    /// Takes over the staged directory of a dead restore. A restore under way keeps its own.
    ///
    /// `files` are the paths of the backup's files. If an even earlier restore has left a directory too, it gets the
    /// files that it lacks or has in part.
    pub(super) fn adopt<'a>(
        fs: &dyn Fs,
        target: &Path,
        files: impl Iterator<Item = &'a str>,
    ) -> Result<Option<Self>> {
        let name = target.file_name().and_then(|name| name.to_str()).filter(|name| name.len() <= NAME_MAX);
        let Some(name) = name else { return Ok(None) };
        // If the target exists, the staged directory beside it may be the only sign that it is incomplete. So leave it.
        if fs.symlink_metadata(target).is_ok() {
            return Ok(None);
        }
        let staged = target.with_file_name(format!(".{name}.{SUFFIX}"));
        let kept = target.with_file_name(format!(".{name}.killed.{SUFFIX}"));
        let older = lock_of_dead(fs, &kept)?.map(|lock| Self { dir: kept.clone(), _lock: lock });
        let Some(lock) = lock_of_dead(fs, &staged)? else { return Ok(older) };
        if let Some(older) = older {
            move_files(fs, (&staged, &kept), files);
            Self { dir: staged, _lock: lock }.remove(fs)?;
            return Ok(Some(older));
        }
        match fs.rename_noreplace(&staged, &kept) {
            Ok(()) => Ok(Some(Self { dir: kept, _lock: lock })),
            // The restore itself clears the directory then.
            Err(_) => Ok(None),
        }
    }

    pub(super) fn remove(self, fs: &dyn Fs) -> Result<()> {
        match fs.remove_dir_all(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(fs.sync_directory(parent_of(&self.dir), SyncMode::Normal).map(drop)?),
        }
    }
}

/// Moves files to another directory that lacks them, or has less of them. A file that cannot be moved is fetched again.
fn move_files<'a>(fs: &dyn Fs, (from, to): (&Path, &Path), files: impl Iterator<Item = &'a str>) {
    // The view follows no link out of the directories.
    let Ok(view) = fs.beneath(parent_of(from)) else { return };
    for file in files {
        let [from, to] = [from, to].map(|dir| dir.join(file));
        let len =
            |path: &Path| view.symlink_metadata(path).ok().filter(FsMetadata::is_file).map(|there| there.len);
        if len(&from) > len(&to) {
            let _ = view.create_dir_all(parent_of(&to)).and_then(|()| view.rename(&from, &to));
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
