//! [`DirectoryOptions`]: the names that an engine declares, its key, and its sync mode.

use std::sync::Arc;

use lsm_fs::SyncMode;

use crate::{EncryptionProvider, ReadOptions, names::OwnNames};

/// Describes an engine's directory: the names that the engine uses there, its key, and its sync mode.
///
/// CURRENT, `v{N}`, `edits-{N}`, `tables` and `blobs` always belong to the engine and need no declaration.
/// `lost+found`, `LOCK`, `.lock`, `.nfs*`, `.fuse_hidden*`, `.snapshot`, `.DS_Store` and the temporary files of
/// `lsm-fs` are always ignored. They are never removed, with one exception:
/// [`ManifestDirectory::remove_stale`](crate::ManifestDirectory::remove_stale) removes temporary files of CURRENT, of
/// an archive and of the mark [`UNFINISHED_FILE`](crate::UNFINISHED_FILE).
///
/// Declare every other name that the engine uses. If a directory has neither CURRENT nor data of the engine, an
/// undeclared file or a folder with contents marks it as foreign. This prevents an engine from starting on top of
/// another application's data.
///
/// A name is a single path component. The first `*` in it matches any text, including none.
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
    /// Creates options that declare no names and no key. Syncs are normal, and `open` takes the owner lock.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            own: OwnNames::new(),
            read: ReadOptions::new(),
            sync_mode: SyncMode::Normal,
            locked_by_caller: false,
        }
    }

    /// Declares a folder whose contents belong to the engine. Anything in the folder counts as data. An empty folder
    /// does not.
    ///
    /// The folder may be a symbolic link to a directory. Clearing an unfinished first start removes the folder's
    /// contents.
    #[must_use]
    pub fn folder(mut self, name: &str) -> Self {
        self.own.add_folder(name);
        self
    }

    /// Declares a file that holds data, even if it is empty. Clearing an unfinished first start removes it.
    #[must_use]
    pub fn file(mut self, name: &str) -> Self {
        self.own.add_file(name);
        self
    }

    /// Declares a name to be ignored, such as a text log. It is never removed.
    #[must_use]
    pub fn bystander(mut self, name: &str) -> Self {
        self.own.add_bystander(name);
        self
    }

    /// Decrypts every block with this provider. A block that is not sealed is then refused.
    #[must_use]
    pub fn encryption(mut self, provider: Arc<dyn EncryptionProvider>) -> Self {
        self.read = self.read.encryption(provider);
        self
    }

    /// Sets the sync mode for directories, and for CURRENT when `open` publishes it once more.
    #[must_use]
    pub const fn sync_mode(mut self, mode: SyncMode) -> Self {
        self.sync_mode = mode;
        self
    }

    /// Declares that the caller keeps every other writer out of the directory, for example by holding the owner lock.
    /// `open` then takes no lock.
    #[must_use]
    pub const fn locked_by_caller(mut self) -> Self {
        self.locked_by_caller = true;
        self
    }
}
