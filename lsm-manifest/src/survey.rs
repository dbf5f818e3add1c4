//! Classification of a directory without CURRENT. It is new, its first start was interrupted, its CURRENT was lost, or
//! it belongs to another application.

use std::{io, path::Path};

use lsm_fs::{Fs, SyncMode};

use crate::{
    CURRENT_VERSION_FILE, Error, FoundNames, Result,
    names::{OwnNames, Role, is_bystander},
};

/// The depth to which nested folders are searched. A deeper folder counts as contents.
const DEPTH_MAX: u32 = 16;

/// The state of a directory without CURRENT in which nothing is stored.
#[derive(Debug)]
pub(crate) enum Vacancy {
    /// The directory holds only empty folders and ignored names.
    New,
    /// The first start of the directory is unfinished, so nothing was acknowledged.
    Interrupted(FoundFiles),
}

/// The names found in a directory without CURRENT.
#[derive(Debug, Default)]
pub(crate) struct FoundFiles {
    archives: usize,
    own_data: usize,
    all: FoundNames,
}

impl FoundFiles {
    /// Returns `true` if the engine may have acknowledged these files as stored: there are data files or several
    /// archives. An interrupted first start can leave data too, so the result decides only on a volume that cannot sync
    /// directories, where the mark proves nothing.
    pub(crate) fn may_be_stored(&self) -> bool {
        self.own_data > 0 || self.archives > 1
    }

    pub(crate) fn missing_current(self, dir: &Path) -> Error {
        Error::MissingCurrent { file: dir.join(CURRENT_VERSION_FILE), beside: self.all }
    }
}

/// Classifies a directory without CURRENT. Returns `None` if CURRENT appears in the listing.
pub(crate) fn survey(fs: &dyn Fs, dir: &Path, own: &OwnNames) -> Result<Option<Vacancy>> {
    let entries = match fs.read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Vacancy::New)),
        Err(error) => return Err(error.into()),
    };
    let mut beside = FoundFiles::default();
    let (mut unfinished, mut foreign) = (false, false);
    for entry in &entries {
        let path = dir.join(&entry.name);
        let counts = match own.role_of(entry) {
            Role::Bystander => false,
            Role::Unfinished => {
                unfinished = true;
                false
            }
            // A dangling symbolic link does not count as CURRENT.
            Role::Current if entry.file_type.is_file() => return Ok(None),
            Role::Archive => {
                beside.archives += 1;
                true
            }
            Role::OwnFile => {
                beside.own_data += 1;
                true
            }
            Role::OwnFolder => {
                let holds = own_folder_holds(fs, &path)?;
                beside.own_data += usize::from(holds);
                holds
            }
            Role::Folder => {
                let holds = foreign_folder_holds(fs, &path)?;
                foreign |= holds;
                holds
            }
            Role::Current | Role::Unknown => {
                foreign = true;
                true
            }
        };
        if counts {
            beside.all.push(&entry.name);
        }
    }
    match (unfinished, beside.archives + beside.own_data > 0) {
        (true, _) => Ok(Some(Vacancy::Interrupted(beside))),
        (false, true) => Err(beside.missing_current(dir)),
        (false, false) if foreign => {
            Err(Error::ForeignDirectory { dir: dir.to_path_buf(), names: beside.all })
        }
        (false, false) => Ok(Some(Vacancy::New)),
    }
}

/// A dangling symbolic link counts as contents, because its target may be on a volume that is not mounted.
fn own_folder_holds(fs: &dyn Fs, folder: &Path) -> Result<bool> {
    match holds_anything(fs, folder, DEPTH_MAX) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(true)
        }
        holds => Ok(holds?),
    }
}

/// A folder that cannot be read is assumed to be in use.
fn foreign_folder_holds(fs: &dyn Fs, folder: &Path) -> Result<bool> {
    match holds_anything(fs, folder, DEPTH_MAX) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(true),
        holds => Ok(holds?),
    }
}

/// Returns `true` if a folder holds anything except empty folders and ignored names.
fn holds_anything(fs: &dyn Fs, folder: &Path, depth: u32) -> lsm_fs::Result<bool> {
    for entry in fs.read_dir(folder)? {
        if is_bystander(&entry.name) {
            continue;
        }
        let is_folder = entry.file_type.is_dir() && depth > 0;
        if !is_folder || holds_anything(fs, &folder.join(&entry.name), depth - 1)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes everything that an unfinished first start created: archives, the engine's files, and the contents of its
/// folders. [`UNFINISHED_FILE`](crate::UNFINISHED_FILE) stays, so a crash leaves an unfinished start again.
///
/// Every folder is synced, even if it is already empty, because an earlier call may have died before its sync.
/// Otherwise a file could reappear after a crash and look like a part of the next start. The directory itself is synced
/// when the first archive is finished.
pub(crate) fn clear(fs: &dyn Fs, dir: &Path, own: &OwnNames, mode: SyncMode) -> Result<()> {
    for entry in fs.read_dir(dir)? {
        let path = dir.join(&entry.name);
        match own.role_of(&entry) {
            Role::Archive | Role::OwnFile => fs.remove_file(&path)?,
            Role::OwnFolder => empty_folder(fs, &path, mode)?,
            Role::Bystander | Role::Current | Role::Unfinished | Role::Folder | Role::Unknown => {}
        }
    }
    Ok(())
}

fn empty_folder(fs: &dyn Fs, folder: &Path, mode: SyncMode) -> Result<()> {
    for entry in fs.read_dir(folder)? {
        let path = folder.join(&entry.name);
        match entry.file_type.is_dir() {
            _ if is_bystander(&entry.name) => {}
            true => fs.remove_dir_all(&path)?,
            false => fs.remove_file(&path)?,
        }
    }
    let _ = fs.sync_directory(folder, mode)?;
    Ok(())
}
