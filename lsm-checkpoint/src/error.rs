//! [`Error`]: one variant for each decision that a caller can take.

mod convert;
mod problem;

use std::path::{Path, PathBuf};

pub use problem::{CatalogDefect, Change, Occupant, PointerProblem, SnapshotProblem, StagedProblem};

/// The result of every operation on checkpoints.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The engine's own error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A failed operation. Each variant documents the caller's next step.
///
/// Unless a variant says otherwise, the target is as it was before the call and the source is untouched. Held deletions
/// have resumed, and the same call can be retried.
///
/// `Display` does not repeat `source()`, so a report must print the chain. An error of a lower layer or of the engine
/// is shown unchanged, with its own source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The target's name is taken. The existing entry is untouched.
    ///
    /// Choose another name, or remove the target if it is yours. If an earlier call made this checkpoint, the process
    /// may have died before the name was durable. Sync the parent directory before you rely on it.
    ///
    /// A mount point cannot be replaced. Choose a name inside it, or restore into it with
    /// [`Checkpoint::restore_into`](crate::Checkpoint::restore_into).
    #[error("{}: {occupant}", target.display())]
    TargetExists {
        /// The target.
        target: PathBuf,
        /// The entry that has its name.
        occupant: Occupant,
    },
    /// Another live caller is making, restoring, removing or sweeping this target.
    ///
    /// Wait until it ends, or choose another name. Where the platform has no directory locks, `staged` may also be the
    /// leftover of a dead process. If no such process is alive, remove `staged`.
    #[error("{}: another process is at work on it in {}", target.display(), staged.display())]
    InProgress {
        /// The target.
        target: PathBuf,
        /// The directory in which it is being made.
        staged: PathBuf,
    },
    /// The target lies in a directory of the source. The engine would mistake its files for its own.
    ///
    /// Choose a target elsewhere.
    #[error("{}: the target lies inside {}, which belongs to the source", target.display(), root.display())]
    NestedTarget {
        /// The target.
        target: PathBuf,
        /// The source's directory.
        root: PathBuf,
    },
    /// The path does not end in a usable name. It is empty, it ends without a name as `..` does, the name is not UTF-8,
    /// or it is the name of a staged directory (`.{name}.checkpoint-staged`).
    ///
    /// Name a directory that does not exist, in a directory that exists.
    #[error("{}: cannot be the name of a target", target.display())]
    InvalidTarget {
        /// The target as given.
        target: PathBuf,
    },
    /// The source's identity is empty or invalid. It must be 1 to 255 bytes of text without control characters and
    /// without white space at its ends.
    ///
    /// Fix the engine's adapter: [`identity`](crate::CheckpointSource::identity) must return an id that the engine
    /// keeps. A checkpoint of format 1 may have no identity.
    /// [`CheckpointDir::with_identity`](crate::CheckpointDir::with_identity) gives its copy one.
    #[error("the source's identity {identity:?} is invalid: it must be 1 to 255 bytes of text on one line")]
    InvalidIdentity {
        /// The source's identity.
        identity: String,
    },
    /// The snapshot lists an entry that cannot be stored.
    ///
    /// Fix the engine's adapter.
    #[error("the snapshot lists {}: {problem}", path.display())]
    InvalidSnapshot {
        /// The file or folder, relative to the target.
        path: PathBuf,
        /// The problem with it.
        problem: SnapshotProblem,
    },
    /// The CURRENT that the engine wrote does not name the captured version and its archive. An engine would open
    /// tables that the checkpoint does not hold, or no tables. Nothing was published.
    ///
    /// Fix the engine's adapter: it must write the manifest of the captured version, not of the live version. In a
    /// restore, the checkpoint is wrong, so use another one.
    #[error("{}: version {expected} was captured, but {problem}", path.display())]
    WrongVersion {
        /// CURRENT, relative to the target.
        path: PathBuf,
        /// The captured version.
        expected: u64,
        /// The problem with the pointer.
        problem: PointerProblem,
    },
    /// The target's filesystem was given a batch of files to copy, or to link from the base, and did not report the
    /// result of this file.
    ///
    /// The backend is wrong, because it must report every job of a batch. Use another one.
    #[error("{}: the filesystem did not report the result for this file", path.display())]
    Unreported {
        /// The source's file.
        path: PathBuf,
    },
    /// A captured file is gone or differs from the snapshot, although the snapshot should keep it. If the source is a
    /// checkpoint, it may have been removed meanwhile. The contents of a file that is linked or cloned are not checked.
    ///
    /// If the engine's files were being changed by hand, retry. Otherwise fix the engine: route every unlink through
    /// its [`DeletionPause`](crate::DeletionPause), or let the snapshot keep its files alive.
    #[error("{}: the source file changed: {what}", path.display())]
    SourceChanged {
        /// The source's file.
        path: PathBuf,
        /// The difference that was found.
        what: Change,
    },
    /// The copied bytes do not match the snapshot's checksum.
    ///
    /// The source's file is damaged, so restore it from an earlier checkpoint. A file that may change
    /// ([`SourceFile::mutable`](crate::SourceFile::mutable)) may also have been changed before it was copied. No new
    /// checkpoint is made, because it would hold the damaged file.
    #[error("{}: its checksum is {found:#034x}, but the snapshot has {expected:#034x}", path.display())]
    SourceCorrupt {
        /// The source's file.
        path: PathBuf,
        /// The snapshot's checksum.
        expected: u128,
        /// The checksum of the bytes that were read.
        found: u128,
    },
    /// The policy allows links only, and this file cannot be linked.
    ///
    /// Choose a target on the source's volume, or [`Policy::PreferLink`](crate::Policy::PreferLink).
    #[error("{}: cannot be linked, and the policy allows nothing else", path.display())]
    LinkRefused {
        /// The source's file.
        path: PathBuf,
        /// The refusal. `None` if no call was made for this file, for example because source and target belong to
        /// different backends.
        source: Option<lsm_fs::Error>,
    },
    /// The files to copy need more space than the target's volume has.
    ///
    /// Free some space, or choose another volume. Nothing is left of the attempt.
    #[error("{needed} bytes are needed on the target's volume, but only {available} are available")]
    NoSpace {
        /// Bytes to copy. In a restore, this may be a single metadata file that did not fit.
        needed: u64,
        /// Bytes that can still be written there.
        available: u64,
    },
    /// The target's filesystem refused the owner and group that
    /// [`Checkpoint::restored_owner`](crate::Checkpoint::restored_owner) gives.
    ///
    /// Restore as root or as that user, or choose a filesystem that has owners. Nothing is left of the attempt.
    #[error("{}: the filesystem refuses the owner {owner} and the group {group}", staged.display())]
    OwnerRefused {
        /// The directory in which the target was to be made.
        staged: PathBuf,
        /// The number of the owner.
        owner: u32,
        /// The number of the group.
        group: u32,
    },
    /// The staged directory differs from the plan. Another process writes to it, or the target's filesystem folds two
    /// names into one.
    ///
    /// Find and stop that process. On a filesystem that folds names, choose another target.
    #[error("{}: {problem}", path.display())]
    StagedMismatch {
        /// The path in the staged directory.
        path: PathBuf,
        /// The problem with it.
        problem: StagedProblem,
    },
    /// The target's filesystem refuses the name of a file or a folder. Some filesystems refuse `:` and other
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
    /// The target exists and is complete, but the sync of its parent failed. A crash may take the target away.
    ///
    /// Do not rely on it. Remove it, and make another checkpoint on a device that works.
    #[error("{}: published, but not known to be durable", target.display())]
    PublishedNotDurable {
        /// The target.
        target: PathBuf,
        /// The sync that failed.
        source: lsm_fs::Error,
    },
    /// The checkpoint was renamed to its staged name, but the sync of its parent failed. A crash may bring its name
    /// back. Its files are still there.
    ///
    /// Do not make another checkpoint of that name on that device. Wait until the device works again, which takes a new
    /// mount on most filesystems. Then look which of the two names exists. A sweep removes the staged directory.
    #[error("{}: removed, but a crash may bring it back", target.display())]
    RemovedNotDurable {
        /// The checkpoint.
        target: PathBuf,
        /// The sync that failed.
        source: lsm_fs::Error,
    },
    /// A dead process left the target with a marker. The process worked file by file, because directories cannot be
    /// renamed there, or because it restored into an existing directory. A file that makes the target readable is gone,
    /// or the target has another file in its place. Probably an engine has used the target since. Nothing was touched.
    ///
    /// Inspect the target. If it is in use, remove `staged` and the file `.checkpoint-unpublished` in the target.
    /// Otherwise remove both directories.
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
    /// The progress callback cancelled the call.
    ///
    /// Nothing is left of the attempt. The removal is not synced, so that the call ends quickly. After a power failure
    /// the staged directory may therefore be back, and the next attempt or a sweep clears it.
    #[error("cancelled")]
    Cancelled,
    /// The directory has no catalog. It is not a checkpoint, or an incomplete one.
    ///
    /// Choose another directory. If only the catalog was lost,
    /// [`CheckpointDir::salvage`](crate::CheckpointDir::salvage) may help. If an earlier call removed the checkpoint,
    /// the process may have died before the removal was durable. Sync the parent directory before you rely on it.
    #[error("{}: not a checkpoint", dir.display())]
    NotACheckpoint {
        /// The directory.
        dir: PathBuf,
    },
    /// The [base](crate::Checkpoint::base) is missing, is no checkpoint, or its catalog cannot be read.
    ///
    /// Name another base, or none. [`Checkpoint::optional_base`](crate::Checkpoint::optional_base) takes the checkpoint
    /// without it.
    #[error("{}: cannot be used as the base; name another base, or none", base.display())]
    BaseUnusable {
        /// The base.
        base: PathBuf,
        /// The reason.
        source: Box<Self>,
    },
    /// The directory to restore into is not empty. At most, debris of an earlier restore into it was removed.
    ///
    /// Inspect `entry`. If it is a file of the checkpoint, an earlier call may have restored the whole checkpoint and
    /// died before it could report success. If `.checkpoint-staged` is in the directory, an earlier call died halfway:
    /// move `entry` away, and the next call clears the rest. Otherwise empty the directory, or choose another one.
    #[error("{}: not empty, it holds {}; restore into an empty directory", target.display(), entry.display())]
    NotEmpty {
        /// The directory.
        target: PathBuf,
        /// One of its entries, relative to it.
        entry: PathBuf,
    },
    /// The checkpoint holds an entry that its catalog does not name. Nothing was removed.
    ///
    /// Inspect `path`, and move it away if it is worth keeping. [`Removal::force`](crate::Removal::force) removes the
    /// checkpoint and leaves such entries where they are.
    #[error(
        "{}: not removed, because its catalog does not name {}; move that away, or force the removal",
        target.display(),
        path.display()
    )]
    Stranger {
        /// The checkpoint.
        target: PathBuf,
        /// The entry, relative to the checkpoint.
        path: PathBuf,
    },
    /// The catalog is an undamaged archive, but its contents are invalid.
    ///
    /// Use another checkpoint. This one was written by a faulty program, or it was changed. As a last resort,
    /// [`CheckpointDir::salvage`](crate::CheckpointDir::salvage) opens it without its catalog.
    #[error("{}: invalid catalog: {what}", file.display())]
    BadCatalog {
        /// The catalog.
        file: PathBuf,
        /// The defect.
        what: CatalogDefect,
    },
    /// The catalog has a format that this version of the crate does not know.
    ///
    /// Use a newer version.
    #[error("{}: unsupported catalog format {found}", file.display())]
    UnsupportedFormat {
        /// The catalog.
        file: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The catalog requires features that this version of the crate does not have. This version would misread the
    /// checkpoint.
    ///
    /// Use a newer version.
    #[error("{}: the catalog requires features that this version does not know: {}", file.display(), bits(*features))]
    UnsupportedFeatures {
        /// The catalog.
        file: PathBuf,
        /// The required features that are unknown, one bit each.
        features: u64,
    },
    /// The operation failed, and so did the clean-up after it.
    ///
    /// Handle [`error`](Self::LeftBehind::error) as if it had no failed clean-up. If `left` is a staged directory, or
    /// has one beside it, the next call for the target or a sweep removes it. A target that is left without a staged
    /// directory is whole: verify it, and keep or remove it.
    #[error("{error} (and the clean-up left {} behind: {cleanup})", left.display())]
    LeftBehind {
        /// The first failure. It is never another `LeftBehind`.
        error: Box<Self>,
        /// The path that is still there.
        left: PathBuf,
        /// The failure of the clean-up.
        cleanup: lsm_fs::Error,
    },
    /// The filesystem of the target or the source failed.
    ///
    /// The error names the operation and the path. Mend the cause, such as a missing right or a full disk, and try
    /// again.
    #[error(transparent)]
    Fs(#[from] lsm_fs::Error),
    /// A manifest or the catalog could not be written or read.
    ///
    /// If the catalog is damaged, use another checkpoint, or as a last resort
    /// [`CheckpointDir::salvage`](crate::CheckpointDir::salvage).
    #[error(transparent)]
    Manifest(lsm_manifest::Error),
    /// The engine failed to flush, to capture or to write its manifest, or its adapter
    /// [refused](crate::CheckpointSource::check) the database.
    ///
    /// The error is the engine's own and can be downcast. Handle it as the engine documents it.
    #[error(transparent)]
    Source(BoxError),
}

/// Lists the numbers of the bits that are set.
fn bits(features: u64) -> String {
    let set = (0..u64::BITS).filter(|bit| features & (1 << bit) != 0);
    set.map(|bit| format!("bit {bit}")).collect::<Vec<_>>().join(", ")
}

impl Error {
    /// Returns the first failure, without the failure of the clean-up. Base the decision about the next step on it.
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
}

#[cfg(test)]
mod tests;
