//! [`publish_current`]: makes an archive the live version by replacing CURRENT.

use std::{io, path::Path};

use lsm_fs::{DirectorySync, Fs, FsExt, Op, parent_of};

use crate::{
    CURRENT_VERSION_FILE, Current, DurableArchive, Error, Result, current::read_if_there, format::CURRENT_LEN,
};

/// Atomically makes a durable archive the live version of its directory.
///
/// [`ManifestDirectory::publish`](crate::ManifestDirectory::publish) calls this and takes care of the rest. Call this
/// function directly only if the directory is managed elsewhere, for example while creating a checkpoint, or in an
/// engine with a protocol of its own.
///
/// The archive must be named `v{N}`, where N is the version. Returns [`Durable`](DirectorySync::Durable) if the new
/// CURRENT and the name of the archive survive a crash, and [`NotSupported`](DirectorySync::NotSupported) if the
/// platform cannot guarantee it for either of them.
///
/// # Contract
///
/// Versions only grow. Publishing the version that CURRENT already names succeeds only with the same archive, which
/// makes it possible to repeat a publication with an uncertain outcome. Two concurrent calls may both succeed, so the
/// caller must keep other writers out.
///
/// # Crash semantics
///
/// Until the call returns, a crash leaves either the old CURRENT or the new one, complete. After it has returned
/// `Durable`, a crash leaves the new one.
///
/// # Errors
///
/// After the following errors, the old version is live and the archive still exists. Try again, or call
/// [`DurableArchive::discard`]:
///
/// - [`NotAVersion`](Error::NotAVersion): the archive is not named `v{N}`.
/// - [`NotNewer`](Error::NotNewer): write the archive again under the next version.
/// - [`CurrentEmpty`](Error::CurrentEmpty), [`CurrentZeros`](Error::CurrentZeros), [`Corrupt`](Error::Corrupt): CURRENT
///   is damaged, so the live version is unknown.
/// - [`Fs`](Error::Fs): the filesystem failed.
///
/// After [`PublishedNotDurable`](Error::PublishedNotDurable), either version may be live.
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

/// Returns `true` if CURRENT may have been replaced although the call failed. A failure before the rename leaves the
/// old CURRENT. A rename can report an error and still take effect, for example if the reply of a file server is lost.
/// Then the contents of CURRENT decide. If they cannot be read, the result is `true`, unless CURRENT does not exist.
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
