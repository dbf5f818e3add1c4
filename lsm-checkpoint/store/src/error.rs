//! [`Error`]: one variant for each decision that a caller can make.

use std::{io, path::PathBuf};

use crate::{
    defect::Defect,
    id::{BackupId, WriterId},
};

/// The result of every operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the store, as its client reports it.
pub type StoreError = Box<dyn std::error::Error + Send + Sync>;

/// The reason why an operation failed. Each variant documents the next step.
///
/// Unless a variant says otherwise, no backup was added, changed or lost. A failed push can leave objects behind. A
/// collect removes them once the push is fenced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no repository at this place.
    ///
    /// Check the address and the prefix. To create a repository there, call [`init`](crate::Repository::init).
    #[error("{place}: not a repository; check the address, or create one with init")]
    NotARepository {
        /// The store and the prefix.
        place: String,
    },
    /// There is a repository at this place already. `init` changed nothing.
    ///
    /// Open it, or choose another prefix.
    #[error("{place}: there is a repository already; open it, or choose another prefix")]
    RepositoryExists {
        /// The store and the prefix.
        place: String,
    },
    /// The store lacks an operation that the protocol needs, so backups would not be safe there.
    ///
    /// Use another store, or a newer version of its server.
    #[error("{place}: the store lacks {what}; use another store or a newer version of its server")]
    StoreLacks {
        /// The store and the prefix.
        place: String,
        /// The missing operation, and the way in which it failed.
        what: String,
    },
    /// A newer version of this crate has written the repository.
    ///
    /// Use that version.
    #[error("{key}: {what}; use a newer version of this program")]
    Unsupported {
        /// The object.
        key: String,
        /// The format or the feature that is unknown.
        what: Defect,
    },
    /// The repository has no state. Every repository has one, so the store has lost it or hides it.
    ///
    /// Nothing was deleted. Check that the credentials may list, and ask the provider for the objects below `head/`.
    #[error(
        "{place}: the repository has no state below head/; check the rights to list, or restore these objects"
    )]
    NoState {
        /// The store and the prefix.
        place: String,
    },
    /// The repository's newest state is older than a state that this client has seen. It was rolled back, or replaced
    /// by a copy.
    ///
    /// Find out who did it. To accept the older state, remove the file `seen` of the repository in the [state
    /// directory](crate::Options::state).
    #[error(
        "{place}: state {found} is older than state {seen}, which was seen before; the repository was rolled back"
    )]
    WentBack {
        /// The store and the prefix.
        place: String,
        /// The newest number that this client has seen.
        seen: u64,
        /// The newest number in the store.
        found: u64,
    },
    /// An object is missing or damaged.
    ///
    /// If it is a file or a catalog, run `check` or `verify`, and push the source again with the [damaged
    /// objects](crate::CheckReport::damaged_objects). If it is a state or the object `repository`, no command works
    /// until it is restored from a copy.
    #[error("{key}: {what}")]
    Corrupt {
        /// The object.
        key: String,
        /// The damage.
        what: Defect,
    },
    /// The credentials do not allow the operation. It is not repeated.
    ///
    /// Give them the right that is missing. `OPERATING.md` lists the rights that each task needs.
    #[error(
        "{key}: access denied: the credentials may not {right} it: {source}; compare their rights with OPERATING.md"
    )]
    Denied {
        /// The right that is missing: `list`, `read`, `write` or `delete`.
        right: &'static str,
        /// The object or the folder.
        key: String,
        /// The answer of the store.
        source: StoreError,
    },
    /// The change may be committed now or later. The store did not answer, or the caller cancelled before it did, and a
    /// request may still be under way.
    ///
    /// Run the same command again. If the change was made, it finds it.
    #[error("{change} may still be committed: the store has not answered; run the command again: {source}")]
    Unknown {
        /// The change, and the repository.
        change: String,
        /// The last answer, or [`Cancelled`](Self::Cancelled).
        source: StoreError,
    },
    /// The push was fenced three times, by collectors that found its writer idle, or by
    /// [`fence`](crate::Repository::fence).
    ///
    /// Raise the idle limit of the collector above the longest time that a push takes for one object.
    #[error(
        "{place}: collectors took this push for dead {times} times, the last time as writer {writer}; raise their idle \
         limit, and push again"
    )]
    Fenced {
        /// The store and the prefix.
        place: String,
        /// The last writer.
        writer: WriterId,
        /// The number of writers that were fenced.
        times: u32,
    },
    /// The checkpoint has a backup already, which was forgotten.
    ///
    /// Undo the forget instead.
    #[error("backup {backup} exists already, and was forgotten; bring it back with undo")]
    BackupExists {
        /// The backup.
        backup: BackupId,
    },
    /// The repository has no such backup.
    ///
    /// List the backups.
    #[error("no backup {backup} in the repository; list shows all")]
    NoSuchBackup {
        /// The backup.
        backup: BackupId,
    },
    /// The backup was forgotten and collected during the call, or a push that heals has replaced it.
    ///
    /// List the backups. If this one is among them, open it again. Otherwise choose another.
    #[error(
        "backup {backup} was forgotten and collected, or replaced, meanwhile; open it again, or choose another"
    )]
    BackupGone {
        /// The backup.
        backup: BackupId,
    },
    /// Other clients changed the repository so fast that the call could not finish.
    ///
    /// Run the command again.
    #[error(
        "{place}: {operation} failed, because other clients always made their changes first; try again when fewer of \
         them are at work"
    )]
    Contended {
        /// The store and the prefix.
        place: String,
        /// The operation, such as `reading the newest state`.
        operation: String,
    },
    /// The change needs an object that is longer than clients read. It was not written.
    ///
    /// A state is too long if there are too many backups: forget some, and collect with a grace of zero. A catalog is
    /// too long if a checkpoint has too many files: spread them over several databases.
    #[error(
        "{key}: {len} bytes, at most {limit} can be read; keep fewer backups, or push fewer files at a time"
    )]
    TooLarge {
        /// The object, or its folder.
        key: String,
        /// The length that it would have.
        len: u64,
        /// The limit.
        limit: u64,
    },
    /// The directory to push is not a checkpoint, or cannot be read. Or a restore failed at its target.
    ///
    /// See the error of `lsm-checkpoint`.
    #[error("{0}")]
    Checkpoint(#[from] lsm_checkpoint::Error),
    /// A file of the checkpoint does not match the checkpoint's catalog.
    ///
    /// Verify the checkpoint and take a new one.
    #[error("{}: the file differs from the checkpoint's catalog ({what}); verify the checkpoint", path.display())]
    SourceDamaged {
        /// The file.
        path: PathBuf,
        /// The difference.
        what: &'static str,
    },
    /// A local file could not be read or written.
    #[error("{0}")]
    Fs(#[from] lsm_fs::Error),
    /// The caller cancelled the operation.
    #[error("cancelled")]
    Cancelled,
    /// A request to the store failed, even after retries.
    ///
    /// Run the command again later.
    #[error("{key}: the request failed: {source}")]
    Store {
        /// The object or the prefix.
        key: String,
        /// The last answer.
        source: StoreError,
    },
    /// A list cannot be read, because an object in it has a key that no client of this crate can name: with an empty
    /// part (`data//1`), with a part `.` or `..`, or with a control character. No repository makes such a key.
    ///
    /// Delete that object with the cloud's own tool. Until then, calls that need the list fail.
    #[error(
        "{folder}: the list cannot be read: {source}; delete the object with this key by the cloud's own tool"
    )]
    OddKey {
        /// The folder that was listed.
        folder: String,
        /// The key, as the client of the store reports it.
        source: StoreError,
    },
    /// The address names no store, or a store whose feature was not built in.
    ///
    /// Correct the address.
    #[error("{url}: {what}")]
    Address {
        /// The address.
        url: String,
        /// The reason.
        what: String,
    },
    /// The operating system failed to give randomness, a thread or a runtime.
    #[error("the operating system failed: {0}")]
    System(io::Error),
}

impl Error {
    /// Makes the error of an object that cannot be used.
    #[allow(clippy::needless_pass_by_value, reason = "a key is small, and is copied")]
    pub(crate) fn defect(key: impl ToString, what: Defect) -> Self {
        let key = key.to_string();
        if what.is_newer() { Self::Unsupported { key, what } } else { Self::Corrupt { key, what } }
    }

    /// Refuses to write an object that no client would read.
    #[allow(clippy::needless_pass_by_value, reason = "a key is small, and is copied")]
    pub(crate) fn if_too_large(key: impl ToString, len: u64, limit: u64) -> Result<()> {
        if len <= limit { Ok(()) } else { Err(Self::TooLarge { key: key.to_string(), len, limit }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_may_be_as_long_as_its_limit() {
        assert!(Error::if_too_large("backup", 7, 7).is_ok());
        let error = Error::if_too_large("backup", 8, 7).unwrap_err();
        assert!(matches!(&error, Error::TooLarge { key, len: 8, limit: 7 } if key == "backup"), "{error}");
    }
}
