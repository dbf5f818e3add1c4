//! Removes the debris of killed clients from a local disk: staging files, and empty folders of writers.
//!
//! The local client writes an object to `{name}#{n}` and links it to its name. Its lists leave these files out.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use lsm_fs::{Fs, FsFileType, StdFs};

use super::{Collector, DAY};
use crate::{
    environment::blocking,
    error::{Error, Result},
    format::Head,
    id::WriterId,
    key::{CATALOGS, DATA, HEADS, Key, PROBES},
};

impl Collector<'_> {
    /// Removes the staging files of dead clients, and the empty folders of writers that are not registered. Returns the
    /// number of files.
    pub(super) async fn remove_staging_files(&self) -> Result<u64> {
        let Some(folder) = self.session.access.location.folder() else { return Ok(0) };
        let environment = &*self.session.access.options.environment;
        let at = folder.to_path_buf();
        let writers = blocking(environment, move || writers(&at)).await.map_err(Error::System)??;
        // As with objects, the folders are listed before the state is read.
        let head = self.session.newest().await?.head;
        let at = folder.to_path_buf();
        let removed = blocking(environment, move || remove(&at, &writers, &head)).await;
        let of_writers = removed.map_err(Error::System)??;
        let at = folder.to_path_buf();
        let others = blocking(environment, move || of_no_writer(&at)).await.map_err(Error::System)??;
        if others.is_empty() {
            return Ok(of_writers);
        }
        let now = self.store_time().await?;
        let removed = blocking(environment, move || remove_old(&others, now)).await;
        Ok(of_writers + removed.map_err(Error::System)??)
    }
}

fn writers(folder: &Path) -> Result<Vec<(&'static str, WriterId)>> {
    let mut writers = Vec::new();
    for kind in [DATA, CATALOGS] {
        let folders = entries(&folder.join(kind))?.into_iter().filter(|(_, file_type)| file_type.is_dir());
        writers.extend(folders.filter_map(|(name, _)| Some((kind, name.parse().ok()?))));
    }
    Ok(writers)
}

fn remove(folder: &Path, writers: &[(&'static str, WriterId)], head: &Head) -> Result<u64> {
    let mut removed = 0;
    for (kind, writer) in writers.iter().filter(|(_, writer)| !head.has_writer(*writer)) {
        let inside = format!("{kind}/{writer}");
        for file in staging_files(folder, &inside)? {
            removed += u64::from(remove_file(&file)?);
        }
        remove_if_empty(&folder.join(inside))?;
    }
    Ok(removed)
}

/// Removes an empty folder. If its push is alive although it was fenced, its client makes the folder again.
fn remove_if_empty(dir: &Path) -> Result<()> {
    // POSIX allows both `ENOTEMPTY` and `EEXIST` for a folder with entries.
    let may_stay = [ErrorKind::DirectoryNotEmpty, ErrorKind::AlreadyExists, ErrorKind::NotFound];
    match StdFs.remove_dir(dir) {
        Err(error) if !may_stay.contains(&error.kind()) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Returns the staging files of the constants, of states and of probes.
fn of_no_writer(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = staging_files(folder, "")?;
    for inside in [HEADS, PROBES] {
        files.extend(staging_files(folder, inside)?);
    }
    Ok(files)
}

/// Removes files that are a day old. They belong to no writer, so their age alone tells that their client is dead. A
/// living one needs such a file for one request, and repeats the request if the file is gone.
fn remove_old(files: &[PathBuf], now: Duration) -> Result<u64> {
    let mut removed = 0;
    for file in files {
        let modified = match StdFs.symlink_metadata(file) {
            Ok(found) => found.modified,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        let modified = modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        if modified.is_some_and(|modified| now >= modified.saturating_add(DAY)) {
            removed += u64::from(remove_file(file)?);
        }
    }
    Ok(removed)
}

/// Removes a file. Returns `false` if it is gone already.
fn remove_file(file: &Path) -> Result<bool> {
    match StdFs.remove_file(file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Returns the staging files of objects in a folder of the repository.
fn staging_files(folder: &Path, inside: &str) -> Result<Vec<PathBuf>> {
    let dir = folder.join(inside);
    let mut files = Vec::new();
    for (name, file_type) in entries(&dir)? {
        let is_staging = name.rsplit_once('#').is_some_and(|(object, digits)| {
            let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
            let key = format!("{inside}/{object}");
            is_number && Key::parse(key.trim_start_matches('/')).is_some()
        });
        if is_staging && file_type.is_file() {
            files.push(dir.join(name));
        }
    }
    Ok(files)
}

fn entries(dir: &Path) -> Result<Vec<(String, FsFileType)>> {
    match StdFs.read_dir(dir) {
        Ok(entries) => Ok(entries
            .into_iter()
            .filter_map(|entry| Some((entry.name.into_string().ok()?, entry.file_type)))
            .collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
