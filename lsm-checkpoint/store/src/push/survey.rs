//! Reads the catalog of a checkpoint, and looks at its files.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use lsm_checkpoint::{CATALOG_FILE, Catalog};
use lsm_fs::{Fs, FsExt, Permissions};

use crate::{
    error::{Error, Result},
    format::{StoredFolder, path_text},
    id::BackupId,
    meter::Meter,
};

/// The maximum length of a checkpoint's catalog.
const CHECKPOINT_MAX: u64 = 128 << 20;
/// The number of files between two looks at the meter.
const LOOK: usize = 1000;

/// A checkpoint to push.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) id: BackupId,
    /// The bytes of `CHECKPOINT`.
    pub(super) checkpoint: Vec<u8>,
    pub(super) source: String,
    pub(super) seqno: Option<u64>,
    pub(super) created: Duration,
    /// In the order of the catalog.
    pub(super) files: Vec<LocalFile>,
    pub(super) folders: Vec<StoredFolder>,
}

/// A file to push.
#[derive(Clone, Debug)]
pub(super) struct LocalFile {
    /// Its path in the checkpoint, with `/` between the names.
    pub(super) path: String,
    pub(super) len: u64,
    pub(super) checksum: Option<u128>,
    pub(super) permissions: Option<Permissions>,
}

impl Survey {
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.len))
    }
}

/// Reads the catalog, and looks at each file and each directory in it.
pub(super) fn read(fs: &dyn Fs, dir: &Path, meter: &Meter) -> Result<Survey> {
    let catalog = Catalog::read(fs, dir)?;
    let view = fs.beneath(dir)?;
    let checkpoint = view.read_to_vec(&dir.join(CATALOG_FILE), CHECKPOINT_MAX)?;
    let id = BackupId::of_checkpoint(&checkpoint);
    let mut files = Vec::with_capacity(catalog.files.len());
    for (number, file) in catalog.files.iter().enumerate() {
        if number.is_multiple_of(LOOK) {
            meter.ask()?;
        }
        let path = dir.join(catalog.path_of(file));
        let there = view.symlink_metadata(&path)?;
        if !there.is_file() || there.len != file.len {
            return Err(Error::SourceDamaged { path, what: "another length or type" });
        }
        let (path, permissions) = (path_text(&catalog.path_of(file)), there.permissions);
        files.push(LocalFile { path, len: file.len, checksum: file.checksum, permissions });
    }
    let mut folders = Vec::new();
    for path in folders_of(&catalog, &files) {
        let there = view.metadata(&dir.join(&path))?;
        if !there.is_dir() {
            return Err(Error::SourceDamaged { path: dir.join(path), what: "not a directory" });
        }
        folders.push(StoredFolder { path, permissions: there.permissions });
    }
    let Catalog { identity, seqno, created, .. } = catalog;
    Ok(Survey { id, checkpoint, source: identity, seqno, created, files, folders })
}

/// Returns all directories: of trees, in trees, of files, and their parents.
fn folders_of(catalog: &Catalog, files: &[LocalFile]) -> BTreeSet<String> {
    let mut folders = BTreeSet::from([String::new()]);
    let mut add = |path: &str| {
        for (at, _) in path.match_indices('/') {
            folders.insert(path.get(..at).unwrap_or_default().to_owned());
        }
        folders.insert(path.to_owned());
    };
    for tree in &catalog.trees {
        add(&tree.folder);
        for folder in &tree.folders {
            add(&path_text(&PathBuf::from(&tree.folder).join(folder)));
        }
    }
    for file in files {
        add(file.path.rsplit_once('/').map_or("", |(folder, _)| folder));
    }
    folders
}
