//! [`Error`]: one variant for each decision that a caller can take.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use lsm_fs::Op;

/// The result of a backup or a restore.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed backup or restore. The database is untouched, except that the first backup stores its name in a hidden
/// file. The target is as it was before the call, unless the variant in [`Checkpoint`](Self::Checkpoint) says
/// otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of `lsm-checkpoint`, for example because the target exists or the volume is full. Its variants document
    /// the next step.
    #[error(transparent)]
    Checkpoint(lsm_checkpoint::Error),
    /// A flush, a commit or a worker of the database has failed. Since then fjall refuses all writes, and its state in
    /// memory may differ from its files.
    ///
    /// Close the database and open it again. If that works, take a backup.
    #[error("the database is poisoned by an earlier failure; open it again before a backup")]
    Poisoned,
    /// A level of a keyspace has more runs than fjall's manifest can count. fjall could open neither this database
    /// again nor a backup of it.
    ///
    /// Let the compaction catch up, then retry. Ingest larger pieces, because each ingestion makes a run.
    #[error("keyspace {keyspace}: level {level} has {runs} runs, and fjall can open 255 at most")]
    TooManyRuns {
        /// The name of the keyspace.
        keyspace: String,
        /// The level, from 0.
        level: usize,
        /// The number of runs.
        runs: usize,
    },
    /// The database changed during each attempt to capture it.
    ///
    /// Retry, or raise [`Backup::attempts`](crate::Backup::attempts).
    #[error("{changing} at each of {attempts} attempts")]
    KeptChanging {
        /// The part that changed at the last attempt.
        changing: Changing,
        /// The number of attempts.
        attempts: u32,
    },
    /// The database has no keyspaces, so its directory cannot be found.
    ///
    /// Pass the directory to [`Backup::directory`](crate::Backup::directory).
    #[error("a database without keyspaces does not show its directory; pass it to Backup::directory")]
    UnknownDirectory,
    /// The open database has no keyspaces, and the directory in [`Backup::directory`](crate::Backup::directory) is the
    /// directory of another database.
    ///
    /// Pass the directory of this very database. If a keyspace was just created, try again. If one was just deleted,
    /// drop its handles first.
    #[error("{}: not the directory of this database: {reason}", dir.display())]
    OtherDirectory {
        /// The directory.
        dir: PathBuf,
        /// The difference.
        reason: String,
    },
    /// A journal is damaged in a way that an interrupted write cannot cause. fjall would refuse to open the restored
    /// database, or would drop the writes after this place.
    ///
    /// Keep older backups. Write the live contents into a new database, or restore a backup.
    #[error("{}: damaged at byte {offset}: {defect}", path.display())]
    DamagedJournal {
        /// The journal.
        path: PathBuf,
        /// The start of the damaged batch.
        offset: u64,
        /// The defect.
        defect: String,
    },
    /// A file of a keyspace cannot be used: a manifest, a table of keyspace 0, or a folder whose name is no id. Or the
    /// stored name of the database is no text.
    ///
    /// If the file is `.lsm-checkpoint-identity`, remove it. Move a folder whose name is no id away. Otherwise keep
    /// older backups. Write the live contents into a new database, or restore a backup.
    #[error("{}: {defect}", path.display())]
    DamagedKeyspace {
        /// The file.
        path: PathBuf,
        /// The defect.
        defect: String,
    },
    /// The directory holds no fjall database of format 3.
    ///
    /// Pass the directory that the database was opened with.
    #[error("{}: not a fjall database of format 3: {reason}", dir.display())]
    NotADatabase {
        /// The directory.
        dir: PathBuf,
        /// The missing or unexpected part.
        reason: String,
    },
    /// The database is open in this or another process.
    ///
    /// Call [`backup`](crate::backup()) in the process that has it open, or close it.
    #[error("{}: the database is open; back it up from the process that has it open", dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// The checkpoint is not a backup of a fjall database.
    ///
    /// Choose another checkpoint, or restore it with the tools of its engine.
    #[error("{}: a checkpoint, but not of a fjall database", dir.display())]
    NotABackup {
        /// The checkpoint.
        dir: PathBuf,
    },
    /// An error of fjall.
    #[error("fjall failed during the backup")]
    Fjall(#[source] fjall::Error),
    /// A file of the database cannot be read, or the first backup cannot store the name of the database. Correct the
    /// cause, then retry.
    #[error(transparent)]
    Fs(#[from] lsm_fs::Error),
}

/// The part of a database that changed while it was being captured.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Changing {
    /// A flush, a compaction, an ingestion or a clear changed this keyspace.
    Keyspace(String),
    /// This journal was removed.
    Journal(u64),
}

impl fmt::Display for Changing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyspace(name) => write!(f, "keyspace {name} changed"),
            Self::Journal(number) => write!(f, "journal {number} was removed"),
        }
    }
}

impl Error {
    /// Wraps an error of std with its operation and path.
    pub(crate) fn io(op: Op, path: &Path, error: std::io::Error) -> Self {
        Self::Fs(lsm_fs::Error::new(op, path, error))
    }

    /// Returns the error of a tree with a file that cannot be used.
    pub(crate) fn damaged(path: &Path, defect: impl Into<String>) -> Self {
        Self::DamagedKeyspace { path: path.to_path_buf(), defect: defect.into() }
    }
}

/// Unwraps an error that this crate has passed through `lsm-checkpoint` as an error of the source.
impl From<lsm_checkpoint::Error> for Error {
    fn from(error: lsm_checkpoint::Error) -> Self {
        match error {
            lsm_checkpoint::Error::Source(source) => match source.downcast::<Self>() {
                Ok(own) => *own,
                Err(source) => Self::Checkpoint(lsm_checkpoint::Error::Source(source)),
            },
            error => Self::Checkpoint(error),
        }
    }
}

impl From<fjall::Error> for Error {
    fn from(error: fjall::Error) -> Self {
        match error {
            fjall::Error::Poisoned => Self::Poisoned,
            error => Self::Fjall(error),
        }
    }
}
