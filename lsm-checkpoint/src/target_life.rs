//! The life of a target: how its names are claimed, published, withdrawn and cleared.
//!
//! Where directories can be renamed, a checkpoint gets the target's name when it is whole, and loses the name before it
//! loses anything else. While it is not whole, it has a name beside the target, the *staged name*. [`claim()`] makes
//! the staged directory, [`Staging`] publishes it, and [`Withdrawal`] removes a published target. [`clear_debris`]
//! clears the debris of dead processes. [`NameState`] is the state of either name.

mod claim;
mod debris;
mod in_place;
mod inside;
mod inspect;
mod marker;
mod pointers;
mod publish;
mod staged_name;
mod withdraw;

use std::{
    io,
    path::{Component, Path, PathBuf},
};

use lsm_fs::{Fs, parent_of};

pub(crate) use claim::claim;
pub(crate) use debris::clear_debris;
pub(crate) use in_place::create_dir_or_own;
use in_place::is_empty_dir;
pub(crate) use inspect::NameState;
pub(crate) use publish::{Contents, Staging};
pub(crate) use staged_name::{Siblings, is_staged_name};
pub(crate) use withdraw::{Withdrawal, Withdrawn, left_at};

use staged_name::staged_name;

use crate::{Error, Occupant, Result, reserved::STAGED_SUFFIX};

/// A target, and the staged directory beside it in which it is made. Only the holder of the owner lock of the staged
/// directory may rename or remove that directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    pub(crate) staged: PathBuf,
    /// `true` if the target is an existing directory and the staged directory lies in it.
    is_inside: bool,
}

impl Target {
    /// Normalises the path: removes `.` and repeated separators. Refuses a name that is not UTF-8, because a sweep
    /// could not derive it from the staged name. Refuses the name of a staged directory, because a sweep would treat
    /// the target as one.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let invalid = || Error::InvalidTarget { target: path.to_path_buf() };
        let mut normal = PathBuf::new();
        for component in path.components().filter(|component| *component != Component::CurDir) {
            normal.push(component);
        }
        // A path that ends in `..` has no name either.
        let name = normal.file_name().ok_or_else(invalid)?;
        if is_staged_name(name) {
            return Err(invalid());
        }
        let staged = normal.with_file_name(staged_name(name.to_str().ok_or_else(invalid)?));
        Ok(Self { path: normal, staged, is_inside: false })
    }

    /// Creates the target for an existing directory, which is filled from a staged directory in it.
    pub(crate) fn inside(dir: &Path) -> Self {
        Self { path: dir.to_path_buf(), staged: dir.join(STAGED_SUFFIX), is_inside: true }
    }

    /// Returns the directory that holds the staged name.
    pub(crate) fn parent(&self) -> &Path {
        if self.is_inside { &self.path } else { parent_of(&self.path) }
    }

    /// Opens the parent for reading. A later sync needs the same right, so without it the call fails before anything is
    /// made or removed.
    pub(crate) fn check_parent(&self, fs: &dyn Fs) -> lsm_fs::Result<()> {
        fs.read_dir(self.parent()).map(drop)
    }

    /// Returns the error for a target whose name is taken.
    fn exists(self, fs: &dyn Fs) -> Error {
        let occupant = match is_empty_dir(fs, &self.path) {
            Ok(true) => Occupant::EmptyDirectory,
            Err(e) if e.kind() == io::ErrorKind::CrossesDevices => Occupant::MountPoint,
            Ok(false) | Err(_) => Occupant::Other,
        };
        Error::TargetExists { target: self.path, occupant }
    }

    /// Returns `false` if this stands for a staged directory whose target's name cannot be determined.
    fn is_known(&self) -> bool {
        self.path != self.staged
    }

    /// Returns the error for a target that another process is working on.
    fn in_progress(&self) -> Error {
        Error::InProgress { target: self.path.clone(), staged: self.staged.clone() }
    }
}

/// Returns `true` if the filesystem does not support this rename. `false` means that the rename failed.
fn is_refusal(error: &lsm_fs::Error) -> bool {
    error.kind() == io::ErrorKind::CrossesDevices || error.allows_fallback() && !is_permission(error)
}

fn is_permission(error: &lsm_fs::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// Counts a missing name as removed.
pub(crate) fn unless_gone(result: lsm_fs::Result<()>) -> lsm_fs::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Removes a directory if it is empty. Returns `true` if it is gone afterwards.
pub(crate) fn remove_if_empty(fs: &dyn Fs, dir: &Path) -> lsm_fs::Result<bool> {
    match unless_gone(fs.remove_dir(dir)) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
        Err(e) => Err(e),
    }
}

/// Returns the directories of these files, each once.
pub(crate) fn parents_of<'p>(files: impl IntoIterator<Item = &'p PathBuf>) -> Vec<&'p Path> {
    let mut dirs: Vec<&Path> = files.into_iter().filter_map(|file| file.parent()).collect();
    dirs.sort_unstable();
    dirs.dedup();
    dirs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised() {
        for (path, normal, staged) in [
            ("backup", "backup", ".backup.checkpoint-staged"),
            ("./a/./b/", "a/b", "a/.b.checkpoint-staged"),
            ("/a//b", "/a/b", "/a/.b.checkpoint-staged"),
            ("../b", "../b", "../.b.checkpoint-staged"),
        ] {
            let target = Target::new(Path::new(path)).unwrap();
            assert_eq!(
                (target.path.as_path(), target.staged.as_path()),
                (Path::new(normal), Path::new(staged))
            );
        }
        assert_eq!(Target::new(Path::new("b")).unwrap().parent(), Path::new("."));
    }

    #[test]
    fn paths_without_a_name_are_refused() {
        for path in ["", ".", "/", "..", "a/..", "./.", "a/.daily.checkpoint-staged"] {
            assert!(matches!(Target::new(Path::new(path)), Err(Error::InvalidTarget { .. })), "{path}");
        }
    }
}
