//! The pointers of a marked target. They show how far a dead process came, and they are removed before anything else.

use std::{io, path::Path};

use lsm_fs::{FileId, Fs, FsExt, SyncMode};

use super::{
    Target,
    marker::{MarkedOperation, Marker},
    parents_of, unless_gone,
};
use crate::{Error, Result, layout};

/// The state that a dead process left when it published a target file by file, the pointers last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PublishProgress {
    /// Every file has moved.
    Whole,
    /// Some pointers are still in the staged directory.
    Partial,
}

/// Finds out how far a dead process came with a publication. Without pointers, the target is whole if the staged
/// directory holds no file.
///
/// # Errors
///
/// [`Undecided`](Error::Undecided): a pointer is in neither directory, or each directory has a different file under its
/// name. An engine may have used the target since.
pub(super) fn publish_progress(fs: &dyn Fs, target: &Target, marker: &Marker) -> Result<PublishProgress> {
    let mut is_whole = !marker.pointers.is_empty() || !holds_file(fs, &target.staged)?;
    for pointer in &marker.pointers {
        let published = id_at(fs, &target.path.join(pointer))?;
        let staged = id_at(fs, &target.staged.join(pointer))?;
        match (published, staged) {
            (Some(_), None) => {}
            (None, Some(_)) => is_whole = false,
            // A crash can leave a file with both names of its rename (`MODEL.md` of `lsm-fs-mem`).
            (Some(Some(one)), Some(Some(other))) if one == other => {}
            _ => {
                return Err(Error::Undecided { target: target.path.clone(), staged: target.staged.clone() });
            }
        }
    }
    Ok(if is_whole { PublishProgress::Whole } else { PublishProgress::Partial })
}

/// Takes the pointers out of the target, durably, so that a target that has lost files is never readable. The pointers
/// of a publication move back to the staged directory, where their presence marks the target as incomplete.
pub(super) fn take_away(fs: &dyn Fs, target: &Target, marker: &Marker, mode: SyncMode) -> lsm_fs::Result<()> {
    let dir = &target.path;
    for pointer in &marker.pointers {
        let (path, staged) = (dir.join(pointer), target.staged.join(pointer));
        match marker.operation {
            MarkedOperation::Remove => unless_gone(fs.remove_file(&path))?,
            _ if !fs.exists(&path)? => {}
            // The file has both names. A rename would have no effect (`rename(2)`: hard links to the same file).
            _ if fs.exists(&staged)? => fs.remove_file(&path)?,
            _ => fs.rename(&path, &staged)?,
        }
    }
    for synced in parents_of(&marker.pointers) {
        unless_gone(fs.sync_directory(&dir.join(synced), mode).map(drop))?;
    }
    Ok(())
}

/// Returns the id of the file at a path. The outer `None` means that the path does not exist, and the inner one that
/// the platform has no ids.
fn id_at(fs: &dyn Fs, path: &Path) -> lsm_fs::Result<Option<Option<FileId>>> {
    match fs.symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata.file_id)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e),
    }
}

/// The depth of the deepest folder of a checkpoint: a folder of a tree.
const FOLDER_DEPTH_MAX: usize = 2 * layout::DEPTH_MAX;

/// Returns `true` if a staged directory, or a folder in it, holds an entry other than a directory. Directories that are
/// too deep to be folders of a checkpoint are not entered, because their paths may be longer than any call accepts.
fn holds_file(fs: &dyn Fs, staged: &Path) -> lsm_fs::Result<bool> {
    let mut dirs = vec![(staged.to_path_buf(), 0)];
    while let Some((dir, depth)) = dirs.pop() {
        for entry in fs.read_dir(&dir)? {
            if !entry.file_type.is_dir() {
                return Ok(true);
            }
            if depth < FOLDER_DEPTH_MAX {
                dirs.push((dir.join(&entry.name), depth + 1));
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use lsm_fs::FsOpenOptions;
    use lsm_fs_mem::MemFs;

    use super::*;
    use crate::target_life::Contents;

    fn touch(fs: &MemFs, path: &Path) {
        drop(fs.open(path, &FsOpenOptions::new().write(true).create_new(true)).unwrap());
    }

    #[test]
    fn without_pointers_a_file_in_the_staged_directory_shows_that_a_target_is_partial() {
        let (fs, target) = (MemFs::new(), Target::new(Path::new("/t")).unwrap());
        fs.create_dir_all(&target.staged.join("tables")).unwrap();
        let marker = Marker::publish(&Contents::default());
        assert_eq!(publish_progress(&fs, &target, &marker).unwrap(), PublishProgress::Whole);
        touch(&fs, &target.staged.join("tables/1"));
        assert_eq!(publish_progress(&fs, &target, &marker).unwrap(), PublishProgress::Partial);
    }

    #[test]
    fn files_are_searched_as_deep_as_a_checkpoint_has_folders() {
        for (depth, is_found) in [(0, true), (FOLDER_DEPTH_MAX, true), (FOLDER_DEPTH_MAX + 1, false)] {
            let (fs, staged) = (MemFs::new(), Path::new("/s"));
            let dir = (0..depth).fold(staged.to_path_buf(), |dir, _| dir.join("a"));
            fs.create_dir_all(&dir).unwrap();
            assert!(!holds_file(&fs, staged).unwrap(), "{depth}");
            touch(&fs, &dir.join("1"));
            assert_eq!(holds_file(&fs, staged).unwrap(), is_found, "{depth}");
        }
    }
}
