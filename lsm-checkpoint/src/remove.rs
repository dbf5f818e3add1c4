//! [`Removal`]: removes a checkpoint in one step, durably.

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

/// A removal of checkpoints, with its options.
///
/// # Examples
///
/// This removes a checkpoint whose catalog is damaged, or in which an engine has left files of its own:
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
    /// The entries that were left in place, relative to the checkpoint. If there are any, the checkpoint's directory
    /// stays, too.
    pub left: Vec<PathBuf>,
}

impl Removal {
    /// Creates a removal with ordinary syncs and without force.
    #[must_use]
    pub const fn new() -> Self {
        Self { mode: SyncMode::Normal, force: false }
    }

    /// Sets the mode of each sync. Default: [`SyncMode::Normal`].
    #[must_use]
    pub const fn sync_mode(mut self, mode: SyncMode) -> Self {
        self.mode = mode;
        self
    }

    /// With `true`, also removes a checkpoint whose catalog cannot be read, or that holds entries that its catalog does
    /// not name.
    ///
    /// If the catalog can be read, the call removes the names that it lists. The call also removes regular files called
    /// `CHECKPOINT`, `current`, `v{N}` and `edits-{N}`, and the regular files in folders called `tables`, `blobs` and
    /// `dicts`. It looks for these in the checkpoint's directory, in the folders that the catalog lists, and in
    /// top-level folders that hold a `current`, a `v{N}` or an `edits-{N}`. Harmless entries (see [`run`](Self::run))
    /// are removed, too. Anything else stays and is reported.
    #[must_use]
    pub const fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Removes a checkpoint.
    ///
    /// # Contract
    ///
    /// First, the checkpoint is renamed in one step to its staged name `.{name}.checkpoint-staged`, under which no
    /// reader takes it for a checkpoint. When the rename is durable, the files are removed. The source and other
    /// checkpoints keep the files that they share with it.
    ///
    /// If the filesystem cannot rename a directory in this way, a marker is written into the checkpoint. Then the
    /// *pointers*, the files that make its trees readable, are removed durably, and then the rest.
    ///
    /// The catalog must be readable. The checkpoint may hold only the entries that the catalog names, and some harmless
    /// ones: regular files called `LOCK`, `lock`, `.DS_Store` and `Thumbs.db`, empty folders, and the marker
    /// `.checkpoint-unpublished` of an interrupted call. The harmless entries are removed with the checkpoint.
    /// [`force`](Self::force) lifts both conditions.
    ///
    /// Entries called `lost+found` or `.nfs*` belong to the filesystem and stay. If there are any, or if `force` finds
    /// other entries that stay, the files are removed one by one. The pointers are removed first, durably, and the
    /// catalog last.
    ///
    /// A full volume may have no room for the staged name or the marker. In that case the pointers are removed first,
    /// durably, which may make room for the steps above. If it does not, the files are removed one by one, the catalog
    /// last.
    ///
    /// # Crash semantics
    ///
    /// A crash at any moment leaves the checkpoint whole, or gone except for debris. [`sweep`](crate::sweep()) and the
    /// next creator of the same target clear the debris. If some entries stay, or on a full volume, a crash can leave a
    /// checkpoint that has lost its pointers. It is listed as incomplete, and repeating the call finishes the removal.
    /// At the very end of a removal on a full volume, a crash can leave an empty directory. After `Ok`, the checkpoint
    /// does not come back, if the filesystem can sync directories.
    ///
    /// # Errors
    ///
    /// - [`NotACheckpoint`](Error::NotACheckpoint): the target does not exist, is a symbolic link or another kind of
    ///   file, or is a directory without a regular file `CHECKPOINT`.
    /// - [`Stranger`](Error::Stranger): the checkpoint holds an entry that its catalog does not name, and `force` is
    ///   not set.
    /// - [`InvalidTarget`](Error::InvalidTarget): the path has no name at its end, or the name of a staged directory.
    /// - [`BadCatalog`](Error::BadCatalog), [`UnsupportedFormat`](Error::UnsupportedFormat),
    ///   [`UnsupportedFeatures`](Error::UnsupportedFeatures), [`Manifest`](Error::Manifest): the catalog cannot be
    ///   read.
    /// - [`InProgress`](Error::InProgress): another process is publishing or removing the checkpoint, or making another
    ///   one of the same name.
    /// - [`RemovedNotDurable`](Error::RemovedNotDurable): a crash may bring the checkpoint back, whole.
    /// - [`LeftBehind`](Error::LeftBehind) around [`Fs`](Error::Fs): the checkpoint is removed durably, but some of its
    ///   files are left. The error also occurs if a failed attempt could not be rolled back, or if its result is
    ///   unknown. If the checkpoint has its name, and no directory with its staged name exists, repeat the call.
    ///   Otherwise sweep.
    /// - [`Fs`](Error::Fs): the checkpoint is unchanged.
    pub fn run(&self, fs: &dyn Fs, target: &Path) -> Result<RemoveReport> {
        let target = Target::new(target)?;
        let fs = &*view_of_parent(fs, &target)?;
        // Check before locking, because the lock of a live directory belongs to its engine.
        refuse_others(fs, &target)?;
        target.check_parent(fs)?;
        let withdrawal = Withdrawal::begin(fs, &target, self.mode)?;
        // The name may have been bound to another directory before the lock. The survey refuses one without a catalog.
        let survey = self.survey(fs, &target)?;
        let mut left: Vec<_> = survey.kept.into_iter().chain(survey.strangers).collect();
        let erasure = Erasure { fs, dir: &target.path, names: &survey.removable, mode: self.mode };
        if left.is_empty() {
            left = withdraw(&withdrawal, &erasure)?;
        } else if let Err(error) = erasure.take_pointers().and_then(|()| erasure.take_rest()) {
            return Err(left_at(&target.path, error));
        }
        Ok(RemoveReport { left })
    }

    /// Sorts the entries of the checkpoint, and refuses entries that may not be removed.
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

/// Removes a checkpoint with all its entries. Returns the entries that were added meanwhile, which keep the directory.
///
/// On a full volume, the pointers are removed first, because the rename and the marker need room. If this makes room,
/// the checkpoint is renamed or marked after all. If it does not, the files are removed one by one.
fn withdraw(withdrawal: &Withdrawal<'_>, erasure: &Erasure<'_>) -> Result<Vec<PathBuf>> {
    let Withdrawn::NoRoom(cause) = withdrawal.finish()? else { return Ok(Vec::new()) };
    let left = |error| left_at(erasure.dir, error);
    erasure.take_pointers().map_err(left)?;
    match withdrawal.finish() {
        Ok(Withdrawn::Gone) => Ok(Vec::new()),
        // A full NTFS volume can also report that the staged name exists and is missing, after it had no room for it.
        Ok(Withdrawn::NoRoom(_)) | Err(Error::InProgress { .. }) if erasure.take_rest().map_err(left)? => {
            Ok(Vec::new())
        }
        Ok(Withdrawn::NoRoom(_)) | Err(Error::InProgress { .. }) => {
            let entries = erasure.fs.read_dir(erasure.dir).map_err(left)?;
            Ok(entries.into_iter().map(|entry| PathBuf::from(entry.name)).collect())
        }
        // In any case, the pointers are gone, so the checkpoint is not unchanged.
        Err(error) => Err(error.left_behind(erasure.dir, cause)),
    }
}

/// Returns `true` if the error means that a catalog exists but cannot be read: it is damaged, or of a later version.
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

/// Refuses everything except a directory that holds a regular file with the name of a catalog.
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
