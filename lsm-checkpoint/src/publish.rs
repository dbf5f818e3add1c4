//! The names of a target: claimed, staged, published, undone.

mod claim;
mod in_place;
mod marker;

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Component, Path, PathBuf},
};

use lsm_fs::{DirectorySync, Fs, FsDirLock, FsExt, SyncMode, parent_of};

pub(crate) use claim::{Debris, claim, clear_debris, find_debris, remove_staged};
pub(crate) use in_place::{remove_partial, unless_gone};
pub(crate) use marker::{Doing, MARKER_FILE, Marker, unmark};

use crate::{Error, Result};

/// What stands behind the target's name in that of its staged directory.
pub(crate) const STAGED_SUFFIX: &str = ".checkpoint-staged";

/// A target and the directory beside it in which it is made. Whoever holds that directory's owner lock may rename or
/// remove it, and nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    pub(crate) staged: PathBuf,
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
        if name.to_str().is_none() || target_name(name).is_some() {
            return Err(invalid());
        }
        let staged = normal.with_file_name(staged_name(name));
        Ok(Self { path: normal, staged })
    }

    pub(crate) fn parent(&self) -> &Path {
        parent_of(&self.path)
    }
}

/// `.{name}.checkpoint-staged`
pub(crate) fn staged_name(name: &OsStr) -> OsString {
    let mut staged = OsString::from(".");
    staged.push(name);
    staged.push(STAGED_SUFFIX);
    staged
}

/// The target's name, if this is the name of a staged directory. A name such as `...checkpoint-staged` is none: the
/// path of its target would be the directory itself.
pub(crate) fn target_name(staged: &OsStr) -> Option<&str> {
    let name = staged.to_str()?.strip_prefix('.')?.strip_suffix(STAGED_SUFFIX)?;
    let is_name =
        matches!(Path::new(name).components().next(), Some(Component::Normal(whole)) if whole == name);
    is_name.then_some(name)
}

/// What a staged directory holds, relative to it.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// Each behind its parent, the first is the directory itself.
    pub(crate) dirs: Vec<PathBuf>,
    pub(crate) files: Vec<PathBuf>,
    /// Those of the files that make a tree readable.
    pub(crate) pointers: Vec<PathBuf>,
}

/// A claimed target. Dropped before it is published, it is undone: the guard of a checkpoint that did not finish.
#[derive(Debug)]
#[must_use = "a claim that is dropped is given up"]
pub(crate) struct Staging<'fs> {
    fs: &'fs dyn Fs,
    target: Target,
    mode: SyncMode,
    /// `None` where the platform cannot lock directories.
    lock: Option<Box<dyn FsDirLock>>,
    /// Whether the staged directory is still to be removed.
    armed: bool,
}

impl<'fs> Staging<'fs> {
    /// Where to make what the target will hold.
    pub(crate) fn dir(&self) -> &Path {
        &self.target.staged
    }

    pub(crate) fn fs(&self) -> &'fs dyn Fs {
        self.fs
    }

    /// Gives the staged directory the target's name, durably. All that is in it is durable already.
    ///
    /// # Errors
    ///
    /// The staged directory is gone, and the target is not there, except after
    /// [`PublishedNotDurable`](Error::PublishedNotDurable).
    pub(crate) fn publish(mut self, contents: &Contents) -> Result<DirectorySync> {
        match self.fs.rename_noreplace(&self.target.staged, &self.target.path) {
            Ok(()) => self.armed = false,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => match self.was_renamed() {
                // A network filesystem can report the effect of its own first attempt as an obstacle to the second.
                Ok(true) => self.armed = false,
                Ok(false) => {
                    let target = self.target.path.clone();
                    return Err(self.abandon(Error::TargetExists { target }));
                }
                Err(_) => return Err(self.abandon_renamed(e.into())),
            },
            Err(e) if is_refusal(&e) => return self.publish_in_place(contents),
            Err(e) => return Err(self.abandon_renamed(e.into())),
        }
        self.sync_published()
    }

    /// Tells if the staged directory has the target's name, although the rename reported an error.
    fn was_renamed(&self) -> lsm_fs::Result<bool> {
        match &self.lock {
            Some(lock) => lock.is_at(&self.target.path),
            // Nobody else may move the staged directory.
            None => self.fs.exists(&self.target.staged).map(|staged| !staged),
        }
    }

    fn sync_published(&self) -> Result<DirectorySync> {
        let synced = self.fs.sync_directory(self.target.parent(), self.mode);
        synced.map_err(|source| Error::PublishedNotDurable { target: self.target.path.clone(), source })
    }

    /// Undoes what was made, and returns the error that made it necessary.
    pub(crate) fn abandon(mut self, error: Error) -> Error {
        match self.undo() {
            Ok(()) => error,
            Err(failure) => error.left_behind(&self.target.staged, failure),
        }
    }

    /// The same after a rename whose failure may hide that it took place.
    fn abandon_renamed(mut self, error: Error) -> Error {
        let renamed = self.was_renamed();
        match renamed.and_then(|renamed| if renamed { self.rename_back() } else { Ok(()) }) {
            Ok(()) => self.abandon(error),
            Err(failure) => {
                // Whole, under one name or the other: the next attempt decides.
                self.armed = false;
                error.left_behind(&self.target.path, failure)
            }
        }
    }

    /// While a crash can bring the target's name back, what it names has to stay whole.
    fn rename_back(&self) -> lsm_fs::Result<()> {
        let Target { path, staged } = &self.target;
        match self.fs.rename_noreplace(path, staged) {
            Err(e) if is_refusal(&e) => self.fs.rename(path, staged)?,
            // Another creator may have claimed the staged name since the rename took place.
            renamed => renamed?,
        }
        self.fs.sync_directory(self.target.parent(), self.mode).map(drop)
    }

    fn undo(&mut self) -> lsm_fs::Result<()> {
        self.armed = false;
        match self.fs.remove_dir_all(&self.target.staged) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        // Debris that comes back after a crash is harmless, and only the sweep would find it.
        self.fs.sync_directory(self.target.parent(), self.mode).map(drop)
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        if self.armed
            && let Err(failure) = self.undo()
        {
            log::warn!("{} was left behind: {failure}", self.target.staged.display());
        }
    }
}

/// Whether the filesystem cannot do this rename at all, as opposed to having failed.
pub(crate) fn is_refusal(error: &lsm_fs::Error) -> bool {
    error.kind() == io::ErrorKind::CrossesDevices || error.allows_fallback() && !is_permission(error)
}

fn is_permission(error: &lsm_fs::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
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

    #[test]
    fn a_staged_name_tells_its_target() {
        assert_eq!(target_name(&staged_name(OsStr::new("daily"))), Some("daily"));
        for other in [
            "daily",
            ".daily",
            ".checkpoint-staged",
            "..checkpoint-staged.",
            "x.daily.checkpoint-staged",
            "..checkpoint-staged",
            "...checkpoint-staged",
            "....checkpoint-staged",
        ] {
            assert_eq!(target_name(OsStr::new(other)), None, "{other}");
        }
    }
}
