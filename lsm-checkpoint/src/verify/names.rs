//! Compares the names in a checkpoint with the names in its catalog.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{Fs, FsDirEntry, FsFileType};

use super::{Defect, Note, Problem, Stranger, VerifyReport, stranger::known_stranger};
use crate::{CATALOG_FILE, Catalog, layout};

/// Compares lengths. Returns the positions of the files that have the right length.
pub(super) fn lengths(fs: &dyn Fs, dir: &Path, report: &mut VerifyReport) -> Vec<usize> {
    let mut present = Vec::new();
    for (at, file) in report.catalog.files.iter().enumerate() {
        let path = report.catalog.path_of(file);
        let problem = match fs.symlink_metadata(&dir.join(&path)) {
            Ok(metadata) if !metadata.is_file() => Defect::NotAFile,
            Ok(metadata) if metadata.len != file.len => {
                Defect::Length { expected: file.len, found: metadata.len }
            }
            Ok(_) => {
                present.push(at);
                continue;
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Defect::Missing,
            Err(e) => Defect::Unreadable(e),
        };
        report.problems.push(Problem { path, what: problem });
    }
    present
}

/// The files and directories of a catalog, relative to the checkpoint.
struct CatalogPaths {
    files: HashSet<PathBuf>,
    dirs: HashSet<PathBuf>,
}

impl CatalogPaths {
    fn new(catalog: &Catalog) -> Self {
        let mut files: HashSet<PathBuf> = catalog.files.iter().map(|file| catalog.path_of(file)).collect();
        files.insert(PathBuf::from(CATALOG_FILE));
        let mut dirs = HashSet::from([PathBuf::new()]);
        let mut add = |dir: &Path| {
            let mut way = Some(dir);
            // The parents of a known directory have already been added.
            while let Some(new) = way.filter(|dir| !dirs.contains(*dir)) {
                dirs.insert(new.to_path_buf());
                way = new.parent();
            }
        };
        folders_of(catalog).for_each(|folder| add(&folder));
        files.iter().filter_map(|file| file.parent()).for_each(add);
        Self { files, dirs }
    }
}

/// Returns the directories of the trees in a catalog, and the folders in them.
fn folders_of(catalog: &Catalog) -> impl Iterator<Item = PathBuf> {
    catalog.trees.iter().flat_map(|tree| {
        let dir = layout::path_of(&tree.folder);
        let folders = tree.folders.iter().map({
            let dir = dir.clone();
            move |folder| dir.join(layout::path_of(folder))
        });
        [dir].into_iter().chain(folders)
    })
}

/// Finds entries that the catalog does not list, and listed folders that do not exist.
pub(super) fn compare(fs: &dyn Fs, dir: &Path, report: &mut VerifyReport) {
    let defect = |path: &Path| match fs.symlink_metadata(&dir.join(path)) {
        Ok(there) if there.is_dir() => None,
        Err(e) if !matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Some(Defect::Unreadable(e))
        }
        _ => Some(Defect::Missing),
    };
    let lost = folders_of(&report.catalog).filter_map(|path| Some(Problem { what: defect(&path)?, path }));
    report.problems.extend(lost);
    let mut search = Search { fs, dir, known: CatalogPaths::new(&report.catalog), report, listed: 0 };
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        match fs.read_dir(&dir.join(&folder)) {
            Ok(entries) => {
                folders.extend(entries.iter().filter_map(|entry| search.check_entry(&folder, entry)));
            }
            Err(error) => search.problem(folder, Defect::Unreadable(error)),
        }
    }
}

/// The maximal number of unknown entries in a report, which bounds the memory that a hostile directory can cost.
const STRANGERS_MAX: usize = 1 << 16;

/// A walk through the directories of a catalog.
struct Search<'a> {
    fs: &'a dyn Fs,
    dir: &'a Path,
    known: CatalogPaths,
    report: &'a mut VerifyReport,
    /// The problems that this walk has added to the report.
    listed: usize,
}

impl Search<'_> {
    /// Checks an entry. Returns its path if it is a directory that the catalog lists. An unknown directory is not
    /// entered.
    fn check_entry(&mut self, folder: &Path, entry: &FsDirEntry) -> Option<PathBuf> {
        let path = folder.join(&entry.name);
        if self.known.files.contains(&path) {
            // `lengths` has already compared its type and length.
            return None;
        }
        let is_dir = entry.file_type == FsFileType::Directory;
        if is_dir && self.known.dirs.contains(&path) {
            return Some(path);
        }
        if let Some(what) = known_stranger(&path, entry.file_type) {
            self.note(path, what);
        } else if is_dir {
            match self.fs.read_dir(&self.dir.join(&path)) {
                Ok(entries) if entries.is_empty() => {
                    self.note(path, Stranger::EmptyFolder);
                }
                Ok(_) => self.problem(path, Defect::Unexpected),
                Err(error) => self.problem(path, Defect::Unreadable(error)),
            }
        } else {
            self.problem(path, Defect::Unexpected);
        }
        None
    }

    fn problem(&mut self, path: PathBuf, what: Defect) {
        if self.listed < STRANGERS_MAX {
            self.listed += 1;
            self.report.problems.push(Problem { path, what });
        } else {
            self.report.unlisted += 1;
        }
    }

    fn note(&mut self, path: PathBuf, what: Stranger) {
        if self.report.notes.len() < STRANGERS_MAX {
            self.report.notes.push(Note { path, what });
        } else {
            self.report.unlisted += 1;
        }
    }
}
