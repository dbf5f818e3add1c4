//! The versions that lie in a directory beside the live one: their numbers, and how they go.

use std::path::{Path, PathBuf};

use lsm_fs::{DirectorySync, Fs, FsDirEntry, FsExt, SyncMode};

use crate::{
    CURRENT_VERSION_FILE, Error, Result,
    current::read_if_there,
    names::{is_draft, parse_version, version_file_name, version_or_edits_of},
    read_current,
};

/// The number of the first version of a directory.
const FIRST_VERSION: u64 = 1;

/// Lists the versions whose archives lie in a directory, published or not, in ascending order.
///
/// A directory that is called `v{N}` is no archive.
///
/// # Errors
///
/// [`Fs`](Error::Fs).
pub fn versions(fs: &dyn Fs, dir: &Path) -> Result<Vec<u64>> {
    let mut versions: Vec<_> = fs.read_dir(dir)?.iter().filter_map(archive_version).collect();
    versions.sort_unstable();
    Ok(versions)
}

/// Finds the number for the next version: above every number that CURRENT, a `v{N}` or an `edits-{N}` has, of
/// whatever type the entry is.
///
/// The archive of a version that a crash kept from being published may come back after it was removed, and stays for
/// good on a volume that cannot sync directories. Its number is never used again.
///
/// # Errors
///
/// [`NoNextVersion`](Error::NoNextVersion) if the largest number is taken. Damage of CURRENT; [`Fs`](Error::Fs).
pub fn next_version_id(fs: &dyn Fs, dir: &Path) -> Result<u64> {
    let live = read_if_there(fs, dir)?.map(|current| current.version_id);
    let taken = fs.read_dir(dir)?.iter().filter_map(|entry| version_or_edits_of(&entry.name)).max();
    match live.max(taken) {
        None => Ok(FIRST_VERSION),
        Some(highest) => highest
            .checked_add(1)
            .ok_or_else(|| Error::NoNextVersion { file: dir.join(version_file_name(highest)) }),
    }
}

/// Makes the CURRENT that is there durable, by publishing it once more.
///
/// A process that died, or failed, between the rename of CURRENT and the sync behind it has left a version that
/// everybody sees and a power cut may take back. [`ManifestDirectory::open`](crate::ManifestDirectory::open) calls
/// this; an engine with a protocol of its own calls it when it has opened a directory and finds something to remove
/// that this version has replaced. A sync alone would not do, since one that follows on a failed one proves nothing. A
/// reader must not call it: it could put back a version that the writer has replaced meanwhile.
///
/// # Crash semantics
///
/// Before it returns, a crash leaves the CURRENT that is seen now, or the one that was durable before it; after
/// `Durable`, the former. [`NotSupported`](DirectorySync::NotSupported): the platform cannot say.
///
/// # Errors
///
/// As [`read_current`]; [`Fs`](Error::Fs), a full disk among them: nothing is known to be durable, so keep everything
/// that is stale and go on.
pub fn republish_current(fs: &dyn Fs, dir: &Path, mode: SyncMode) -> Result<DirectorySync> {
    let bytes = read_current(fs, dir)?.encode();
    Ok(fs.rewrite_atomic(&dir.join(CURRENT_VERSION_FILE), &bytes, mode)?)
}

/// Removes the archives and edit logs of all versions but one, and temporary files that a crash left of a rewrite of
/// CURRENT or a repair. Returns the paths that it removed.
///
/// # Contract
///
/// Only the one writer of a directory calls this, and only when CURRENT is known to be durable: after
/// [`publish_current`](crate::publish_current) or [`republish_current`] has returned `Durable`. Otherwise a power cut
/// may bring back a CURRENT whose archive is gone.
/// [`ManifestDirectory::remove_stale`](crate::ManifestDirectory::remove_stale) sees to both.
///
/// # Crash semantics
///
/// Nothing is synced. A file that a crash brings back is as stale as before.
///
/// # Errors
///
/// Nothing is removed:
///
/// - [`MissingArchive`](Error::MissingArchive): the archive of `live` is not there;
/// - [`Live`](Error::Live): CURRENT names another version, or there is no CURRENT and a higher version lies there, as
///   an engine that opens the highest one would open it;
/// - [`CurrentEmpty`](Error::CurrentEmpty), [`CurrentZeros`](Error::CurrentZeros), [`Corrupt`](Error::Corrupt).
///
/// [`Fs`](Error::Fs): files that were removed before stay removed; call it again.
pub fn remove_stale(fs: &dyn Fs, dir: &Path, live: u64) -> Result<Vec<PathBuf>> {
    let entries = fs.read_dir(dir)?;
    let highest = entries.iter().filter_map(archive_version).max();
    let named = read_if_there(fs, dir)?.map(|current| current.version_id).or(highest);
    if let Some(named) = named
        && named != live
    {
        return Err(Error::Live { file: dir.join(version_file_name(named)) });
    }
    if !entries.iter().any(|entry| archive_version(entry) == Some(live)) {
        return Err(Error::MissingArchive { file: dir.join(version_file_name(live)) });
    }
    let mut removed = Vec::new();
    for entry in &entries {
        if entry.file_type.is_file() && is_stale(entry, live) {
            let path = dir.join(&entry.name);
            fs.remove_file(&path)?;
            removed.push(path);
        }
    }
    Ok(removed)
}

fn is_stale(entry: &FsDirEntry, live: u64) -> bool {
    version_or_edits_of(&entry.name).is_some_and(|version| version != live) || is_draft(&entry.name)
}

fn archive_version(entry: &FsDirEntry) -> Option<u64> {
    parse_version(&entry.name).filter(|_| !entry.file_type.is_dir())
}
