//! [`DurableArchive`]: that an archive was synced, as a value.

use std::{
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{DirectorySync, Fs, FsExt, SyncMode, parent_of};

use crate::{
    CURRENT_VERSION_FILE, Current, Error, FooterPayload, Result, format::CURRENT_LEN, recover::parse_version,
};

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
    /// [`Live`](Error::Live) if CURRENT names it; [`Corrupt`](Error::Corrupt) if CURRENT is damaged, and
    /// [`Fs`](Error::Fs) if it cannot be read: the archive stays. [`Fs`](Error::Fs) if it cannot be removed.
    pub fn discard(self) -> Result<()> {
        let current = parent_of(&self.path).join(CURRENT_VERSION_FILE);
        let named = match self.fs.read_to_vec(&current, CURRENT_LEN as u64) {
            Ok(bytes) => {
                let named = Current::decode(&bytes).map_err(|damage| Error::damaged(&current, damage))?;
                Some(named.version_id)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        if named.is_some() && named == self.version_id() {
            return Err(Error::Live { file: self.path });
        }
        Ok(self.fs.remove_file(&self.path)?)
    }
}
