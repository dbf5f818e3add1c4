//! A directory without CURRENT: tells a new one from a first start that was cut, from a CURRENT that was lost, and from
//! a directory of somebody else.

use std::{io, path::Path};

use lsm_fs::{Fs, SyncMode};

use crate::{
    CURRENT_VERSION_FILE, Error, FoundNames, Result,
    names::{OwnNames, Role, is_bystander},
};

/// Folders in folders deeper than this count as contents.
const DEPTH_MAX: u32 = 16;

/// The state of a directory in which no CURRENT was found.
#[derive(Debug)]
pub(crate) enum Vacancy {
    /// Nothing is there but empty folders and bystanders.
    New,
    /// The first start of the directory is not finished. Nobody was told that anything is stored.
    Cut(Beside),
}

/// Names that are there though CURRENT is not.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    archives: usize,
    own_data: usize,
    all: FoundNames,
}

impl Beside {
    /// Tells if the first start could not have left this without being told that it has stored something, as far as
    /// names say: one archive is the one that it was about to publish.
    pub(crate) fn may_be_stored(&self) -> bool {
        self.own_data > 0 || self.archives > 1
    }

    pub(crate) fn missing_current(self, dir: &Path) -> Error {
        Error::MissingCurrent { file: dir.join(CURRENT_VERSION_FILE), beside: self.all }
    }
}

/// Looks at a directory in which CURRENT was not found. `None`: CURRENT came while the directory was listed.
pub(crate) fn survey(fs: &dyn Fs, dir: &Path, own: &OwnNames) -> Result<Option<Vacancy>> {
    let entries = match fs.read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Vacancy::New)),
        Err(error) => return Err(error.into()),
    };
    let mut beside = Beside::default();
    let (mut unfinished, mut foreign) = (false, false);
    for entry in &entries {
        let path = dir.join(&entry.name);
        let counts = match own.role_of(entry) {
            Role::Bystander => false,
            Role::Unfinished => {
                unfinished = true;
                false
            }
            // A link that leads nowhere is no CURRENT.
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
        (true, _) => Ok(Some(Vacancy::Cut(beside))),
        (false, true) => Err(beside.missing_current(dir)),
        (false, false) if foreign => {
            Err(Error::ForeignDirectory { dir: dir.to_path_buf(), names: beside.all })
        }
        (false, false) => Ok(Some(Vacancy::New)),
    }
}

/// A link that leads nowhere counts as contents: the volume behind it may not be mounted.
fn own_folder_holds(fs: &dyn Fs, folder: &Path) -> Result<bool> {
    match holds_anything(fs, folder, DEPTH_MAX) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(true)
        }
        holds => Ok(holds?),
    }
}

/// A folder that cannot be read is somebody's.
fn foreign_folder_holds(fs: &dyn Fs, folder: &Path) -> Result<bool> {
    match holds_anything(fs, folder, DEPTH_MAX) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(true),
        holds => Ok(holds?),
    }
}

/// Tells if a folder holds anything but empty folders and bystanders.
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

/// Removes everything that an unfinished first start has made: archives, the engine's files, the contents of its
/// folders. [`UNFINISHED_FILE`](crate::UNFINISHED_FILE) stays, so a crash in between leaves an unfinished start.
///
/// Every folder is synced, those that are empty by now included: an earlier call may have died before its sync, and a
/// file that a crash brings back later would look like a part of the next start. The directory itself is synced when
/// the first archive is finished.
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
