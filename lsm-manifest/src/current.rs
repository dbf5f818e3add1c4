//! CURRENT: which version is live, bound to its archive by a digest.

use std::{io, path::Path};

use byteorder::{ByteOrder, LittleEndian};
use lsm_fs::{DirectorySync, Fs, FsExt, FsOpenOptions, Op, parent_of};

use crate::{
    ChecksumType, Damage, Defect, DurableArchive, Error, FooterPayload, Result, current_digest,
    format::{CURRENT_CHECKSUM_TYPE_AT, CURRENT_DIGEST_AT, CURRENT_LEN, CURRENT_VERSION_AT},
    recover::missing_current,
};

/// Name of the file that says which version is live.
pub const CURRENT_VERSION_FILE: &str = "current";

/// What CURRENT says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Current {
    /// The live version: its archive is called `v{version_id}`.
    pub version_id: u64,
    /// The digest of that archive; see [`current_digest`].
    pub digest: u128,
    /// How the digest was computed.
    pub checksum_type: ChecksumType,
}

impl Current {
    /// For a version with this table of contents.
    #[must_use]
    pub fn new(version_id: u64, footer: &FooterPayload) -> Self {
        Self { version_id, digest: current_digest(version_id, footer), checksum_type: ChecksumType::Xxh3 }
    }

    /// The file's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; CURRENT_LEN] {
        let mut out = [0; CURRENT_LEN];
        LittleEndian::write_u64(&mut out[CURRENT_VERSION_AT..], self.version_id);
        LittleEndian::write_u128(&mut out[CURRENT_DIGEST_AT..], self.digest);
        out[CURRENT_CHECKSUM_TYPE_AT] = self.checksum_type.code();
        out
    }

    /// Reads the file's bytes.
    ///
    /// # Errors
    ///
    /// The length or the checksum type is impossible. Everything else shows when the archive is opened.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let len = bytes.len() as u64;
        let bytes: &[u8; CURRENT_LEN] =
            bytes.try_into().map_err(|_| Damage::new(0, Defect::CurrentLength { len }))?;
        let found = bytes[CURRENT_CHECKSUM_TYPE_AT];
        let at = CURRENT_CHECKSUM_TYPE_AT as u64;
        Ok(Self {
            version_id: LittleEndian::read_u64(&bytes[CURRENT_VERSION_AT..]),
            digest: LittleEndian::read_u128(&bytes[CURRENT_DIGEST_AT..]),
            checksum_type: ChecksumType::from_code(found)
                .ok_or(Damage::new(at, Defect::ChecksumType { found }))?,
        })
    }

    /// Whether it was published for the archive `file` with this table of contents.
    ///
    /// # Errors
    ///
    /// [`DigestMismatch`](Error::DigestMismatch).
    pub fn verify(&self, footer: &FooterPayload, file: &Path) -> Result<()> {
        let found = current_digest(self.version_id, footer);
        if found == self.digest {
            return Ok(());
        }
        Err(Error::DigestMismatch { file: file.to_path_buf(), expected: self.digest, found })
    }
}

/// Reads the CURRENT of a directory, without looking at the archive it names.
///
/// # Errors
///
/// [`MissingCurrent`](Error::MissingCurrent) if it is not there but other files of an engine are; `NotFound` in
/// [`Fs`](Error::Fs) if nothing is there; [`CurrentEmpty`](Error::CurrentEmpty), [`CurrentZeros`](Error::CurrentZeros);
/// [`Corrupt`](Error::Corrupt).
pub fn read_current(fs: &dyn Fs, dir: &Path) -> Result<Current> {
    let file = dir.join(CURRENT_VERSION_FILE);
    let handle = match fs.open(&file, &FsOpenOptions::new().read(true)) {
        Ok(handle) => handle,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(missing_current(fs, dir)?.unwrap_or(Error::Fs(error)));
        }
        Err(error) => return Err(error.into()),
    };
    let len = handle.metadata()?.len;
    // One byte more than it may have: enough to tell what a longer one is.
    let mut bytes = [0; CURRENT_LEN + 1];
    let read = handle.read_at(&mut bytes, 0)?;
    let bytes = bytes.get(..read).unwrap_or_default();
    if bytes.is_empty() {
        return Err(Error::CurrentEmpty { file });
    }
    if bytes.iter().all(|&byte| byte == 0) {
        return Err(Error::CurrentZeros { file });
    }
    Current::decode(bytes).map_err(|damage| match damage.what {
        Defect::CurrentLength { .. } => Error::damaged(&file, Damage::new(0, Defect::CurrentLength { len })),
        _ => Error::damaged(&file, damage),
    })
}

/// Makes a durable archive the live version of its directory, as one step.
///
/// The archive must be called `v{N}`; N is the version. Says whether the new CURRENT and the archive's name survive a
/// crash: [`NotSupported`](DirectorySync::NotSupported) if the platform could not say so of either.
///
/// # Crash semantics
///
/// Before it returns, a crash leaves the old CURRENT or the new one, whole; after it returned `Durable`, the new one.
///
/// # Errors
///
/// [`NotAVersion`](Error::NotAVersion); [`Fs`](Error::Fs): the old version is live, and the archive is still there, for
/// another attempt or for [`DurableArchive::discard`]. [`PublishedNotDurable`](Error::PublishedNotDurable).
pub fn publish_current(archive: &DurableArchive<'_>) -> Result<DirectorySync> {
    let version_id =
        archive.version_id().ok_or_else(|| Error::NotAVersion { file: archive.path().to_path_buf() })?;
    let file = parent_of(archive.path()).join(CURRENT_VERSION_FILE);
    let bytes = Current::new(version_id, archive.footer()).encode();
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

#[cfg(test)]
mod tests;
