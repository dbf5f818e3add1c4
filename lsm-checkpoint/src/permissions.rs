//! [`Keeper`]: the modes and owners of the files that a checkpoint or a restore makes.
//!
//! Every file and directory is first made private to its owner, and then gets its final owner and mode. Only inodes
//! that this call has made are changed, because a link shares its inode with the live database.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

pub(crate) use lsm_fs::Permissions;
use lsm_fs::{Fs, FsAbilities, FsFile, FsMetadata, FsPermissions, PermissionsSet};

use crate::{Error, Result};

/// The bits that a file takes from the mode of a directory.
const FILE_BITS: u32 = 0o666;

/// The owner's bits that a file needs while it is written, and a directory needs as long as it is used.
const OWN_FILE: u32 = 0o600;
const OWN_DIR: u32 = 0o700;

/// The owner and group of the files and directories that a restore makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoredOwner {
    /// The owner and group that the catalog records. A refusal is counted in
    /// [`CheckpointInfo::owners_not_kept`](crate::CheckpointInfo::owners_not_kept).
    #[default]
    Kept,
    /// The owner and group that the system gives to every new file of this process.
    OfProcess,
    /// This owner and group. If they are refused, the call fails with [`OwnerRefused`](crate::Error::OwnerRefused)
    /// before it makes any file.
    Given {
        /// The number of the owner.
        owner: u32,
        /// The number of the group.
        group: u32,
    },
}

/// A setter of the permissions of files and directories, which counts refusals.
#[derive(Debug)]
pub(crate) struct Keeper {
    /// The permissions of the source's first directory.
    of_root: Option<Permissions>,
    /// `true` if the target's filesystem has permissions.
    is_able: bool,
    owner: RestoredOwner,
    modes_refused: AtomicU64,
    owners_refused: AtomicU64,
}

/// The numbers of files and directories whose permissions differ from the source's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NotKept {
    pub(crate) modes: u64,
    pub(crate) owners: u64,
}

impl Keeper {
    /// Creates a keeper for a source whose first directory has these permissions, and a target on this filesystem.
    pub(crate) fn new(fs: &dyn Fs, of_root: Option<Permissions>, owner: RestoredOwner) -> Self {
        let (modes_refused, owners_refused) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { of_root, is_able: ability(fs).is_some(), owner, modes_refused, owners_refused }
    }

    /// Gives the staged directory to the owner that the caller has chosen. If this is refused, it would be refused for
    /// every file, so the call fails.
    pub(crate) fn begin(&self, fs: &dyn Fs, staged: &Path) -> Result<()> {
        let RestoredOwner::Given { owner, group } = self.owner else { return Ok(()) };
        let set = set_directory(fs, staged, Permissions { mode: OWN_DIR, owner, group })?;
        if set.owner {
            Ok(())
        } else {
            Err(Error::OwnerRefused { staged: staged.to_path_buf(), owner, group })
        }
    }

    /// Returns `true` if files are to be made private.
    pub(crate) const fn is_able(&self) -> bool {
        self.is_able
    }

    /// Returns the permissions of the target, and of a directory that the source does not have.
    pub(crate) const fn of_root(&self) -> Option<Permissions> {
        self.of_root
    }

    /// Returns the permissions of a file that is written from memory.
    pub(crate) fn of_written_file(&self) -> Option<Permissions> {
        self.of_root.map(|root| root.with_mode(root.mode & FILE_BITS | OWN_FILE))
    }

    /// Sets the permissions of a file that this call has made, through the handle that made it and before its sync.
    pub(crate) fn file(&self, file: &dyn FsFile, to: Option<Permissions>) -> lsm_fs::Result<()> {
        let Some(to) = to else { return Ok(()) };
        let set = if self.is_able {
            file.set_permissions(&self.owned(to, || file.metadata())?)?
        } else {
            PermissionsSet::default()
        };
        self.count(set);
        Ok(())
    }

    /// Returns the mode to create a file with, so that [`file`](Self::file) has nothing left to change. `None` stands
    /// for a private file, because the file would first have another owner or group.
    ///
    /// `dir` has the permissions of the directory that this call has made for the file. A new file in it mostly gets
    /// the same owner and group: both groups come from the process, or both from the directory above
    /// (`inode_init_owner` in `fs/inode.c`). Where this is not so, [`file`](Self::file) corrects it, and until then the
    /// staged directory lets only its owner in.
    pub(crate) fn created_with(&self, to: Option<Permissions>, dir: Option<Permissions>) -> Option<u32> {
        let (to, dir) = (to?, dir?);
        let fits = match self.owner {
            RestoredOwner::Kept => (to.owner, to.group) == (dir.owner, dir.group),
            RestoredOwner::OfProcess => true,
            // The first directory already has the given owner, and a file in it has the process's owner at first.
            RestoredOwner::Given { .. } => false,
        };
        // The owner can write the file until it has its own mode.
        fits.then_some(to.mode | OWN_FILE)
    }

