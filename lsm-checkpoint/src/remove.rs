//! [`Removal`]: a checkpoint ends in one step, and stays away.

mod erase;
mod survey;

use std::{
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{Fs, FsDirLock, FsExt, FsMetadata, SyncMode};

use erase::erase;
use survey::{Names, Survey};

use crate::{
    CATALOG_FILE, Catalog, Error, Result,
    publish::{
        Debris, Doing, MARKER_FILE, Marker, Target, find_debris, is_refusal, remove_partial, remove_staged,
        unmark,
    },
    sweep::{self, Outcome},
};

/// Each attempt but the last found debris of the target's, and cleared it.
const ATTEMPTS: u32 = 4;

/// Removes a checkpoint, with the defaults of [`Removal`] and this sync mode.
///
/// # Errors
///
/// As [`Removal::run`].
///
/// # Examples
///
/// ```
/// # use lsm_checkpoint::{Error, remove};
/// # use lsm_fs::{StdFs, SyncMode};
/// # let dir = tempfile::tempdir()?;
/// # let daily = dir.path();
/// match remove(&StdFs, &daily.join("monday"), SyncMode::Normal) {
///     Ok(report) => println!("gone; {} entries were left", report.left.len()),
///     Err(Error::NotACheckpoint { .. }) => println!("there was none"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn remove(fs: &dyn Fs, target: &Path, mode: SyncMode) -> Result<RemoveReport> {
    Removal::new().sync_mode(mode).run(fs, target)
}

/// Removes checkpoints; holds the options.
///
/// # Examples
///
/// A checkpoint whose catalog is damaged, or in which an engine has left files of its own:
///
/// ```
/// use lsm_checkpoint::{Error, Removal};
/// use lsm_fs::StdFs;
///
/// # let dir = tempfile::tempdir()?;
/// # let monday = dir.path().join("monday");
/// match Removal::new().force(true).run(&StdFs, &monday) {
///     Ok(report) => report.left.iter().for_each(|path| println!("left: {}", path.display())),
///     Err(Error::NotACheckpoint { .. }) => println!("there was none"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Removal {
    mode: SyncMode,
    force: bool,
}

/// The result of a removal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoveReport {
    /// Entries that were left where they are, relative to the checkpoint. If there are any, so is its directory.
    pub left: Vec<PathBuf>,
}

impl Removal {
    /// Ordinary syncs, and no force.
    #[must_use]
    pub const fn new() -> Self {
        Self { mode: SyncMode::Normal, force: false }
    }

    /// Sets how far each sync reaches.
    #[must_use]
    pub const fn sync_mode(mut self, mode: SyncMode) -> Self {
        self.mode = mode;
        self
    }

