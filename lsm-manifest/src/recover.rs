//! The version that a directory holds: by CURRENT, or by the highest name where there is none. Reads only.

use std::{io, path::Path};

use byteorder::{ByteOrder, LittleEndian};
use lsm_fs::Fs;

use crate::{
    Current, Error, ManifestArchiveReader, ReadOptions, Result,
    current::{Pointer, find_current},
    names::{OwnNames, version_file_name},
    survey::{Vacancy, survey},
    versions,
};

/// Section in which engines without CURRENT repeat the version.
const VERSION_ID_SECTION: &str = "version_id";

/// The live version of a directory, verified.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recovered {
    /// The contents of CURRENT.
    pub current: Current,
    /// The archive it names.
    pub archive: ManifestArchiveReader,
    /// Sections that are damaged on disk and were restored by their parity.
    pub healed: Vec<String>,
    /// Other versions whose archives lie there: a crash between publishing and cleaning up leaves them. Newer ones were
    /// never published. [`ManifestDirectory::remove_stale`](crate::ManifestDirectory::remove_stale) removes them.
    pub stale: Vec<u64>,
}

/// Opens the archive that CURRENT names. `None`: nothing is stored in the directory.
///
/// `None` stands for a directory that is missing, for one with nothing in it but empty folders and names of the
/// operator such as `lost+found` and `LOCK`, and for one whose first start is not finished. Only names that
/// every engine has are known here; [`ManifestDirectory::open`](crate::ManifestDirectory::open) knows those of yours.
///
/// No section is verified; use [`recover`] for all of them. A writer may publish and remove versions meanwhile: the
/// version that is opened was live when CURRENT was read.
///
/// # Errors
///
/// - [`MissingCurrent`](Error::MissingCurrent): CURRENT was lost, and data is there;
/// - [`ForeignDirectory`](Error::ForeignDirectory): the directory holds something else;
/// - [`MissingArchive`](Error::MissingArchive), [`DigestMismatch`](Error::DigestMismatch), and the errors of
///   [`read_current`](crate::read_current) and [`ManifestArchiveReader::open`].
pub fn open_current(
    fs: &dyn Fs,
    dir: &Path,
    options: &ReadOptions,
) -> Result<Option<(Current, ManifestArchiveReader)>> {
    Ok(match open_live(fs, dir, options, &OwnNames::new())? {
        Opened::Version(current, archive) => Some((current, archive)),
        Opened::Vacant(_) => None,
    })
}

/// A directory as it was found.
pub(crate) enum Opened {
    Version(Current, ManifestArchiveReader),
    Vacant(Vacancy),
}

pub(crate) fn open_live(fs: &dyn Fs, dir: &Path, options: &ReadOptions, own: &OwnNames) -> Result<Opened> {
    let mut last = None;
    loop {
        let current = match find_current(fs, dir, own)? {
            Pointer::Names(current) => current,
            Pointer::Vacant(vacancy) => return Ok(Opened::Vacant(vacancy)),
        };
        let path = dir.join(version_file_name(current.version_id));
        match ManifestArchiveReader::open(fs, &path, options) {
            Ok(archive) => {
                current.verify(archive.footer(), &path)?;
                return Ok(Opened::Version(current, archive));
            }
            // Replaced and removed since, or lost: versions only grow, so this ends.
            Err(error) if is_not_found(&error) && last < Some(current.version_id) => {
                last = Some(current.version_id);
            }
            Err(error) if is_not_found(&error) => return Err(Error::MissingArchive { file: path }),
            Err(error) => return Err(error),
        }
    }
}

/// As [`open_current`], verifies every section, and finds other versions that a crash left behind. `None`: nothing is
/// stored in the directory.
///
/// Changes nothing on disk. The one writer of a directory uses
/// [`ManifestDirectory::open`](crate::ManifestDirectory::open).
///
/// # Errors
///
/// As [`open_current`] and [`ManifestArchiveReader::verify`].
pub fn recover(fs: &dyn Fs, dir: &Path, options: &ReadOptions) -> Result<Option<Recovered>> {
    match open_current(fs, dir, options)? {
        Some((current, archive)) => verified(fs, dir, current, archive).map(Some),
        None => Ok(None),
    }
}

pub(crate) fn verified(
    fs: &dyn Fs,
    dir: &Path,
    current: Current,
    archive: ManifestArchiveReader,
) -> Result<Recovered> {
    let healed = archive.verify()?.into_iter().map(str::to_owned).collect();
    let mut stale = versions(fs, dir)?;
    stale.retain(|&version| version != current.version_id);
    Ok(Recovered { current, archive, healed, stale })
}

/// Opens the archive with the highest `v{N}`, for engines without CURRENT. `None`: nothing is stored in the directory.
///
/// Such an engine must not give an archive its name before it is durable: it writes it under another one, such as
/// `v{N}.tmp`, finishes it there, renames it and syncs the directory. An archive that a crash has cut is an error here,
/// and never a reason to open a lower one.
///
/// # Errors
///
/// [`WrongVersion`](Error::WrongVersion) if the archive says that it is another version, and
/// [`SectionNotFound`](Error::SectionNotFound) if it does not say: engines with CURRENT write such. Those of
/// [`ManifestArchiveReader::open`], never a lower version; [`MissingCurrent`](Error::MissingCurrent) or
/// [`ForeignDirectory`](Error::ForeignDirectory) if there are files and no version.
pub fn open_highest(
    fs: &dyn Fs,
    dir: &Path,
    options: &ReadOptions,
) -> Result<Option<(u64, ManifestArchiveReader)>> {
    let found = match versions(fs, dir) {
        Err(error) if is_not_found(&error) => return Ok(None),
        found => found?.pop(),
    };
    let Some(version_id) = found else {
        return survey(fs, dir, &OwnNames::new()).map(|_| None);
    };
    let file = dir.join(version_file_name(version_id));
    let archive = ManifestArchiveReader::open(fs, &file, options)?;
    let section = archive.read_section(VERSION_ID_SECTION)?.payload;
    let found = section.first_chunk::<8>().map_or(u64::MAX, |bytes| LittleEndian::read_u64(bytes));
    if section.len() != 8 || found != version_id {
        return Err(Error::WrongVersion { file, found });
    }
    Ok(Some((version_id, archive)))
}

fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::Fs(error) if error.kind() == io::ErrorKind::NotFound)
}
