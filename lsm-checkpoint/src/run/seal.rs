//! Steps 5 to 7: manifests, catalog, syncs from the bottom up, and a check of the names.

mod listing;

use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsStr,
    path::{Path, PathBuf},
    time::Duration,
};

use lsm_fs::{DirectorySync, Fs, FsDirEntry, FsFileType, SyncMode};
use lsm_manifest::CURRENT_VERSION_FILE;

use listing::Listing;

use super::{folders::FolderPermissions, relative};
use crate::{
    BaseReport, CATALOG_FILE, Capture, Catalog, CheckpointInfo, Error, FileKind, ManifestTarget, Method,
    PauseStats, Result, SnapshotProblem, StagedProblem,
    info::TotalsByMethod,
    layout,
    permissions::{Keeper, NotKept},
    plan::{self, Plan},
    pointer,
    space::SpaceCheck,
    staged::StagedFs,
    target_life::Contents,
    transfer::FinishedFile,
};

/// A staged directory whose files have arrived.
pub(super) struct Unsealed<'a> {
    pub(super) staged: &'a StagedFs<'a>,
    pub(super) dir: &'a Path,
    pub(super) plan: &'a Plan,
    /// In the plan's order.
    pub(super) finished: Vec<FinishedFile<'a>>,
    pub(super) capture: &'a Capture<'a>,
    pub(super) mode: SyncMode,
    pub(super) space: SpaceCheck,
    pub(super) keeper: &'a Keeper,
    pub(super) folders: &'a FolderPermissions,
}

/// The name of a checkpoint's source, and the time when the checkpoint was made.
pub(super) struct Label {
    pub(super) identity: String,
    pub(super) created: Duration,
}

/// The fields of a catalog that are about the whole checkpoint.
pub(super) struct CatalogHeader {
    pub(super) label: Label,
    pub(super) seqno: Option<u64>,
}

/// A staged directory that is ready for publication.
pub(super) struct Sealed {
    catalog: Catalog,
    pub(super) contents: Contents,
    directories: DirectorySync,
    not_kept: NotKept,
}

impl Sealed {
    /// Returns the durability of the whole. It survives a crash only if every directory could be synced.
    pub(super) fn durability(&self, parent: DirectorySync) -> DirectorySync {
        if self.directories == DirectorySync::Durable { parent } else { self.directories }
    }

    pub(super) fn info(&self, pause: Option<PauseStats>) -> CheckpointInfo {
        let count =
            |kind: &FileKind| self.catalog.files.iter().filter(|file| file.kind == *kind).count() as u64;
        let (sst_files, blob_files) = (count(&FileKind::Table), count(&FileKind::Blob));
        CheckpointInfo {
            sst_files,
            blob_files,
            other_files: self.catalog.files.len() as u64 - sst_files - blob_files,
            total_bytes: self.catalog.total_bytes(),
            version_id: self.catalog.trees.first().map_or(0, |tree| tree.version_id),
            seqno: self.catalog.seqno,
            trees: self.catalog.trees.iter().map(|tree| (tree.folder.clone(), tree.version_id)).collect(),
            pause,
            durability: self.directories,
            base: BaseReport::default(),
            modes_not_kept: self.not_kept.modes,
            owners_not_kept: self.not_kept.owners,
            by_method: TotalsByMethod::of_files(&self.catalog.files),
        }
    }
}