    /// Removes a checkpoint also if its catalog cannot be read, or if it holds entries that its catalog does not name.
    ///
    /// Then these go: the names of the catalog, if it can be read, and regular files called `CHECKPOINT`, `current`,
    /// `v{N}` and `edits-{N}`, and those in `tables`, `blobs` and `dicts`. They are looked for in the checkpoint's
    /// directory, in the folders that the catalog names, and in folders that hold a `current` or a `v{N}`. Anything
    /// else stays and is reported.
    #[must_use]
    pub const fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Removes a checkpoint.
    ///
    /// # Contract
    ///
    /// First the name goes, in one step: the checkpoint becomes its own staged sibling `.{name}.checkpoint-staged`,
    /// which no reader takes for a checkpoint. When that is durable its files are removed. Files that are shared with
    /// the source or with other checkpoints live on there. Where the filesystem cannot rename a directory so, the
    /// checkpoint is marked, loses its pointers, durably, and then the rest.
    ///
    /// The checkpoint needs a readable catalog and may hold only entries that the catalog names, and these: regular
    /// files called `LOCK`, `lock`, `.DS_Store` and `Thumbs.db`, and empty folders. They go with it.
    /// [`force`](Self::force) lifts both conditions.
    ///
    /// Entries called `lost+found` or `.nfs*` belong to the filesystem and stay. If there are any, or if `force` meets
    /// other entries that stay, the files are removed one by one: pointers first, durably, and the catalog last.
    ///
    /// # Crash semantics
    ///
    /// At every moment a crash leaves the checkpoint whole, or gone up to debris that [`sweep`](crate::sweep()) and the
    /// next creator of the same target clear. Where something stays, a crash can leave a checkpoint that has lost its
    /// pointers; it is listed as incomplete, and repeating the call finishes the removal. After `Ok` it does not come
    /// back.
    ///
    /// # Errors
    ///
    /// - [`NotACheckpoint`](Error::NotACheckpoint): nothing is there, or a symbolic link, or a directory without a
    ///   regular file `CHECKPOINT`.
    /// - [`Stranger`](Error::Stranger): the checkpoint holds an entry that its catalog does not name.
    /// - [`BadCatalog`](Error::BadCatalog), [`UnsupportedFormat`](Error::UnsupportedFormat),
    ///   [`UnsupportedFeatures`](Error::UnsupportedFeatures), [`Manifest`](Error::Manifest): the catalog cannot be
    ///   read.
    /// - [`InProgress`](Error::InProgress): another process publishes or removes it, or makes another one of the same
    ///   name.
    /// - [`RemovedNotDurable`](Error::RemovedNotDurable): a crash may bring it back, whole.
    /// - [`LeftBehind`](Error::LeftBehind) around [`Fs`](Error::Fs): the name is gone for good and some of the files
    ///   are not; or the filesystem fails so that the attempt could not be rolled back, or that its result is unknown.
    ///   If the checkpoint still has its name and no staged sibling, repeat the call; otherwise sweep.
    /// - [`Fs`](Error::Fs): the checkpoint is as it was.
    pub fn run(&self, fs: &dyn Fs, target: &Path) -> Result<RemoveReport> {
        let target = Target::new(target)?;
        let fs = &*view_of_parent(fs, &target)?;
        // Before the lock, because the lock of a live directory is its engine's; and again after it, because the name
        // may have been bound to another directory in between.
        refuse_others(fs, &target)?;
        let lock = lock(fs, &target)?;
        refuse_others(fs, &target)?;
        let survey = self.survey(fs, &target)?;
        let left: Vec<_> = survey.kept.into_iter().chain(survey.strangers).collect();
        if left.is_empty() {
            remove_whole(fs, &target, lock.as_deref(), self.mode)?;
        } else if let Err(error) = erase(fs, &target.path, &survey.removable, self.mode) {
            return Err(left_at(&target.path, error));
        }
        Ok(RemoveReport { left })
    }

    /// Looks at every entry of the checkpoint, and refuses those that may not go.
    fn survey(&self, fs: &dyn Fs, target: &Target) -> Result<Survey> {
        let mut names = match Catalog::read(fs, &target.path) {
            Ok(catalog) => Names::of_catalog(&catalog),
            Err(error) if self.force && is_unreadable(&error) => Names::default(),
            Err(error) => return Err(error),
        };
        if self.force {
            names.add_documented(fs, &target.path)?;
        }
        let survey = Survey::of(fs, &target.path, &names)?;
        match survey.strangers.first() {
            Some(stranger) if !self.force => {
                Err(Error::Stranger { target: target.path.clone(), path: stranger.clone() })
            }
            _ => Ok(survey),
        }
    }
}

/// Tells if a catalog is there and says nothing: it is damaged, or of a later version.
const fn is_unreadable(error: &Error) -> bool {
    matches!(
        error,
        Error::BadCatalog { .. }
            | Error::UnsupportedFormat { .. }
            | Error::UnsupportedFeatures { .. }
            | Error::Manifest(_)
    )
}

