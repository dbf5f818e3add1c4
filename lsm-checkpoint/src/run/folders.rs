//! [`FolderPermissions`]: the permissions of the directories of a checkpoint.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use lsm_fs::{Fs, FsMetadata, Permissions, parent_of};

use crate::{
    Result, SourceRoot,
    permissions::{Keeper, unless_missing},
    plan::{Plan, PlannedFolder},
    source::Content,
};

/// The permissions that each directory of a plan has in the source.
///
/// A folder takes the permissions of the directory that its first file lies in. Symbolic links of a live source are
/// followed to that directory. A directory without such a file takes the permissions at its path below the source's
/// first directory. If there are none, it takes the permissions of the source's first directory itself.
#[derive(Debug)]
pub(super) struct FolderPermissions {
    of_root: Option<Permissions>,
    known: HashMap<PathBuf, Permissions>,
}

impl FolderPermissions {
    pub(super) fn new(keeper: &Keeper, roots: &[SourceRoot], plan: &Plan) -> Result<Self> {
        let mut known = HashMap::new();
        if keeper.is_able() {
            let folders: HashMap<&Path, &PlannedFolder> =
                plan.folders().map(|folder| (folder.dir.as_path(), folder)).collect();
            for dir in plan.dirs.iter().skip(1) {
                let found = match folders.get(dir.as_path()).and_then(|folder| first_dir(folder)) {
                    Some(found) => found?,
                    None => None,
                };
                let found = match roots.first() {
                    Some(root) => below(root, dir, found)?,
                    None => found,
                };
                known.extend(found.map(|permissions| (dir.clone(), permissions)));
            }
        }
        Ok(Self { of_root: keeper.of_root(), known })
    }

    /// Returns the permissions of a directory, by its path in the checkpoint.
    pub(super) fn of(&self, dir: &Path) -> Option<Permissions> {
        self.known.get(dir).copied().or(self.of_root)
    }
}

/// Returns the permissions of the source's first directory, if there is one.
pub(super) fn of_first(roots: &[SourceRoot]) -> lsm_fs::Result<Option<Permissions>> {
    let Some(root) = roots.first() else { return Ok(None) };
    Ok(unless_missing(root.fs.metadata(&root.path))?.and_then(|found| root.keeps("", &found)))
}

/// Returns the permissions of the directory that the first file of a folder lies in. Returns `None` if no file of the
/// folder lies in the source.
fn first_dir(folder: &PlannedFolder) -> Option<lsm_fs::Result<Option<Permissions>>> {
    folder.files.iter().find_map(|file| match &file.content {
        Content::Immutable { fs, path, .. }
        | Content::Mutable { fs, path, .. }
        | Content::Prefix { fs, path, .. } => {
            let found = directory(&**fs, parent_of(path), file.root.is_none());
            Some(found.map(|found| found.and_then(|there| there.permissions)))
        }
        Content::Bytes(_) => None,
    })
}

/// Returns the permissions at a path below the source's first directory. If they are unknown, or if a live source has
/// files in the folder, returns `found`, the permissions of the directory of these files.
fn below(root: &SourceRoot, dir: &Path, found: Option<Permissions>) -> lsm_fs::Result<Option<Permissions>> {
    if found.is_some() && !root.is_untrusted {
        return Ok(found);
    }
    let there = directory(&*root.fs, &root.path.join(dir), !root.is_untrusted)?;
    let text = dir.iter().map(|name| name.to_string_lossy()).collect::<Vec<_>>().join("/");
    Ok(there.and_then(|there| root.keeps(&text, &there)).or(found))
}

/// Returns the metadata of a directory of the source, if there is one. A symbolic link is followed only in a live
/// source.
fn directory(fs: &dyn Fs, path: &Path, is_live: bool) -> lsm_fs::Result<Option<FsMetadata>> {
    let found = if is_live { fs.metadata(path) } else { fs.symlink_metadata(path) };
    Ok(unless_missing(found)?.filter(FsMetadata::is_dir))
}
