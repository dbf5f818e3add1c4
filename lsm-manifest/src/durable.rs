//! [`DurableArchive`]: that an archive was synced, as a value.

use std::path::{Path, PathBuf};

use lsm_fs::{DirectorySync, Fs, SyncMode, parent_of};

use crate::{Error, FooterPayload, Result, current::read_if_there, names::parse_version};

/// The proof that an archive is durable: its bytes were synced, and then the directory that holds its name.
///
/// Only [`ManifestArchiveWriter::finish`](crate::ManifestArchiveWriter::finish) makes one, and
/// [`publish_current`](crate::publish_current) takes nothing else: no pointer becomes durable before what it points
/// to.
#[derive(Debug)]
#[must_use = "an archive that is not published is no version"]
pub struct DurableArchive<'fs> {
    pub(crate) fs: &'fs dyn Fs,
    pub(crate) path: PathBuf,
    pub(crate) footer: FooterPayload,
    pub(crate) directory_sync: DirectorySync,
    pub(crate) sync_mode: SyncMode,
}

impl DurableArchive<'_> {
    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The table of contents.
    #[must_use]
    pub fn footer(&self) -> &FooterPayload {
        &self.footer
    }

    /// The N of an archive that is called `v{N}`.
    #[must_use]
    pub fn version_id(&self) -> Option<u64> {
        parse_version(self.path.file_name()?)
    }

    /// What became of the directory's sync. [`NotSupported`](DirectorySync::NotSupported): the platform cannot say when
    /// a name is durable, and a crash may lose the archive though it was finished.
    pub fn directory_sync(&self) -> DirectorySync {
        self.directory_sync
    }

    /// Removes the archive, so that another attempt can have its name.
    ///
    /// # Errors
    ///
    /// [`Live`](Error::Live) if CURRENT names it; [`Corrupt`](Error::Corrupt), [`CurrentEmpty`](Error::CurrentEmpty) or
    /// [`CurrentZeros`](Error::CurrentZeros) if CURRENT is damaged, and [`Fs`](Error::Fs) if it cannot be read: the
    /// archive stays. [`Fs`](Error::Fs) if it cannot be removed.
    pub fn discard(self) -> Result<()> {
        let named = read_if_there(self.fs, parent_of(&self.path))?.map(|current| current.version_id);
        if named.is_some() && named == self.version_id() {
            return Err(Error::Live { file: self.path });
        }
        Ok(self.fs.remove_file(&self.path)?)
    }
}
