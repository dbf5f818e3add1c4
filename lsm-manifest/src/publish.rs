//! [`publish_current`].

use std::{io, path::Path};

use lsm_fs::{DirectorySync, Fs, FsExt, Op, parent_of};

use crate::{
    CURRENT_VERSION_FILE, Current, DurableArchive, Error, Result, current::read_if_there, format::CURRENT_LEN,
};

/// Makes a durable archive the live version of its directory, as one step.
///
/// [`ManifestDirectory::publish`](crate::ManifestDirectory::publish) does this and what belongs to it. This function is
/// for a directory that somebody else looks after: a checkpoint that is being made, an engine with a protocol of its
/// own.
///
/// The archive must be called `v{N}`; N is the version. Returns [`Durable`](DirectorySync::Durable) if the new CURRENT
/// and the archive's name survive a crash, and [`NotSupported`](DirectorySync::NotSupported) if the platform could not
/// say so of either.
///
/// # Contract
///
/// Versions only grow. The number that CURRENT has is accepted once more only with the same archive, to repeat a
/// publication whose outcome is in doubt. Two callers at the same time may both succeed; the caller keeps others out.
///
/// # Crash semantics
///
/// Before it returns, a crash leaves the old CURRENT or the new one, whole; after it returned `Durable`, the new one.
///
/// # Errors
///
/// The old version is live, and the archive is still there, for another attempt or for [`DurableArchive::discard`]:
///
/// - [`NotAVersion`](Error::NotAVersion);
/// - [`NotNewer`](Error::NotNewer): write the archive again under the number of the next version;
/// - [`CurrentEmpty`](Error::CurrentEmpty), [`CurrentZeros`](Error::CurrentZeros), [`Corrupt`](Error::Corrupt): CURRENT
///   is damaged, so nothing tells which versions are older;
/// - [`Fs`](Error::Fs).
///
/// [`PublishedNotDurable`](Error::PublishedNotDurable): either version may be live.
pub fn publish_current(archive: &DurableArchive<'_>) -> Result<DirectorySync> {
    let version_id =
        archive.version_id().ok_or_else(|| Error::NotAVersion { file: archive.path().to_path_buf() })?;
    let dir = parent_of(archive.path());
    let new = Current::new(version_id, archive.footer());
    if let Some(live) = read_if_there(archive.fs, dir)?
        && live.version_id >= version_id
        && live != new
    {
        return Err(Error::NotNewer { file: archive.path().to_path_buf(), live: live.version_id });
    }
    let (file, bytes) = (dir.join(CURRENT_VERSION_FILE), new.encode());
    match archive.fs.rewrite_atomic(&file, &bytes, archive.sync_mode) {
        Ok(DirectorySync::Durable) => Ok(archive.directory_sync()),
        Ok(DirectorySync::NotSupported) => Ok(DirectorySync::NotSupported),
        Err(source) if may_be_published(archive.fs, &file, &bytes, &source) => {
            Err(Error::PublishedNotDurable { file, source })
        }
        Err(error) => Err(error.into()),
    }
}

/// Only what comes before the rename leaves the old CURRENT for sure. A rename can be done and fail all the same, where
/// an answer is lost between client and server; then CURRENT tells, and if it cannot be read, nothing is sure.
fn may_be_published(fs: &dyn Fs, file: &Path, bytes: &[u8; CURRENT_LEN], error: &lsm_fs::Error) -> bool {
    match error.op() {
        Op::SyncDirectory => true,
        Op::Rename => match fs.read_to_vec(file, CURRENT_LEN as u64) {
            Ok(found) => found == bytes,
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        },
        _ => false,
    }
}