    /// Sets the permissions of a directory that this call has made. Its owner can always use it.
    pub(crate) fn directory(&self, fs: &dyn Fs, dir: &Path, to: Option<Permissions>) -> lsm_fs::Result<()> {
        let Some(to) = to else { return Ok(()) };
        let to = self.owned(to, || fs.symlink_metadata(dir))?;
        self.count(set_directory(fs, dir, to)?);
        Ok(())
    }

    /// Returns the permissions with the owner that the caller has chosen. `made` returns the metadata of the new file
    /// or directory.
    fn owned(
        &self,
        to: Permissions,
        made: impl FnOnce() -> lsm_fs::Result<FsMetadata>,
    ) -> lsm_fs::Result<Permissions> {
        Ok(match self.owner {
            RestoredOwner::Kept => to,
            RestoredOwner::OfProcess => made()?.permissions.map_or(to, |made| made.with_mode(to.mode)),
            RestoredOwner::Given { owner, group } => Permissions { owner, group, ..to },
        })
    }

    pub(crate) fn not_kept(&self) -> NotKept {
        NotKept {
            modes: self.modes_refused.load(Ordering::Relaxed),
            owners: self.owners_refused.load(Ordering::Relaxed),
        }
    }

    fn count(&self, set: PermissionsSet) {
        self.modes_refused.fetch_add(u64::from(!set.mode), Ordering::Relaxed);
        self.owners_refused.fetch_add(u64::from(!set.owner), Ordering::Relaxed);
    }
}

/// Makes a directory that only its owner can use, where the filesystem has permissions.
pub(crate) fn create_private_dir(fs: &dyn Fs, path: &Path) -> lsm_fs::Result<()> {
    ability(fs).map_or_else(|| fs.create_dir(path), |ability| ability.create_private_dir(path))
}

/// Returns the permissions of a directory that this call has made, for [`Keeper::created_with`]. A failure is reported
/// although the files could be created private: it is the first sign of a volume that has failed.
pub(crate) fn permissions_of_new_dir(fs: &dyn Fs, dir: &Path) -> lsm_fs::Result<Option<Permissions>> {
    fs.symlink_metadata(dir).map(|found| found.permissions)
}

/// Copies permissions to a directory that this call has made, from the directory that stood in for it.
pub(crate) fn carry_over(fs: &dyn Fs, from: &Path, to: &Path) -> lsm_fs::Result<()> {
    if ability(fs).is_some()
        && let Some(permissions) = fs.symlink_metadata(from)?.permissions
    {
        // Ignore a refusal. The first directory had the same one, and it is already counted.
        let _ = set_directory(fs, to, permissions)?;
    }
    Ok(())
}

fn set_directory(fs: &dyn Fs, dir: &Path, to: Permissions) -> lsm_fs::Result<PermissionsSet> {
    let to = to.with_mode(to.mode | OWN_DIR);
    ability(fs).map_or(Ok(PermissionsSet::default()), |ability| ability.set_directory_permissions(dir, &to))
}

fn ability(fs: &dyn Fs) -> Option<&dyn FsPermissions> {
    fs.abilities().and_then(FsAbilities::permissions)
}

/// Returns the metadata of an entry, or `None` if it is missing.
pub(crate) fn unless_missing(found: lsm_fs::Result<FsMetadata>) -> lsm_fs::Result<Option<FsMetadata>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_created_with_its_mode_only_if_owner_and_group_fit_at_once() {
        let keeper = |owner| Keeper {
            of_root: None,
            is_able: true,
            owner,
            modes_refused: AtomicU64::new(0),
            owners_refused: AtomicU64::new(0),
        };
        let dir = Permissions { mode: 0o700, owner: 1, group: 2 };
        let to = dir.with_mode(0o640);
        let kept = keeper(RestoredOwner::Kept);
        assert_eq!(kept.created_with(Some(to), Some(dir)), Some(0o640));
        assert_eq!(
            kept.created_with(Some(to.with_mode(0o440)), Some(dir)),
            Some(0o640),
            "it is written first"
        );
        assert_eq!(kept.created_with(Some(Permissions { owner: 0, ..to }), Some(dir)), None);
        assert_eq!(kept.created_with(Some(Permissions { group: 0, ..to }), Some(dir)), None);
        assert_eq!(kept.created_with(Some(to), None), None, "no permissions in the target");
        assert_eq!(kept.created_with(None, Some(dir)), None, "no permissions in the source");
        let of_another = Permissions { owner: 7, group: 7, ..to };
        let of_process = keeper(RestoredOwner::OfProcess);
        assert_eq!(of_process.created_with(Some(of_another), Some(dir)), Some(0o640));
        let given = keeper(RestoredOwner::Given { owner: 1, group: 2 });
        assert_eq!(given.created_with(Some(to), Some(dir)), None);
    }
}
