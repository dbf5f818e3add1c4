//! The names that a removal may remove, and the other entries of a checkpoint.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{Fs, FsDirEntry, FsFileType, errno};
use lsm_manifest::{CURRENT_VERSION_FILE, edits_file_name, version_file_name};

use crate::{
    CATALOG_FILE, Catalog, layout,
    reserved::MARKER_FILE,
    verify::{Stranger, known_stranger},
};

/// Names that belong to a checkpoint, relative to it.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) files: BTreeSet<PathBuf>,
    /// The folders, without the checkpoint's own directory.
    pub(super) folders: BTreeSet<PathBuf>,
    /// The subset of the files that make a tree readable.
    pub(super) pointers: BTreeSet<PathBuf>,
}

/// The entries of a checkpoint, sorted by their fate in a removal.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The entries that belong to the checkpoint, with harmless leftovers and empty folders.
    pub(super) removable: Names,
    /// The entries `lost+found` and `.nfs*`, which belong to the filesystem and stay.
    pub(super) kept: Vec<PathBuf>,
    /// Anything else.
    pub(super) strangers: Vec<PathBuf>,
}

impl Names {
    /// Returns the names that a catalog lists, and the catalog's own name.
    pub(super) fn of_catalog(catalog: &Catalog) -> Self {
        let mut names = Self { pointers: catalog.pointers().into_iter().collect(), ..Self::default() };
        for tree in &catalog.trees {
            names.add_folder(Path::new(&tree.folder));
            for folder in &tree.folders {
                names.add_folder(&Path::new(&tree.folder).join(folder));
            }
        }
        for file in &catalog.files {
            let path = catalog.path_of(file);
            names.add_folder(path.parent().unwrap_or(Path::new("")));
            names.files.insert(path);
        }
        names.files.insert(PathBuf::from(CATALOG_FILE));
        names.files.insert(PathBuf::from(MARKER_FILE));
        names
    }

    /// Adds a folder and its parents.
    fn add_folder(&mut self, folder: &Path) {
        let folders = folder.ancestors().filter(|folder| !folder.as_os_str().is_empty());
        self.folders.extend(folders.map(Path::to_path_buf));
    }

    /// Adds the regular files whose names [`Removal::force`](super::Removal::force) documents. Looks in the
    /// checkpoint's directory, in the known folders, and in top-level folders that hold a metadata file.
    ///
    /// # Errors
    ///
    /// The errors of [`Fs::read_dir`].
    pub(super) fn add_documented(&mut self, fs: &dyn Fs, dir: &Path) -> lsm_fs::Result<()> {
        self.files.insert(PathBuf::from(CATALOG_FILE));
        self.files.insert(PathBuf::from(MARKER_FILE));
        let mut trees: BTreeSet<PathBuf> =
            self.folders.iter().filter(|folder| !is_data(folder)).cloned().collect();
        for entry in fs.read_dir(dir)?.iter().filter(|entry| entry.file_type == FsFileType::Directory) {
            let folder = PathBuf::from(&entry.name);
            if !is_data(&folder)
                && !is_of_filesystem(&entry.name)
                && read_if_open(fs, &dir.join(&folder))?
                    .is_some_and(|entries| entries.iter().any(is_metadata))
            {
                trees.insert(folder);
            }
        }
        trees.insert(PathBuf::new());
        for tree in trees {
            self.add_tree(fs, dir, &tree)?;
        }
        Ok(())
    }

    fn add_tree(&mut self, fs: &dyn Fs, dir: &Path, tree: &Path) -> lsm_fs::Result<()> {
        let Some(entries) = read_if_folder(fs, &dir.join(tree))? else { return Ok(()) };
        self.add_folder(tree);
        for entry in &entries {
            let path = tree.join(&entry.name);
            if is_metadata(entry) {
                if entry.name == CURRENT_VERSION_FILE {
                    self.pointers.insert(path.clone());
                }
                self.files.insert(path);
            } else if entry.file_type == FsFileType::Directory && is_data(&path) {
                let Some(files) = read_if_open(fs, &dir.join(&path))? else { continue };
                for file in files {
                    if file.file_type == FsFileType::File {
                        self.files.insert(path.join(&file.name));
                    }
                }
                self.add_folder(&path);
            }
        }
        Ok(())
    }
}

