//! [`DurableArchive`]: a value that proves that an archive was synced.

use std::path::{Path, PathBuf};

use lsm_fs::{DirectorySync, Fs, SyncMode, parent_of};

use crate::{Error, FooterPayload, Result, current::read_if_there, names::parse_version};

/// Proof that an archive was synced: first its contents, and then the directory that holds its name.
///
/// Only [`ManifestArchiveWriter::finish`](crate::ManifestArchiveWriter::finish) creates this value, and
/// [`publish_current`](crate::publish_current) requires it. Where directories can be synced, the pointer can therefore
/// never become durable before the archive that it names.
#[derive(Debug)]
#[must_use = "an archive becomes a version only when it is published"]
pub struct DurableArchive<'fs> {
    pub(crate) fs: &'fs dyn Fs,
    pub(crate) path: PathBuf,
    pub(crate) footer: FooterPayload,
    pub(crate) directory_sync: DirectorySync,
    pub(crate) sync_mode: SyncMode,
}

impl DurableArchive<'_> {
    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the table of contents.
    #[must_use]
    pub fn footer(&self) -> &FooterPayload {
        &self.footer
    }

    /// Returns the version N if the archive is named `v{N}`.
    #[must_use]
    pub fn version_id(&self) -> Option<u64> {
        parse_version(self.path.file_name()?)
    }

    /// Returns the result of the directory's sync. [`NotSupported`](DirectorySync::NotSupported) means that the
    /// platform cannot guarantee that a name is durable, so a crash may lose the finished archive.
    pub fn directory_sync(&self) -> DirectorySync {
        self.directory_sync
    }

    /// Removes the archive, so that another attempt can use its name.
    ///
    /// # Errors
    ///
    /// - [`Live`](Error::Live): CURRENT names this version.
    /// - [`Corrupt`](Error::Corrupt), [`CurrentEmpty`](Error::CurrentEmpty), [`CurrentZeros`](Error::CurrentZeros):
    ///   CURRENT is damaged.
    /// - [`Fs`](Error::Fs): CURRENT cannot be read, or the archive cannot be removed.
    ///
    /// In each case the archive stays.
    pub fn discard(self) -> Result<()> {
        let named = read_if_there(self.fs, parent_of(&self.path))?.map(|current| current.version_id);
        if named.is_some() && named == self.version_id() {
            return Err(Error::Live { file: self.path });
        }
        Ok(self.fs.remove_file(&self.path)?)
    }
}
