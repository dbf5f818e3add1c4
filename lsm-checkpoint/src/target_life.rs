//! The life of a target: its names, and how they are claimed, published, withdrawn and cleared.
//!
//! A checkpoint gets the target's name when it is whole, and loses it before it loses anything else. All else happens
//! under a second name beside it, the staged one. [`NameState`] says what has a name. [`claim()`] makes the staged
//! directory, [`Staging`] publishes it, and [`Withdrawal`] takes a published one back. [`clear_debris`] ends the work
//! of dead processes.

mod claim;
mod debris;
mod in_place;
mod inside;
mod inspect;
mod marker;
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

/// A target and the directory beside it in which it is made. Whoever holds that directory's owner lock may rename or
/// remove it, and nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    pub(crate) staged: PathBuf,
    /// `true` for a directory that exists, in which the staged directory lies.
    is_inside: bool,
}

impl Target {
    /// Normalises the path: `.` and repeated separators go. A name that is no text cannot be found again among staged
    /// ones, and what is named like a staged directory would be taken for one.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let invalid = || Error::InvalidTarget { target: path.to_path_buf() };
        let mut normal = PathBuf::new();
        for component in path.components().filter(|component| *component != Component::CurDir) {
            normal.push(component);
        }
        // A last component `..` has no name either.
        let name = normal.file_name().ok_or_else(invalid)?;
        if is_staged_name(name) {
            return Err(invalid());
        }
        let staged = normal.with_file_name(staged_name(name.to_str().ok_or_else(invalid)?));
        Ok(Self { path: normal, staged, is_inside: false })
    }

    /// A directory that exists, and that is filled from the staged directory in it.
    pub(crate) fn inside(dir: &Path) -> Self {
        Self { path: dir.to_path_buf(), staged: dir.join(STAGED_SUFFIX), is_inside: true }
    }

    /// The directory that holds the staged name.
    pub(crate) fn parent(&self) -> &Path {
        if self.is_inside { &self.path } else { parent_of(&self.path) }
    }

    /// Opens the parent for reading, as the sync of it will. A directory that may not be opened shows before anything
    /// is made or removed in it.
    pub(crate) fn check_parent(&self, fs: &dyn Fs) -> lsm_fs::Result<()> {
        fs.read_dir(self.parent()).map(drop)
    }

    /// The error for a target whose name something has.
    fn exists(self, fs: &dyn Fs) -> Error {
        let occupant = match is_empty_dir(fs, &self.path) {
            Ok(true) => Occupant::EmptyDirectory,
            Err(e) if e.kind() == io::ErrorKind::CrossesDevices => Occupant::MountPoint,
            Ok(false) | Err(_) => Occupant::Other,
        };
        Error::TargetExists { target: self.path, occupant }
    }

    /// `false` for a staged directory whose target has left no name.
    fn is_known(&self) -> bool {
        self.path != self.staged
    }

    /// The error for a staged name that another process has.
    fn in_progress(&self) -> Error {
        Error::InProgress { target: self.path.clone(), staged: self.staged.clone() }
    }
}

/// Tells if the filesystem cannot do this rename at all, as opposed to having failed.
fn is_refusal(error: &lsm_fs::Error) -> bool {
    error.kind() == io::ErrorKind::CrossesDevices || error.allows_fallback() && !is_permission(error)
}

fn is_permission(error: &lsm_fs::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// Counts a name that is not there as removed.
pub(crate) fn unless_gone(result: lsm_fs::Result<()>) -> lsm_fs::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// The directories of these files, each once.
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