/// Removes a checkpoint in which nothing stays.
fn remove_whole(fs: &dyn Fs, target: &Target, lock: Option<&dyn FsDirLock>, mode: SyncMode) -> Result<()> {
    for _ in 0..ATTEMPTS {
        match fs.rename_noreplace(&target.path, &target.staged) {
            Ok(()) => return remove_renamed(fs, target, mode),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => match was_renamed(fs, target, lock) {
                // A network filesystem can report the effect of its own first attempt as an obstacle to the second.
                Ok(true) => return remove_renamed(fs, target, mode),
                Ok(false) => match sweep::clear(fs, target, mode)? {
                    Outcome::InProgress => break,
                    Outcome::Cleared | Outcome::Gone => {}
                },
                Err(_) => return Err(undo_rename(fs, target, lock, e, mode)),
            },
            Err(e) if is_refusal(&e) => return remove_in_place(fs, target, lock.is_some(), mode),
            Err(e) => return Err(undo_rename(fs, target, lock, e, mode)),
        }
    }
    Err(in_progress(target))
}

/// Tells if the checkpoint has the staged name, although the rename reported an error.
fn was_renamed(fs: &dyn Fs, target: &Target, lock: Option<&dyn FsDirLock>) -> lsm_fs::Result<bool> {
    match lock {
        Some(lock) => lock.is_at(&target.staged),
        None => fs.exists(&target.path).map(|there| !there),
    }
}

/// Opens a view of the directory that holds the checkpoint, so that nothing below is reached through a link or a mount.
fn view_of_parent<'fs>(fs: &'fs dyn Fs, target: &Target) -> Result<Box<dyn Fs + 'fs>> {
    fs.beneath(target.parent()).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Error::NotACheckpoint { dir: target.path.clone() }
        }
        _ => error.into(),
    })
}

