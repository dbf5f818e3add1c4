//! Recovery of the version that a directory holds, from CURRENT or from the highest `v{N}`. Nothing is written.

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

/// Name of the section in which engines without CURRENT repeat the version.
const VERSION_ID_SECTION: &str = "version_id";

/// The live version of a directory, verified.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recovered {
    /// The contents of CURRENT.
    pub current: Current,
    /// The archive that CURRENT names.
    pub archive: ManifestArchiveReader,
    /// Sections that are damaged on disk and were restored by parity.
    pub healed: Vec<String>,
    /// Other versions that have an archive in the directory. A crash between a publication and the following removal
    /// leaves them. A version newer than the live one was not published, or a crash has undone its publication.
    /// [`ManifestDirectory::remove_stale`](crate::ManifestDirectory::remove_stale) removes them.
    pub stale: Vec<u64>,
}

/// Opens the archive that CURRENT names. Returns `None` if nothing is stored in the directory.
///
/// Nothing is stored if the directory is missing, if it holds only empty folders and names such as `lost+found` and
/// `LOCK`, or if its first start is unfinished. This function knows only the names that every engine uses.
/// [`ManifestDirectory::open`](crate::ManifestDirectory::open) also knows the names that your engine declares.
///
/// The call verifies no section. Use [`recover`] to verify all of them. A writer may publish and remove versions at the
/// same time. The returned version was live when CURRENT was read.
///
/// # Errors
///
/// - [`MissingCurrent`](Error::MissingCurrent): CURRENT was lost, but there is data.
/// - [`ForeignDirectory`](Error::ForeignDirectory): the directory belongs to another application.
/// - [`MissingArchive`](Error::MissingArchive): the archive that CURRENT names is missing.
/// - [`DigestMismatch`](Error::DigestMismatch): CURRENT was published for another archive.
/// - The other errors of [`read_current`](crate::read_current) and [`ManifestArchiveReader::open`].
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

/// The state in which a directory was found.
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
            // Either a writer has replaced and removed this version since, or it is lost. Versions only grow, so the
            // loop ends.
            Err(error) if is_not_found(&error) && last < Some(current.version_id) => {
                last = Some(current.version_id);
            }
            Err(error) if is_not_found(&error) => return Err(Error::MissingArchive { file: path }),
            Err(error) => return Err(error),
        }
    }
}

/// Opens the archive that CURRENT names, verifies every section, and lists the other versions that a crash left.
/// Returns `None` if nothing is stored in the directory.
///
/// Changes nothing on disk. The writer of a directory uses [`ManifestDirectory::open`](crate::ManifestDirectory::open)
/// instead.
///
/// # Errors
///
/// The errors of [`open_current`] and [`ManifestArchiveReader::verify`].
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

/// Opens the archive with the highest `v{N}`, for engines without CURRENT. Returns `None` if nothing is stored in the
/// directory, as [`open_current`] defines it.
///
/// An engine without CURRENT must not give an archive its final name before the archive is durable. It writes the
/// archive under another name, such as `v{N}.tmp`, finishes and syncs it there, renames it and syncs the directory. If
/// the highest archive is incomplete, this function returns an error. It never falls back to a lower version.
///
/// # Errors
///
/// - [`WrongVersion`](Error::WrongVersion): the archive contains another version than its name.
/// - [`SectionNotFound`](Error::SectionNotFound): the archive contains no version. Engines with CURRENT write such
///   archives.
/// - [`MissingCurrent`](Error::MissingCurrent), [`ForeignDirectory`](Error::ForeignDirectory): there are files but no
///   version.
/// - The other errors of [`ManifestArchiveReader::open`] and [`ManifestArchiveReader::read_section`].
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
