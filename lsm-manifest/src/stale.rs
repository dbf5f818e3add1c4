//! The versions in a directory: their numbers, and the removal of stale ones.

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

/// Lists the versions that have an archive in the directory, published or not, in ascending order.
///
/// A directory named `v{N}` does not count as an archive.
///
/// # Errors
///
/// [`Fs`](Error::Fs) if the directory cannot be listed.
pub fn versions(fs: &dyn Fs, dir: &Path) -> Result<Vec<u64>> {
    let mut versions: Vec<_> = fs.read_dir(dir)?.iter().filter_map(archive_version).collect();
    versions.sort_unstable();
    Ok(versions)
}

/// Returns the number of the next version: one more than the highest number in CURRENT or in a name `v{N}` or
/// `edits-{N}`. Directories with such names count, too.
///
/// The files of unpublished versions count, so that a new version never meets an old file of its number. Such a file
/// stays until the next [`remove_stale`].
///
/// # Errors
///
/// - [`NoNextVersion`](Error::NoNextVersion): the highest possible number is taken.
/// - [`CurrentEmpty`](Error::CurrentEmpty), [`CurrentZeros`](Error::CurrentZeros), [`Corrupt`](Error::Corrupt): CURRENT
///   is damaged.
/// - [`Fs`](Error::Fs): the filesystem failed.
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

/// Makes the existing CURRENT durable by publishing it once more.
///
/// If a process dies or fails between the rename of CURRENT and the sync behind it, the new version is visible but may
/// be lost in a power cut. [`ManifestDirectory::open`](crate::ManifestDirectory::open) therefore calls this function.
/// An engine with a protocol of its own calls it after opening a directory, before it removes anything that this
/// version replaced. A sync alone is not enough: after a failed sync, the kernel marks the pages clean, and the next
/// sync returns success without writing them (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX
/// ATC 2020). A reader must not call this function, because it could overwrite a version that the writer publishes at
/// the same time.
///
/// # Crash semantics
///
/// Until the call returns, a crash leaves either the CURRENT that is visible now or the last durable one. After it has
/// returned `Durable`, a crash leaves the CURRENT that is visible now. [`NotSupported`](DirectorySync::NotSupported)
/// means that the platform cannot guarantee it.
///
/// # Errors
///
/// - The errors of [`read_current`].
/// - [`Fs`](Error::Fs): the filesystem failed, for example because the disk is full. CURRENT is not known to be
///   durable, so keep everything that is stale and continue.
pub fn republish_current(fs: &dyn Fs, dir: &Path, mode: SyncMode) -> Result<DirectorySync> {
    let bytes = read_current(fs, dir)?.encode();
    Ok(fs.rewrite_atomic(&dir.join(CURRENT_VERSION_FILE), &bytes, mode)?)
}

/// Removes the archives and edit logs of all versions except `live`, and the temporary files of an interrupted rewrite
/// of CURRENT or repair. Returns the removed paths.
///
/// # Contract
///
/// Only the writer of a directory may call this, and only when CURRENT is known to be durable, that is, after
/// [`publish_current`](crate::publish_current) or [`republish_current`] has returned `Durable`. Otherwise a power cut
/// may restore a CURRENT whose archive is gone.
/// [`ManifestDirectory::remove_stale`](crate::ManifestDirectory::remove_stale) meets both conditions.
///
/// # Crash semantics
///
/// Nothing is synced. A file that reappears after a crash is still stale.
///
/// # Errors
///
/// If any of these errors is returned, nothing was removed:
///
/// - [`MissingArchive`](Error::MissingArchive): the archive of `live` does not exist.
/// - [`Live`](Error::Live): CURRENT names another version. Without CURRENT: a version higher than `live` exists, and an
///   engine without CURRENT would open that one.
/// - [`CurrentEmpty`](Error::CurrentEmpty), [`CurrentZeros`](Error::CurrentZeros), [`Corrupt`](Error::Corrupt): CURRENT
///   is damaged.
///
/// After [`Fs`](Error::Fs), some files may have been removed. Call it again.
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
