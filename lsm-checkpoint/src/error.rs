//! [`Error`]: a variant per decision that a caller can take.

mod problem;

use std::path::{Path, PathBuf};

pub use problem::{CatalogDefect, Change, Occupant, PointerProblem, SnapshotProblem, StagedProblem};

/// The result of every operation on checkpoints.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the engine's own.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation failed. Each variant says what to do next.
///
/// Unless it says otherwise, the target is as it was before the call, the source is untouched, held deletions have gone
/// on, and the same call can be made again.
///
/// `Display` does not repeat `source()`, so a report prints the chain. An error of a layer below or of the engine is
/// shown as it is, with its own source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something has the target's name. It is untouched.
    ///
    /// Choose another name, or remove the target if it is yours. If it is a checkpoint that an earlier call made, the
    /// process may have died before its name was durable: sync the parent directory before you rely on it.
    ///
    /// A mount point cannot be replaced: choose a name inside it, or restore into it with
    /// [`Checkpoint::restore_into`](crate::Checkpoint::restore_into).
    #[error("{}: {occupant}", target.display())]
    TargetExists {
        /// The target.
        target: PathBuf,
        /// The thing that has its name.
        occupant: Occupant,
    },
    /// Somebody alive makes, restores or sweeps this target right now.
    ///
    /// Wait for them, or choose another name. Where the platform has no directory locks, this may also be what a dead
    /// process left: if none is alive, remove `staged`.
    #[error("{}: another process is at work on it in {}", target.display(), staged.display())]
    InProgress {
        /// The target.
        target: PathBuf,
        /// The directory in which it is being made.
        staged: PathBuf,
    },
    /// The target lies in a directory of the source, whose engine would take it for its own.
    ///
    /// Choose a target elsewhere.
    #[error("{}: the target lies in the source's {}", target.display(), root.display())]
    NestedTarget {
        /// The target.
        target: PathBuf,
        /// The source's directory.
        root: PathBuf,
    },
    /// The path is empty or ends in no name, the name is no UTF-8, or it is one that a staged directory has
    /// (`.{name}.checkpoint-staged`): nothing can be made there.
    ///
    /// Name a directory that does not exist, in one that does.
    #[error("{}: no name for a target", target.display())]
    InvalidTarget {
        /// The target as given.
        target: PathBuf,
    },
    /// The source has no name for itself, or one that cannot be told from others: it is 1 to 255 bytes of text without
    /// control characters and without white space at its ends.
    ///
    /// The engine's adapter is wrong: let [`identity`](crate::CheckpointSource::identity) return an id that the engine
    /// keeps. A checkpoint of format 1 may have none:
    /// [`CheckpointDir::with_identity`](crate::CheckpointDir::with_identity) gives its copy one.
    #[error("the source calls itself {identity:?}: an identity is 1 to 255 bytes of text on one line")]
    InvalidIdentity {
        /// The source's name for itself.
        identity: String,
    },
    /// The snapshot lists something that cannot be stored.
    ///
    /// The engine's adapter is wrong: mend it.
    #[error("the snapshot lists {}: {problem}", path.display())]
    InvalidSnapshot {
        /// The file or folder, relative to the target.
        path: PathBuf,
        /// What is wrong with it.
        problem: SnapshotProblem,
    },
    /// CURRENT, as the engine has written it, does not name the captured version and its archive: an engine would open
    /// other tables than those that are there, or none. Nothing was published.
    ///
    /// The engine's adapter is wrong: it must write the manifest of the captured version, not of the live one. In a
    /// restore, the checkpoint is wrong: use another one.
    #[error("{}: version {expected} is captured, {problem}", path.display())]
    WrongVersion {
        /// CURRENT, relative to the target.
        path: PathBuf,
        /// The captured version.
        expected: u64,
        /// The problem with the pointer that is there.
        problem: PointerProblem,
    },
    /// The target's filesystem was told to copy files and did not say what became of this one.
    ///
    /// The backend is wrong: it must report every job of a batch. Use another one.
    #[error("{}: the filesystem's batch of copies ended without a report on this file", path.display())]
    Unreported {
        /// The source's file.
        path: PathBuf,
    },
    /// A captured file is gone, or is not what the snapshot says: something deletes or changes files behind the back of
    /// the snapshot. A file that is only linked or cloned is not looked at.
    ///
    /// Try again if the engine was being changed by hand; otherwise route every unlink of the engine through its
    /// [`DeletionPause`](crate::DeletionPause), or let the snapshot pin its files.
    #[error("{}: the source file changed: {what}", path.display())]
    SourceChanged {
        /// The source's file.
        path: PathBuf,
        /// What is seen of it.
        what: Change,
    },
    /// The bytes that were copied are not those whose checksum the snapshot knows.
    ///
    /// The source's file is damaged: restore it from an earlier checkpoint. This one is not made, so that it does not
    /// take the place of a sound one.
    #[error("{}: checksum is {found:#034x}, the snapshot says {expected:#034x}", path.display())]
    SourceCorrupt {
        /// The source's file.
        path: PathBuf,
        /// The snapshot's checksum.
        expected: u128,
        /// The checksum of what was read.
        found: u128,
    },
    /// The policy allows links only, and this file cannot be linked.
    ///
    /// Choose a target on the source's volume, or [`Policy::PreferLink`](crate::Policy::PreferLink).
    #[error("{}: cannot be linked, and the policy allows nothing else", path.display())]
    LinkRefused {
        /// The source's file.
        path: PathBuf,
        /// The refusal; `None` if the two lie in different namespaces, or the file is one that is never linked.
        source: Option<lsm_fs::Error>,
    },
    /// The files to copy need more than the target's volume has.
    ///
    /// Free some space, or choose another volume. Nothing was copied.
    #[error("{needed} bytes are needed on the target's volume, {available} are available")]
    NoSpace {
        /// Bytes to copy.
        needed: u64,
        /// Bytes that can still be written there.
        available: u64,
    },
    /// What was staged is not what was planned: someone else writes in the staged directory, or two names are one to
    /// the target's filesystem.
    ///
    /// Find out who; on a filesystem that folds names, choose another target.
    #[error("{}: {problem}", path.display())]
    StagedMismatch {
        /// The path in the staged directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: StagedProblem,
    },
    /// The target's filesystem does not take the name of a file or a folder. Some filesystems refuse `:` and other
    /// characters.
    ///
    /// Choose a target on another filesystem, or let the engine's adapter give the file another name in the checkpoint
    /// ([`SourceFile::named`](crate::SourceFile::named)).
    #[error("{}: the target's filesystem refuses this name", path.display())]
    NameRefused {
        /// The path in the staged directory.
        path: PathBuf,
        /// The refusal. It may say that the name was not found.
        source: lsm_fs::Error,
    },
    /// The target is there and complete, but a crash may take it away: the sync of its parent failed.
    ///
    /// Do not rely on it. Remove it and make another one on a device that works.
    #[error("{}: published, but not known to be durable", target.display())]
    PublishedNotDurable {
        /// The target.
        target: PathBuf,
        /// The sync that failed.
        source: lsm_fs::Error,
    },
    /// The checkpoint has lost its name, but a crash may bring it back, whole: the sync of its parent failed.
    ///
    /// Do not make another one of the name on that device. Its files are still there. Once the device works again,
    /// which takes a new mount on most filesystems, see which of the two names is there: a sweep removes the staged
    /// one.
    #[error("{}: removed, but not known to be durably so", target.display())]
    RemovedNotDurable {
        /// The checkpoint.
        target: PathBuf,
        /// The sync that failed.
        source: lsm_fs::Error,
    },
    /// A dead process has left the target marked, piece by piece where directories cannot be renamed, and a file that
    /// makes it readable is gone: either a crash took it, or an engine has lived in the target since. Nothing was
    /// touched.
    ///
    /// Look at the target. If it is in use, remove `staged` and the file `.checkpoint-unpublished` in the target;
    /// otherwise remove both directories.
    #[error(
        "{}: cannot tell whether this is an unfinished checkpoint or one in use; inspect it and {}",
        target.display(),
        staged.display()
    )]
    Undecided {
        /// The target.
        target: PathBuf,
        /// The directory in which it was made.
        staged: PathBuf,
    },
    /// The progress callback said so.
    ///
    /// Nothing is left of the attempt.
    #[error("cancelled")]
    Cancelled,
    /// The directory has no catalog: it is no checkpoint, or not a complete one.
    ///
    /// Choose another directory. If only the catalog was lost,
    /// [`CheckpointDir::salvage`](crate::CheckpointDir::salvage) may help. If an earlier call removed the checkpoint,
    /// the process may have died before the removal was durable: sync the parent directory before you rely on it.
    #[error("{}: no checkpoint", dir.display())]
    NotACheckpoint {
        /// The directory.
        dir: PathBuf,
    },
    /// The [base](crate::Checkpoint::base) is missing, is no checkpoint, or its catalog cannot be read.
    ///
    /// Name another base, or none. [`Checkpoint::optional_base`](crate::Checkpoint::optional_base) takes the checkpoint
    /// without it.
    #[error("{}: cannot be used as the base; name another one, or go on without", base.display())]
    BaseUnusable {
        /// The base.
        base: PathBuf,
        /// The reason.
        source: Box<Self>,
    },
    /// The directory to restore into is not empty. Nothing was touched, except that debris of an earlier restore into
    /// it was removed.
    ///
    /// Look at `entry`. If it is a file of the checkpoint, an earlier call may have restored all of it and died before
    /// it could say so. Otherwise empty the directory, or choose another one.
    #[error("{}: not empty, it holds {}; restore into an empty directory", target.display(), entry.display())]
    NotEmpty {
        /// The directory.
        target: PathBuf,
        /// One of its entries, relative to it.
        entry: PathBuf,
    },
    /// The checkpoint holds something that its catalog does not name. Nothing was removed.
    ///
    /// Look at `path`, and move it away if it is worth keeping. [`Removal::force`](crate::Removal::force) removes the
    /// checkpoint and leaves such entries where they are.
    #[error(
        "{}: not removed, because its catalog does not name {}; move that away, or remove by force",
        target.display(),
        path.display()
    )]
    Stranger {
        /// The checkpoint.
        target: PathBuf,
        /// The entry, relative to the checkpoint.
        path: PathBuf,
    },
    /// The catalog is sound as an archive, and what it says is impossible.
    ///
    /// Use another checkpoint. The writer of this one is broken, or someone changed it. As a last resort,
    /// [`CheckpointDir::salvage`](crate::CheckpointDir::salvage) opens it without its catalog.
    #[error("{}: {what}", file.display())]
    BadCatalog {
        /// The catalog.
        file: PathBuf,
        /// What is wrong.
        what: CatalogDefect,
    },
    /// The catalog is of a format that this version of the crate does not know.
    ///
    /// Use a newer version.
    #[error("{}: unsupported catalog format {found}", file.display())]
    UnsupportedFormat {
        /// The catalog.
        file: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The catalog needs abilities that this version of the crate does not have: it would misread the checkpoint.
    ///
    /// Use a newer version.
    #[error("{}: the catalog requires features that this version does not know: {}", file.display(), bits(*features))]
    UnsupportedFeatures {
        /// The catalog.
        file: PathBuf,
        /// The unknown ones of its required features, a bit each.
        features: u64,
    },
    /// The operation failed, and so did the clean-up after it.
    ///
    /// Do what [`error`](Self::LeftBehind::error) says. If `left` is a staged directory, or one is beside it, the next
    /// call for the target or a sweep removes it. A target that is left without one beside it is whole: verify it, and
    /// keep or remove it.
    #[error("{error} (and the clean-up left {} behind: {cleanup})", left.display())]
    LeftBehind {
        /// What failed first. Never another `LeftBehind`.
        error: Box<Self>,
        /// What is still there.
        left: PathBuf,
        /// Why.
        cleanup: lsm_fs::Error,
    },
    /// The target's filesystem failed, or the source's; the error names operation and path.
    #[error(transparent)]
    Fs(#[from] lsm_fs::Error),
    /// A manifest or the catalog could not be written or read.
    ///
    /// If it is the catalog that is damaged, use another checkpoint, or as a last resort
    /// [`CheckpointDir::salvage`](crate::CheckpointDir::salvage).
    #[error(transparent)]
    Manifest(lsm_manifest::Error),
    /// The engine failed to flush, to capture or to write its manifest.
    ///
    /// The error is the engine's own; it can be downcast.
    #[error(transparent)]
    Source(BoxError),
}

/// The numbers of the bits that are set.
fn bits(features: u64) -> String {
    let set = (0..u64::BITS).filter(|bit| features & (1 << bit) != 0);
    set.map(|bit| format!("bit {bit}")).collect::<Vec<_>>().join(", ")
}

impl Error {
    /// The first failure, whatever became of the clean-up: what to decide on.
    #[must_use]
    pub fn first(&self) -> &Self {
        match self {
            Self::LeftBehind { error, .. } => error.first(),
            error => error,
        }
    }

    /// Attaches the failure of the clean-up after this error.
    pub(crate) fn left_behind(self, left: &Path, cleanup: lsm_fs::Error) -> Self {
        match self {
            first @ Self::LeftBehind { .. } => first,
            first => Self::LeftBehind { error: Box::new(first), left: left.to_path_buf(), cleanup },
        }
    }

    /// The error of a snapshot that writes its manifest. What is only staged is published by nobody, so here a
    /// publication that may not be durable is a call that failed.
    pub(crate) fn from_write_manifest(error: BoxError) -> Self {
        match Self::from_source(error) {
            Self::Manifest(lsm_manifest::Error::PublishedNotDurable { source, .. }) => Self::Fs(source),
            error => error,
        }
    }

    /// The error of an engine's callback: the layers' own errors are told as what they are.
    pub(crate) fn from_source(error: BoxError) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(own) => return *own,
            Err(error) => error,
        };
        let error = match error.downcast::<lsm_fs::Error>() {
            Ok(fs) => return Self::Fs(*fs),
            Err(error) => error,
        };
        match error.downcast::<lsm_manifest::Error>() {
            Ok(manifest) => (*manifest).into(),
            Err(error) => Self::Source(error),
        }
    }
}

impl From<lsm_manifest::Error> for Error {
    fn from(error: lsm_manifest::Error) -> Self {
        match error {
            lsm_manifest::Error::Fs(error) => Self::Fs(error),
            error => Self::Manifest(error),
        }
    }
}

#[cfg(test)]
mod tests;