/// Refuses all but a directory with a regular file that has the name of a catalog.
fn refuse_others(fs: &dyn Fs, target: &Target) -> Result<()> {
    let is = |path: &Path, is_right: fn(&FsMetadata) -> bool| match fs.symlink_metadata(path) {
        Ok(metadata) => Ok(is_right(&metadata)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(e) => Err(Error::from(e)),
    };
    if is(&target.path, FsMetadata::is_dir)? && is(&target.path.join(CATALOG_FILE), FsMetadata::is_file)? {
        return Ok(());
    }
    Err(Error::NotACheckpoint { dir: target.path.clone() })
}

/// Takes the owner lock, which follows the rename: no sweeper takes the removal for debris while it goes on. `None`
/// where the platform has no such locks.
fn lock(fs: &dyn Fs, target: &Target) -> Result<Option<Box<dyn FsDirLock>>> {
    let not_a_checkpoint = || Error::NotACheckpoint { dir: target.path.clone() };
    match fs.symlink_metadata(&target.path) {
        Ok(metadata) if metadata.is_dir() => {}
        // Of a symbolic link the rename would take the link, and the lock what it leads to.
        Ok(_) => return Err(not_a_checkpoint()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(not_a_checkpoint()),
        Err(e) => return Err(e.into()),
    }
    match fs.try_lock_directory(&target.path) {
        Ok(Some(lock)) if lock.is_at(&target.path)? => Ok(Some(lock)),
        Ok(_) => Err(in_progress(target)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(not_a_checkpoint()),
        Err(e) if e.kind() == io::ErrorKind::Unsupported => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Undoes a rename that failed and may have taken place all the same. The undoing is durable: a caller that is told
/// that the checkpoint is as it was must not lose it to a later crash and sweep.
fn undo_rename(
    fs: &dyn Fs,
    target: &Target,
    lock: Option<&dyn FsDirLock>,
    error: lsm_fs::Error,
    mode: SyncMode,
) -> Error {
    let renamed = was_renamed(fs, target, lock);
    let rename_back = || {
        fs.rename_noreplace(&target.staged, &target.path)?;
        fs.sync_directory(target.parent(), mode).map(drop)
    };
    match renamed.and_then(|renamed| if renamed { rename_back() } else { Ok(()) }) {
        Ok(()) => error.into(),
        Err(failure) => Error::from(error).left_behind(&target.staged, failure),
    }
}

fn remove_renamed(fs: &dyn Fs, target: &Target, mode: SyncMode) -> Result<()> {
    // Until the new name is durable the files must stay: a crash may bring the old name back, and with it they are a
    // checkpoint.
    if let Err(source) = fs.sync_directory(target.parent(), mode) {
        return Err(Error::RemovedNotDurable { target: target.path.clone(), source });
    }
    let erased = fs.remove_dir_all(&target.staged).and_then(|()| fs.sync_directory(target.parent(), mode));
    match erased {
        Ok(_) => Ok(()),
        Err(error) => Err(left_at(&target.staged, error)),
    }
}

/// Reports that some of the checkpoint's files are still there.
fn left_at(left: &Path, error: lsm_fs::Error) -> Error {
    let cause =
        error.raw_os_error().map_or_else(|| io::Error::from(error.kind()), io::Error::from_raw_os_error);
    let cleanup = lsm_fs::Error::new(error.op(), error.path(), cause);
    Error::from(error).left_behind(left, cleanup)
}

/// Removes without renaming the directory. A staged sibling says whose the half-removed target is: where anything
/// fails it stays, and whoever clears it finishes the removal, or takes it back if the checkpoint is still whole.
fn remove_in_place(fs: &dyn Fs, target: &Target, has_locks: bool, mode: SyncMode) -> Result<()> {
    let owner = claim(fs, target, has_locks, mode)?;
    // The claim has finished a removal that a dead process had begun.
    if !fs.exists(&target.path.join(CATALOG_FILE))? {
        return Ok(remove_staged(fs, target, mode)?);
    }
    // As long as all of these are there, it is whole.
    let marker = Marker { doing: Doing::Remove, pointers: what_publishes(fs, &target.path) };
    if let Err(error) = marker.write(fs, &target.path, mode) {
        return Err(undo_mark(fs, target, error, mode));
    }
    let erased = remove_partial(fs, target, &marker, mode).and_then(|()| remove_staged(fs, target, mode));
    drop(owner);
    erased.map_err(|error| left_at(&target.staged, error))
}

/// Nothing of the checkpoint is gone yet: takes back the marker, if it is there, and the claim.
fn undo_mark(fs: &dyn Fs, target: &Target, error: lsm_fs::Error, mode: SyncMode) -> Error {
    let unmarked = match fs.exists(&target.path.join(MARKER_FILE)) {
        Ok(true) => unmark(fs, &target.path, mode),
        Ok(false) => Ok(()),
        Err(failure) => Err(failure),
    };
    match unmarked.and_then(|()| fs.remove_dir(&target.staged)) {
        Ok(()) => error.into(),
        Err(failure) => Error::from(error).left_behind(&target.staged, failure),
    }
}

/// Makes the staged sibling, durably, and takes its owner lock.
fn claim(
    fs: &dyn Fs,
    target: &Target,
    has_locks: bool,
    mode: SyncMode,
) -> Result<Option<Box<dyn FsDirLock>>> {
    for _ in 0..ATTEMPTS {
        match fs.create_dir(&target.staged) {
            Ok(()) => {
                let owner = match find_debris(fs, &target.staged)? {
                    Debris::Dead(lock) => Some(lock),
                    Debris::Owned if !has_locks => None,
                    // A sweeper was faster.
                    Debris::Owned | Debris::Gone => continue,
                };
                return match fs.sync_directory(target.parent(), mode) {
                    Ok(_) => Ok(owner),
                    Err(error) => Err(match fs.remove_dir(&target.staged) {
                        Ok(()) => error.into(),
                        Err(failure) => Error::from(error).left_behind(&target.staged, failure),
                    }),
                };
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                if matches!(sweep::clear(fs, target, mode)?, Outcome::InProgress) {
                    break;
                }
            }
            Err(e) => return Err(e.into()),
        }
    }
    Err(in_progress(target))
}

fn in_progress(target: &Target) -> Error {
    Error::InProgress { target: target.path.clone(), staged: target.staged.clone() }
}

/// What makes a directory look like a checkpoint: every tree's pointer, and the catalog.
fn what_publishes(fs: &dyn Fs, dir: &Path) -> Vec<PathBuf> {
    let mut files = match Catalog::read(fs, dir) {
        Ok(catalog) => catalog.pointers(),
        // Without a catalog nothing says what the pointers are, and nothing says that it is a checkpoint.
        Err(_) => Vec::new(),
    };
    files.push(PathBuf::from(CATALOG_FILE));
    files
}