impl Unsealed<'_> {
    /// Writes the metadata, makes the whole directory durable and checks it.
    pub(super) fn seal(&self, header: CatalogHeader, catalogued: bool) -> Result<Sealed> {
        let catalog = self.write_metadata(header)?;
        if catalogued {
            catalog.write(self.staged, self.dir)?;
        }
        let contents = self.contents(&catalog, catalogued);
        // A mode that is set after the first sync needs a commit of its own on a filesystem with a journal.
        for dir in contents.dirs.iter().rev() {
            self.keeper.directory(self.target_fs(), &self.dir.join(dir), self.folders.of(dir))?;
        }
        self.staged.finish()?;
        let mut directories = DirectorySync::Durable;
        for dir in contents.dirs.iter().rev() {
            let synced = self.target_fs().sync_directory(&self.dir.join(dir), self.mode)?;
            if synced == DirectorySync::NotSupported {
                directories = synced;
            }
        }
        self.check_names(&contents)?;
        Ok(Sealed { catalog, contents, directories, not_kept: self.keeper.not_kept() })
    }

    /// Returns the target's filesystem itself, which does not defer syncs.
    fn target_fs(&self) -> &dyn Fs {
        self.staged.inner()
    }

    /// Lets each tree write its manifest, and lists everything.
    fn write_metadata(&self, header: CatalogHeader) -> Result<Catalog> {
        for (folder, snapshot) in &self.capture.trees {
            let target = ManifestTarget::new(self.staged, self.dir.join(layout::path_of(folder)), self.space);
            snapshot.write_manifest(&target).map_err(Error::from_write_manifest)?;
        }
        let mut listing = Listing::new(self);
        crate::tally::steps(self.finished.len());
        for file in &self.finished {
            listing.add_finished(file);
        }
        for path in self.staged.made() {
            listing.add_written(&path)?;
        }
        for path in self.staged.dirs() {
            listing.add_folder(&path)?;
        }
        let catalog = listing.into_catalog(header);
        // The engine may have written files that are not in the plan. It could not have made a name that was taken.
        catalog.check(|file| file.method == Method::Written, &mut |_| Ok(())).map_err(|(path, defect)| {
            Error::InvalidSnapshot { path, problem: SnapshotProblem::of(defect) }
        })?;
        self.check_pointers(&catalog)?;
        Ok(catalog)
    }

    /// Checks that CURRENT names the captured version. This detects an engine that copies its live manifest.
    fn check_pointers(&self, catalog: &Catalog) -> Result<()> {
        for pointer in pointer::of_trees(catalog) {
            if let Some(problem) = pointer.problem(self.target_fs(), self.dir)? {
                let path = pointer.folder().join(CURRENT_VERSION_FILE);
                return Err(Error::WrongVersion { path, expected: pointer.tree.version_id, problem });
            }
        }
        Ok(())
    }

    fn contents(&self, catalog: &Catalog, catalogued: bool) -> Contents {
        let mut dirs = self.plan.dirs.clone();
        let planned: HashSet<&Path> = self.plan.dirs.iter().map(PathBuf::as_path).collect();
        let made = self.staged.dirs();
        let made = made.iter().map(|dir| relative(dir, self.dir)).filter(|dir| !planned.contains(dir));
        dirs.extend(made.map(Path::to_path_buf));
        let mut files: Vec<PathBuf> = catalog.files.iter().map(|file| catalog.path_of(file)).collect();
        if catalogued {
            files.push(PathBuf::from(CATALOG_FILE));
        }
        let mut pointers = catalog.pointers();
        if pointers.is_empty() {
            // Without metadata, the last file serves as the pointer. Its place shows if every file has moved.
            pointers.extend(files.last().cloned());
        }
        Contents { dirs, files, pointers }
    }

    /// Checks that each directory holds exactly the names that were made, each with the type that was made.
    fn check_names(&self, contents: &Contents) -> Result<()> {
        for (dir, ExpectedNames { mut names, mut dirs }) in ExpectedNames::by_directory(contents) {
            let path = self.dir.join(dir);
            let entries = self.target_fs().read_dir(&path)?;
            let mut found: Vec<_> = entries.iter().map(|entry| entry.name.as_os_str()).collect();
            // Sorting costs little, because both lists are nearly in order.
            names.sort();
            found.sort();
            dirs.sort();
            plan::compare(&names, &found)
                .map_err(|(name, problem)| Error::StagedMismatch { path: path.join(name), problem })?;
            let is_other = |entry: &&FsDirEntry| {
                let is_dir = dirs.binary_search(&entry.name.as_os_str()).is_ok();
                entry.file_type != if is_dir { FsFileType::Directory } else { FsFileType::File }
            };
            if let Some(other) = entries.iter().find(is_other) {
                let (path, problem) = (path.join(&other.name), StagedProblem::Type);
                return Err(Error::StagedMismatch { path, problem });
            }
        }
        Ok(())
    }
}

/// The names that were made in a directory.
#[derive(Default)]
struct ExpectedNames<'a> {
    names: Vec<&'a OsStr>,
    /// The names among them that are directories.
    dirs: Vec<&'a OsStr>,
}

impl<'a> ExpectedNames<'a> {
    /// Groups the names by the spelling of the directory. Comparing paths by their components is slow.
    fn by_directory(contents: &'a Contents) -> BTreeMap<&'a OsStr, Self> {
        let mut expected: BTreeMap<&OsStr, Self> = BTreeMap::new();
        for path in &contents.files {
            if let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
                expected.entry(parent.as_os_str()).or_default().names.push(name);
            }
        }
        for dir in &contents.dirs {
            expected.entry(dir.as_os_str()).or_default();
            if let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) {
                let parent = expected.entry(parent.as_os_str()).or_default();
                parent.names.push(name);
                parent.dirs.push(name);
            }
        }
        expected
    }
}
