//! CURRENT: the pointer to the live version, bound to the version's archive by a digest.

use std::{io, path::Path};

use byteorder::{ByteOrder, LittleEndian};
use lsm_fs::{Fs, FsOpenOptions, Op};

use crate::{
    CURRENT_VERSION_FILE, ChecksumType, Damage, Defect, Error, FooterPayload, Result, current_digest,
    format::{CURRENT_CHECKSUM_TYPE_AT, CURRENT_DIGEST_AT, CURRENT_LEN, CURRENT_VERSION_AT},
    names::OwnNames,
    survey::{Vacancy, survey},
};

/// The contents of CURRENT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Current {
    /// The live version. Its archive is named `v{version_id}`.
    pub version_id: u64,
    /// The digest of that archive, as computed by [`current_digest`].
    pub digest: u128,
    /// The algorithm of the digest.
    pub checksum_type: ChecksumType,
}

impl Current {
    /// Creates the pointer to a version with this table of contents.
    #[must_use]
    pub fn new(version_id: u64, footer: &FooterPayload) -> Self {
        Self { version_id, digest: current_digest(version_id, footer), checksum_type: ChecksumType::Xxh3 }
    }

    /// Encodes the contents of the file.
    #[must_use]
    pub fn encode(&self) -> [u8; CURRENT_LEN] {
        let mut out = [0; CURRENT_LEN];
        LittleEndian::write_u64(&mut out[CURRENT_VERSION_AT..], self.version_id);
        LittleEndian::write_u128(&mut out[CURRENT_DIGEST_AT..], self.digest);
        out[CURRENT_CHECKSUM_TYPE_AT] = self.checksum_type.code();
        out
    }

    /// Decodes the contents of the file.
    ///
    /// # Errors
    ///
    /// The length or the checksum type is invalid. A wrong version or digest is detected only by
    /// [`verify`](Self::verify), with the archive's table of contents.
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

    /// Verifies that this pointer was published for the archive `file`, which has this table of contents.
    ///
    /// # Errors
    ///
    /// [`DigestMismatch`](Error::DigestMismatch) if it was published for another archive.
    pub fn verify(&self, footer: &FooterPayload, file: &Path) -> Result<()> {
        let found = current_digest(self.version_id, footer);
        if found == self.digest {
            return Ok(());
        }
        Err(Error::DigestMismatch { file: file.to_path_buf(), expected: self.digest, found })
    }
}

/// Reads the CURRENT file of a directory, without opening the archive that it names.
///
/// # Errors
///
/// - `NotFound` in [`Fs`](Error::Fs): there is no CURRENT, and nothing is stored in the directory in the sense of
///   [`open_current`](crate::open_current).
/// - [`MissingCurrent`](Error::MissingCurrent), [`ForeignDirectory`](Error::ForeignDirectory): there is no CURRENT, but
///   there are other files.
/// - [`CurrentEmpty`](Error::CurrentEmpty), [`CurrentZeros`](Error::CurrentZeros), [`Corrupt`](Error::Corrupt): CURRENT
///   is damaged.
/// - [`Fs`](Error::Fs) with any other kind: the filesystem failed.
pub fn read_current(fs: &dyn Fs, dir: &Path) -> Result<Current> {
    match find_current(fs, dir, &OwnNames::new())? {
        Pointer::Names(current) => Ok(current),
        Pointer::Vacant(_) => Err(not_found(&dir.join(CURRENT_VERSION_FILE))),
    }
}

/// The result of [`find_current`].
pub(crate) enum Pointer {
    Names(Current),
    /// Nothing is stored in the directory.
    Vacant(Vacancy),
}

/// The number of attempts. If a writer publishes the first version between the read of CURRENT and the listing of the
/// directory, the next attempt finds it.
const ATTEMPTS: usize = 3;

/// Reads CURRENT. If there is none, classifies the directory by the other names in it.
pub(crate) fn find_current(fs: &dyn Fs, dir: &Path, own: &OwnNames) -> Result<Pointer> {
    for _ in 0..ATTEMPTS {
        if let Some(current) = read_if_there(fs, dir)? {
            return Ok(Pointer::Names(current));
        }
        if let Some(vacancy) = survey(fs, dir, own)? {
            return Ok(Pointer::Vacant(vacancy));
        }
    }
    Err(not_found(&dir.join(CURRENT_VERSION_FILE)))
}

fn not_found(file: &Path) -> Error {
    Error::Fs(lsm_fs::Error::new(Op::Open, file, io::Error::from(io::ErrorKind::NotFound)))
}

/// Reads CURRENT. Returns `None` if the file does not exist.
pub(crate) fn read_if_there(fs: &dyn Fs, dir: &Path) -> Result<Option<Current>> {
    let file = dir.join(CURRENT_VERSION_FILE);
    let handle = match fs.open(&file, &FsOpenOptions::new().read(true)) {
        Ok(handle) => handle,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let len = handle.metadata()?.len;
    // Read one byte more than a valid file has, to detect a longer file.
    let mut bytes = [0; CURRENT_LEN + 1];
    let read = handle.read_at(&mut bytes, 0)?;
    debug_assert!(read <= bytes.len(), "a read returns at most the length of its buffer");
    let bytes = bytes.get(..read).unwrap_or(&bytes);
    if bytes.is_empty() {
        return Err(Error::CurrentEmpty { file });
    }
    if bytes.iter().all(|&byte| byte == 0) {
        return Err(Error::CurrentZeros { file });
    }
    Current::decode(bytes).map(Some).map_err(|damage| match damage.what {
        Defect::CurrentLength { .. } => Error::damaged(&file, Damage::new(0, Defect::CurrentLength { len })),
        _ => Error::damaged(&file, damage),
    })
}

#[cfg(test)]
mod tests;
