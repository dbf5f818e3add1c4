//! [`Removal`]: a checkpoint ends in one step, and stays away.

mod erase;
mod survey;

use std::{
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{Fs, FsMetadata, SyncMode};

use erase::Erasure;
use survey::{Names, Survey};

use crate::{
    CATALOG_FILE, Catalog, Error, Result,
    target_life::{Target, Withdrawal, Withdrawn, left_at},
};

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
    /// On a full volume, where no name can be made, the pointers go first, durably. That may make room for the steps
    /// above. Otherwise the files go one by one, the catalog last.
    ///
    /// # Crash semantics
    ///
    /// At every moment a crash leaves the checkpoint whole, or gone up to debris that [`sweep`](crate::sweep()) and the
    /// next creator of the same target clear. Where something stays, and on a full volume, a crash can leave a
    /// checkpoint that has lost its pointers. It is listed as incomplete, and repeating the call finishes the removal.
    /// At the very end of a removal on a full volume, a crash can leave an empty directory. After `Ok` it does not come
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
        target.check_parent(fs)?;
        let withdrawal = Withdrawal::begin(fs, &target, self.mode)?;
        refuse_others(fs, &target)?;
        let survey = self.survey(fs, &target)?;
        let left: Vec<_> = survey.kept.into_iter().chain(survey.strangers).collect();
        let erasure = Erasure { fs, dir: &target.path, names: &survey.removable, mode: self.mode };
        if left.is_empty() {
            withdraw(&withdrawal, &erasure)?;
        } else if let Err(error) = erasure.take_pointers().and_then(|()| erasure.take_rest()) {
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

/// Takes away a checkpoint in which nothing stays.
///
/// On a full volume its pointers go first, because any other mark of a removal takes a new name. Once they have made
/// room, the removal is marked like any other. If there still is none, the files go one by one.
fn withdraw(withdrawal: &Withdrawal<'_>, erasure: &Erasure<'_>) -> Result<()> {
    let Withdrawn::NoRoom(cause) = withdrawal.finish()? else { return Ok(()) };
    let left = |error| left_at(erasure.dir, error);
    erasure.take_pointers().map_err(left)?;
    match withdrawal.finish() {
        Ok(Withdrawn::Gone) => Ok(()),
        Ok(Withdrawn::NoRoom(_)) => erasure.take_rest().map_err(left),
        // Whatever it says, the pointers are gone.
        Err(error) => Err(error.left_behind(erasure.dir, cause)),
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
