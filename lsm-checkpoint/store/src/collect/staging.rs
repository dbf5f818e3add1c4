//! Removes the staging files that killed writers leave on a local disk.
//!
//! The local client writes an object to `{name}#{n}` and links it to its name. Its lists leave these files out.

use std::path::Path;

use lsm_fs::{Fs, FsFileType, StdFs};

use super::Collector;
use crate::{
    environment::blocking,
    error::{Error, Result},
    format::Head,
    id::WriterId,
    key::{CATALOGS, DATA},
};

impl Collector<'_> {
    pub(super) async fn remove_staging_files(&self) -> Result<u64> {
        let Some(folder) = self.session.access.location.folder() else { return Ok(0) };
        let environment = &*self.session.access.options.environment;
        let at = folder.to_path_buf();
        let writers = blocking(environment, move || writers(&at)).await.map_err(Error::System)??;
        // As with objects, the folders are listed before the state is read.
        let head = self.session.newest().await?.head;
        let at = folder.to_path_buf();
        blocking(environment, move || remove(&at, &writers, &head)).await.map_err(Error::System)?
    }
}

fn writers(folder: &Path) -> Result<Vec<(&'static str, WriterId)>> {
    let mut writers = Vec::new();
    for kind in [DATA, CATALOGS] {
        for entry in entries(&folder.join(kind))? {
            writers.extend(entry.0.parse().ok().map(|writer| (kind, writer)));
        }
    }
    Ok(writers)
}

fn remove(folder: &Path, writers: &[(&'static str, WriterId)], head: &Head) -> Result<u64> {
    let mut removed = 0;
    for (kind, writer) in writers.iter().filter(|(_, writer)| !head.has_writer(*writer)) {
        let dir = folder.join(kind).join(writer.to_string());
        for (name, file_type) in entries(&dir)? {
            let is_staging = name.rsplit_once('#').is_some_and(|(_, digits)| {
                !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
            });
            if is_staging && file_type.is_file() {
                match StdFs.remove_file(&dir.join(name)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                    _ => removed += 1,
                }
            }
        }
    }
    Ok(removed)
}

fn entries(dir: &Path) -> Result<Vec<(String, FsFileType)>> {
    match StdFs.read_dir(dir) {
        Ok(entries) => Ok(entries
            .into_iter()
            .filter_map(|entry| Some((entry.name.into_string().ok()?, entry.file_type)))
            .collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