impl Survey {
    /// Sorts every entry below the checkpoint's directory. Enters only the checkpoint's own folders.
    ///
    /// # Errors
    ///
    /// The errors of [`Fs::read_dir`].
    pub(super) fn of(fs: &dyn Fs, dir: &Path, names: &Names) -> lsm_fs::Result<Self> {
        let mut survey = Self::default();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let entries = match fs.read_dir(&dir.join(&folder)) {
                // Another volume is mounted on the folder.
                Err(e) if e.kind() == io::ErrorKind::CrossesDevices && !folder.as_os_str().is_empty() => {
                    survey.removable.folders.remove(&folder);
                    survey.strangers.push(folder);
                    continue;
                }
                entries => entries?,
            };
            for entry in entries {
                let path = folder.join(&entry.name);
                let is_folder = entry.file_type == FsFileType::Directory;
                if is_of_filesystem(&entry.name) {
                    survey.kept.push(path);
                } else if is_folder && names.folders.contains(&path) {
                    survey.removable.folders.insert(path.clone());
                    folders.push(path);
                } else if !is_folder && names.files.contains(&path) {
                    if names.pointers.contains(&path) {
                        survey.removable.pointers.insert(path.clone());
                    }
                    survey.removable.files.insert(path);
                } else {
                    survey.add(fs, dir, path, &entry)?;
                }
            }
        }
        survey.strangers.sort_unstable();
        Ok(survey)
    }

    /// Adds an entry whose name does not belong to the checkpoint.
    fn add(&mut self, fs: &dyn Fs, dir: &Path, path: PathBuf, entry: &FsDirEntry) -> lsm_fs::Result<()> {
        let known = known_stranger(&path, entry.file_type);
        match entry.file_type {
            FsFileType::Directory
                if read_if_open(fs, &dir.join(&path))?.is_some_and(|entries| entries.is_empty()) =>
            {
                self.removable.folders.insert(path);
            }
            // These files hold no data of a user.
            _ if matches!(known, Some(Stranger::Lock | Stranger::Desktop)) => {
                self.removable.files.insert(path);
            }
            _ => self.strangers.push(path),
        }
        Ok(())
    }
}

/// Returns the entries of a folder, or `None` if the path is not a directory or does not exist.
fn read_if_folder(fs: &dyn Fs, path: &Path) -> lsm_fs::Result<Option<Vec<FsDirEntry>>> {
    match fs.symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs.read_dir(path).map(Some),
        Ok(_) => Ok(None),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        // A path through a symbolic link or a mount point is not a folder of the checkpoint.
        Err(e) if e.raw_os_error() == Some(errno::ELOOP) || e.kind() == io::ErrorKind::CrossesDevices => {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

/// Returns the entries of a directory. Returns `None` if it may not be listed, or if another volume is mounted there.
/// Such a directory is not a part of the checkpoint.
fn read_if_open(fs: &dyn Fs, path: &Path) -> lsm_fs::Result<Option<Vec<FsDirEntry>>> {
    match fs.read_dir(path) {
        Err(e) if matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::CrossesDevices) => {
            Ok(None)
        }
        entries => entries.map(Some),
    }
}

/// Returns `true` for a regular file with the name of a metadata file of `coordinode-lsm-tree` and similar engines:
/// `current`, `v{N}` or `edits-{N}`.
fn is_metadata(entry: &FsDirEntry) -> bool {
    let is_numbered = |name: &str| {
        let number = name.trim_start_matches(|c: char| !c.is_ascii_digit());
        number.parse().is_ok_and(|id| name == version_file_name(id) || name == edits_file_name(id))
    };
    entry.file_type == FsFileType::File
        && entry.name.to_str().is_some_and(|name| name == CURRENT_VERSION_FILE || is_numbered(name))
}

/// Returns `true` for a folder that is called as one of the [`DATA_FOLDERS`](layout::DATA_FOLDERS).
fn is_data(folder: &Path) -> bool {
    folder.file_name().is_some_and(|folder| layout::DATA_FOLDERS.iter().any(|name| folder == *name))
}

/// Returns `true` if an entry with this name belongs to the filesystem: the folder of e2fsck (`mklost+found(8)`), or an
/// open file that an NFS client has renamed instead of removing it (`nfs_sillyrename` in `fs/nfs/unlink.c`).
fn is_of_filesystem(name: &OsStr) -> bool {
    name == "lost+found" || name.as_encoded_bytes().starts_with(b".nfs")
}
