//! Which version a directory holds: by CURRENT, or by the highest name where there is none.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use byteorder::{ByteOrder, LittleEndian};
use lsm_fs::{DirectorySync, Fs, FsDirEntry, FsExt, SyncMode};

use crate::{CURRENT_VERSION_FILE, Current, Error, ManifestArchiveReader, ReadOptions, Result, read_current};

/// Name of the folder that holds an engine's tables.
pub const TABLES_FOLDER: &str = "tables";
/// Name of the folder that holds an engine's blob files.
pub const BLOBS_FOLDER: &str = "blobs";

/// Section in which engines without CURRENT repeat the version.
const VERSION_ID_SECTION: &str = "version_id";

/// The live version of a directory, verified.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recovered {
    /// What CURRENT says.
    pub current: Current,
    /// The archive it names.
    pub archive: ManifestArchiveReader,
    /// Sections that are damaged on disk and were restored by their parity.
    pub healed: Vec<String>,
    /// Other versions whose archives lie there: what a crash between publishing and cleaning up leaves. Newer ones were
    /// never published. [`remove_stale`] removes them, after [`republish_current`].
    pub stale: Vec<u64>,
}

/// Opens the archive that CURRENT names. `None`: the directory is new.
///
/// No section is verified; use [`recover`] for all of them. A writer may publish and remove versions meanwhile: what is
/// opened was live when CURRENT was read.
///
/// # Errors
///
/// Those of [`read_current`], [`MissingArchive`](Error::MissingArchive), those of [`ManifestArchiveReader::open`], and
/// [`DigestMismatch`](Error::DigestMismatch).
pub fn open_current(
    fs: &dyn Fs,
    dir: &Path,
    options: &ReadOptions,
) -> Result<Option<(Current, ManifestArchiveReader)>> {
    let mut last = None;
    loop {
        let current = match read_current(fs, dir) {
            Ok(current) => current,
            Err(error) if is_not_found(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let path = dir.join(version_file_name(current.version_id));
        match ManifestArchiveReader::open(fs, &path, options) {
            Ok(archive) => {
                current.verify(archive.footer(), &path)?;
                return Ok(Some((current, archive)));
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

/// As [`open_current`], verifies every section, and finds what a crash left behind. `None`: the directory is new.
///
/// Changes nothing on disk.
///
/// # Errors
///
/// Those of [`open_current`] and of [`ManifestArchiveReader::verify`].
pub fn recover(fs: &dyn Fs, dir: &Path, options: &ReadOptions) -> Result<Option<Recovered>> {
    let Some((current, archive)) = open_current(fs, dir, options)? else { return Ok(None) };
    let healed = archive.verify()?.into_iter().map(str::to_owned).collect();
    let mut stale = versions(fs, dir)?;
    stale.retain(|&version| version != current.version_id);
    Ok(Some(Recovered { current, archive, healed, stale }))
}

/// Opens the archive with the highest `v{N}`, for engines without CURRENT. `None`: the directory is new.
///
/// Such an engine must not give an archive its name before it is durable: it writes it under another one, such as
/// `v{N}.tmp`, finishes it there, renames it and syncs the directory. An archive that a crash has cut is an error here,
/// and never a reason to open a lower one.
///
/// # Errors
///
/// [`WrongVersion`](Error::WrongVersion) if the archive says that it is another version, and
/// [`SectionNotFound`](Error::SectionNotFound) if it does not say: engines with CURRENT write such. Those of
/// [`ManifestArchiveReader::open`], never a lower version; [`MissingCurrent`](Error::MissingCurrent) if there are
/// tables and no version.
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
        return missing_current(fs, dir)?.map_or(Ok(None), Err);
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

/// The versions whose archives lie in a directory, published or not, in ascending order.
///
/// # Errors
///
/// [`Fs`](Error::Fs).
pub fn versions(fs: &dyn Fs, dir: &Path) -> Result<Vec<u64>> {
    let mut versions: Vec<_> = fs.read_dir(dir)?.iter().filter_map(version_of).collect();
    versions.sort_unstable();
    Ok(versions)
}

/// Makes the CURRENT that is there durable, by publishing it once more.
///
/// A process that died, or failed, between the rename of CURRENT and the sync behind it has left a version that
/// everybody sees and a power cut may take back. The one writer of a directory calls this when it has opened it and
/// finds something to remove that this version has replaced; a sync alone would not do, since one that follows on a
/// failed one proves nothing. A reader must not call it: it could put back a version that the writer has replaced
/// meanwhile.
///
/// # Crash semantics
///
/// Before it returns, a crash leaves the CURRENT that is seen now, or the one that was durable before it; after
/// `Durable`, the former. [`NotSupported`](DirectorySync::NotSupported): the platform cannot say.
///
/// # Errors
///
/// Those of [`read_current`]; [`Fs`](Error::Fs), a full disk among them: nothing is known to be durable, so keep what
/// is stale and go on.
pub fn republish_current(fs: &dyn Fs, dir: &Path, mode: SyncMode) -> Result<DirectorySync> {
    let bytes = read_current(fs, dir)?.encode();
    Ok(fs.rewrite_atomic(&dir.join(CURRENT_VERSION_FILE), &bytes, mode)?)
}

/// Removes the archives and edit logs of all versions but one, and temporary files that a crash left of a rewrite of
/// CURRENT or a repair. Returns what it removed.
///
/// Only for the one writer of a directory, and only when CURRENT is known to be durable: after
/// [`publish_current`](crate::publish_current) or [`republish_current`] has returned `Durable`. Otherwise a power cut
/// may bring back a CURRENT whose archive is gone. Nothing is synced: what comes back after a crash is as stale as
/// before.
///
/// # Errors
///
/// [`Live`](Error::Live) if CURRENT names another version than `live`, and those of [`read_current`] if there is one
/// that cannot be read: nothing is removed. [`Fs`](Error::Fs): what was removed before stays removed; call it again.
pub fn remove_stale(fs: &dyn Fs, dir: &Path, live: u64) -> Result<Vec<PathBuf>> {
    // Engines without CURRENT have none.
    if fs.exists(&dir.join(CURRENT_VERSION_FILE))? {
        let named = read_current(fs, dir)?.version_id;
        if named != live {
            return Err(Error::Live { file: dir.join(version_file_name(named)) });
        }
    }
    let mut removed = Vec::new();
    for entry in fs.read_dir(dir)? {
        if entry.file_type.is_file() && is_stale(&entry, live) {
            let path = dir.join(&entry.name);
            fs.remove_file(&path)?;
            removed.push(path);
        }
    }
    Ok(removed)
}

/// The name of a version's archive.
#[must_use]
pub fn version_file_name(version_id: u64) -> String {
    format!("v{version_id}")
}

/// The N of a name `v{N}`: decimal, without leading zeros or signs.
pub(crate) fn parse_version(name: &OsStr) -> Option<u64> {
    numbered(name, "v")
}

/// Says that CURRENT is missing, if there are names that no new directory has.
pub(crate) fn missing_current(fs: &dyn Fs, dir: &Path) -> Result<Option<Error>> {
    let entries = match fs.read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let data = entries.iter().find(|entry| {
        entry.name == TABLES_FOLDER
            || entry.name == BLOBS_FOLDER
            || numbered(&entry.name, "v").is_some()
            || numbered(&entry.name, "edits-").is_some()
    });
    Ok(data.map(|entry| Error::MissingCurrent {
        file: dir.join(CURRENT_VERSION_FILE),
        beside: entry.name.to_string_lossy().into_owned(),
    }))
}

fn is_stale(entry: &FsDirEntry, live: u64) -> bool {
    let version = numbered(&entry.name, "v").or_else(|| numbered(&entry.name, "edits-"));
    version.is_some_and(|version| version != live)
        || numbered(&entry.name, &format!(".{CURRENT_VERSION_FILE}.tmp-")).is_some()
        || is_repair(&entry.name)
}

/// `.v{N}.tmp-{n}`: what an archive is rewritten as.
fn is_repair(name: &OsStr) -> bool {
    let parts = name.to_str().and_then(|name| name.strip_prefix('.')?.split_once(".tmp-"));
    parts.is_some_and(|(archive, attempt)| {
        parse_version(archive.as_ref()).is_some() && numbered(attempt.as_ref(), "").is_some()
    })
}

fn version_of(entry: &FsDirEntry) -> Option<u64> {
    numbered(&entry.name, "v").filter(|_| !entry.file_type.is_dir())
}

fn numbered(name: &OsStr, prefix: &str) -> Option<u64> {
    let digits = name.to_str()?.strip_prefix(prefix)?;
    let number = digits.parse().ok()?;
    (digits == format!("{number}")).then_some(number)
}

fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::Fs(error) if error.kind() == std::io::ErrorKind::NotFound)
}
