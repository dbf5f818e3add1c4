//! Steps 5 to 7: manifests, catalog, syncs from the bottom up, and a look at what is there.

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

use super::{relative, totals_of};
use crate::{
    CATALOG_FILE, Capture, Catalog, CatalogDefect, CheckpointInfo, Error, FileKind, ManifestTarget, Method,
    PauseStats, Result, SnapshotProblem, StagedProblem, layout,
    plan::{self, Plan},
    pointer,
    publish::Contents,
    staged::StagedFs,
    transfer::Done,
};

/// A staged directory whose files have arrived.
pub(super) struct Job<'a> {
    pub(super) staged: &'a StagedFs<'a>,
    pub(super) dir: &'a Path,
    pub(super) plan: &'a Plan,
    /// By position in the plan.
    pub(super) done: &'a [Done],
    pub(super) capture: &'a Capture<'a>,
    pub(super) mode: SyncMode,
}

/// What a checkpoint is called, and when it was made.
pub(super) struct Label {
    pub(super) identity: String,
    pub(super) created: Duration,
}

/// What the catalog says of the whole.
pub(super) struct Head {
    pub(super) label: Label,
    pub(super) seqno: Option<u64>,
}

/// A staged directory that is ready for publication.
pub(super) struct Sealed {
    catalog: Catalog,
    pub(super) contents: Contents,
    directories: DirectorySync,
}

impl Sealed {
    /// A crash spares the whole only if every directory could be synced.
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
            by_method: totals_of(&self.catalog),
        }
    }
}

/// Writes what is missing, makes all of it durable and checks it.
pub(super) fn seal(job: &Job<'_>, head: Head, catalogued: bool) -> Result<Sealed> {
    let catalog = write_metadata(job, head)?;
    if catalogued {
        catalog.write(job.staged, job.dir)?;
    }
    let contents = contents_of(job, &catalog, catalogued);
    job.staged.finish()?;
    let mut directories = DirectorySync::Durable;
    for dir in contents.dirs.iter().rev() {
        let synced = target_fs(job).sync_directory(&job.dir.join(dir), job.mode)?;
        if synced == DirectorySync::NotSupported {
            directories = synced;
        }
    }
    check_names(job, &contents)?;
    Ok(Sealed { catalog, contents, directories })
}

/// The target's filesystem itself, on which a sync is a sync.
fn target_fs<'a>(job: &Job<'a>) -> &'a dyn Fs {
    job.staged.inner()
}

/// Has each tree write its manifest, and lists everything.
fn write_metadata(job: &Job<'_>, head: Head) -> Result<Catalog> {
    for (folder, snapshot) in &job.capture.trees {
        let dir = job.dir.join(layout::path_of(folder));
        snapshot.write_manifest(&ManifestTarget::new(job.staged, dir)).map_err(Error::from_write_manifest)?;
    }
    let mut trees = Listing::new(job);
    crate::tally::steps(job.plan.items.len());
    for (item, done) in job.plan.items.iter().zip(job.done) {
        trees.add_planned(item, done);
    }
    for path in job.staged.made() {
        trees.add_written(&path)?;
    }
    for path in job.staged.dirs() {
        trees.add_folder(&path)?;
    }
    let catalog = trees.into_catalog(head);
    // The engine may have written what no plan has seen. A name that is taken could not be made.
    catalog
        .check(|file| file.method == Method::Written, &mut |_| Ok(()))
        .map_err(|(path, defect)| Error::InvalidSnapshot { path, problem: problem_of(defect) })?;
    check_pointers(job, &catalog)?;
    Ok(catalog)
}

/// A defect that a catalog would have, as a problem of the snapshot.
fn problem_of(defect: CatalogDefect) -> SnapshotProblem {
    match defect {
        CatalogDefect::Duplicate => SnapshotProblem::Taken,
        CatalogDefect::Depth => SnapshotProblem::Depth,
        CatalogDefect::Reserved => SnapshotProblem::Reserved,
        CatalogDefect::TooLong => SnapshotProblem::TooLong,
        _ => SnapshotProblem::Name,
    }
}

/// CURRENT has to name the version that was captured: an engine that copies its live manifest is found out here.
fn check_pointers(job: &Job<'_>, catalog: &Catalog) -> Result<()> {
    for pointer in pointer::of_trees(catalog) {
        if let Some(problem) = pointer.problem(target_fs(job), job.dir)? {
            let path = pointer.folder().join(CURRENT_VERSION_FILE);
            return Err(Error::WrongVersion { path, expected: pointer.tree.version_id, problem });
        }
    }
    Ok(())
}

fn contents_of(job: &Job<'_>, catalog: &Catalog, catalogued: bool) -> Contents {
    let mut dirs = job.plan.dirs.clone();
    let planned: HashSet<&Path> = job.plan.dirs.iter().map(PathBuf::as_path).collect();
    let made = job.staged.dirs();
    dirs.extend(made.iter().map(|dir| relative(dir, job.dir)).filter(|dir| !planned.contains(dir.as_path())));
    let mut files: Vec<PathBuf> = catalog.files.iter().map(|file| catalog.path_of(file)).collect();
    if catalogued {
        files.push(PathBuf::from(CATALOG_FILE));
    }
    let pointers = catalog.pointers();
    Contents { dirs, files, pointers }
}

/// What was made in a directory.
#[derive(Default)]
struct Made<'a> {
    names: Vec<&'a OsStr>,
    /// Those of the names that are directories.
    dirs: Vec<&'a OsStr>,
}

/// The names that are there are those that were made, no more and no less, and are what was made.
fn check_names(job: &Job<'_>, contents: &Contents) -> Result<()> {
    // By their spelling: to compare paths by their components is slow.
    let mut made: BTreeMap<&OsStr, Made<'_>> = BTreeMap::new();
    for path in &contents.files {
        if let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
            made.entry(parent.as_os_str()).or_default().names.push(name);
        }
    }
    for dir in &contents.dirs {
        made.entry(dir.as_os_str()).or_default();
        if let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) {
            let parent = made.entry(parent.as_os_str()).or_default();
            parent.names.push(name);
            parent.dirs.push(name);
        }
    }
    for (dir, Made { names: mut made, mut dirs }) in made {
        let path = job.dir.join(dir);
        let entries = target_fs(job).read_dir(&path)?;
        let mut found: Vec<_> = entries.iter().map(|entry| entry.name.as_os_str()).collect();
        // Both are nearly or wholly in order.
        made.sort();
        found.sort();
        dirs.sort();
        plan::compare(&made, &found)
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
