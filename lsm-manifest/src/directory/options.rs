//! [`DirectoryOptions`].

use std::sync::Arc;

use lsm_fs::SyncMode;

use crate::{EncryptionProvider, ReadOptions, names::OwnNames};

/// Describes an engine's directory: the names that the engine uses there, its key, and its syncs.
///
/// CURRENT, `v{N}`, `edits-{N}`, `tables` and `blobs` are the engine's without being declared. `lost+found`, `LOCK`,
/// `.lock`, `.nfs*`, `.fuse_hidden*`, `.snapshot`, `.DS_Store` and temporary files of `lsm-fs` count as nothing
/// and stay.
///
/// Declare every other name that the engine uses. A file that is not declared makes a directory without CURRENT
/// foreign, so that no engine starts over the data of another one.
///
/// A name has one component. A first `*` in it stands for any text.
///
/// # Examples
///
/// ```
/// use lsm_manifest::DirectoryOptions;
///
/// let options = DirectoryOptions::new().folder("wal").file("*.vlog").bystander("LOG*");
/// # let _ = options;
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DirectoryOptions {
    pub(super) own: OwnNames,
    pub(super) read: ReadOptions,
    pub(super) sync_mode: SyncMode,
    pub(super) locked_by_caller: bool,
}

impl DirectoryOptions {
    /// No further names, no key, ordinary syncs, and a lock of its own.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            own: OwnNames::new(),
            read: ReadOptions::new(),
            sync_mode: SyncMode::Normal,
            locked_by_caller: false,
        }
    }

    /// Declares a folder whose contents are the engine's. Empty, it says nothing; anything in it is data.
    ///
    /// It may be a symbolic link to a folder. When an unfinished first start is cleared, its contents are removed.
    #[must_use]
    pub fn folder(mut self, name: &str) -> Self {
        self.own.add_folder(name);
        self
    }

    /// Declares a file that holds data, an empty one included. When an unfinished first start is cleared, it is
    /// removed.
    #[must_use]
    pub fn file(mut self, name: &str) -> Self {
        self.own.add_file(name);
        self
    }

    /// Declares a name that says nothing about the directory, such as a text log. It is never removed.
    #[must_use]
    pub fn bystander(mut self, name: &str) -> Self {
        self.own.add_bystander(name);
        self
    }

    /// Opens every block with this key; a block that is not sealed is then refused.
    #[must_use]
    pub fn encryption(mut self, provider: Arc<dyn EncryptionProvider>) -> Self {
        self.read = self.read.encryption(provider);
        self
    }

    /// Chooses how far the syncs of directories and of a CURRENT that is published once more reach.
    #[must_use]
    pub const fn sync_mode(mut self, mode: SyncMode) -> Self {
        self.sync_mode = mode;
        self
    }

    /// Says that the caller keeps every other writer out of the directory, for example because it holds the owner
    /// lock itself. Then no lock is taken.
    #[must_use]
    pub const fn locked_by_caller(mut self) -> Self {
        self.locked_by_caller = true;
        self
    }
}
