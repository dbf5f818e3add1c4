//! Steps 5 to 7: manifests, catalog, syncs from the bottom up, and a look at what is there.

use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsStr,
    path::{Path, PathBuf},
    time::Duration,
};

use lsm_fs::{DirectorySync, Fs, FsDirEntry, FsFileType, FsOpenOptions, SyncMode};
use xxhash_rust::xxh3::Xxh3Default;

use super::{relative, totals_of};
use crate::{
    CATALOG_FILE, Capture, Catalog, CatalogFile, CatalogTree, CheckpointInfo, Error, FileKind,
    ManifestTarget, Method, PauseStats, Result, SnapshotProblem, StagedProblem,
    plan::{self, Plan},
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

/// What the catalog says of the whole.
pub(super) struct Head {
    pub(super) identity: String,
    pub(super) seqno: u64,
    pub(super) created: Duration,
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
    let Head { identity, seqno, created } = head;
    let mut catalog = Catalog { identity, seqno, created, trees: Vec::new(), files: Vec::new() };
    for (at, (folder, snapshot)) in job.capture.trees.iter().enumerate() {
        let tree = u32::try_from(at).unwrap_or(u32::MAX);
        let dir = job.dir.join(folder);
        snapshot
            .write_manifest(&ManifestTarget::new(job.staged, dir.clone()))
            .map_err(Error::from_write_manifest)?;
        let mut files = Vec::new();
        let range = job.plan.items_of(at);
        let items = job.plan.items.get(range.clone()).unwrap_or_default();
        crate::tally::steps(items.len());
        for (item, done) in items.iter().zip(job.done.get(range).unwrap_or_default()) {
            let Done { method, len, checksum } = *done;
            // What was written by now may have been written over, or have lost its name again.
            if method != Method::Written {
                let (kind, name) = (item.kind.clone(), item.name.clone());
                files.push(CatalogFile { tree, kind, name, len, checksum, method });
            }
        }
        for path in job.staged.made_in(&dir) {
            files.push(written(job, tree, &dir, &path)?);
        }
        // The sort is stable: the metadata stays in the order in which it got its names.
        files.sort_by_key(|file| file.kind == FileKind::Metadata);
        catalog.files.append(&mut files);
        let folders = folders_of(job, at, &dir)?;
        let version_id = snapshot.version_id();
        catalog.trees.push(CatalogTree { folder: folder.clone(), version_id, folders });
    }
    Ok(catalog)
}

/// The folders of a tree: those of the plan, and those that its metadata was written to.
fn folders_of(job: &Job<'_>, tree: usize, dir: &Path) -> Result<Vec<String>> {
    let mut folders = job.plan.folders.get(tree).cloned().unwrap_or_default();
    for path in job.staged.dirs_in(dir) {
        let Ok(below) = path.strip_prefix(dir) else { continue };
        match below.to_str() {
            // The tree's own directory.
            Some("") => {}
            Some(folder) if plan::is_component(folder) => {
                if !folders.iter().any(|known| known == folder) {
                    folders.push(folder.to_owned());
                }
            }
            _ => return Err(no_place(job, &path)),
        }
    }
    Ok(folders)
}

/// What an engine has written where a catalog cannot name it.
fn no_place(job: &Job<'_>, path: &Path) -> Error {
    Error::InvalidSnapshot { path: relative(path, job.dir), problem: SnapshotProblem::Name }
}

/// A file that was written through the target. Its checksum is taken from what a reader sees.
fn written(job: &Job<'_>, tree: u32, dir: &Path, path: &Path) -> Result<CatalogFile> {
    let below = relative(path, dir);
    let kind = match below.parent().and_then(Path::to_str) {
        None | Some("") => FileKind::Metadata,
        Some(folder) if plan::is_component(folder) => FileKind::other(folder.to_owned()),
        Some(_) => return Err(no_place(job, path)),
    };
    let name = below.file_name().and_then(|name| name.to_str()).filter(|name| plan::is_component(name));
    let name = name.ok_or_else(|| no_place(job, path))?.to_owned();
    let (len, checksum) = read_through(job, path)?;
    Ok(CatalogFile { tree, kind, name, len, checksum: Some(checksum), method: Method::Written })
}

/// How much of a file is in memory at a time.
const PIECE: usize = 64 << 10;

/// The length and the checksum of a file.
fn read_through(job: &Job<'_>, path: &Path) -> Result<(u64, u128)> {
    let file = job.staged.open(path, &FsOpenOptions::new().read(true))?;
    let (mut hasher, mut len, mut piece) = (Xxh3Default::new(), 0, vec![0; PIECE]);
    loop {
        let read = file.read_at(&mut piece, len)?;
        hasher.update(piece.get(..read).unwrap_or_default());
        len += read as u64;
        if read < piece.len() {
            return Ok((len, hasher.digest128()));
        }
    }
}

fn contents_of(job: &Job<'_>, catalog: &Catalog, catalogued: bool) -> Contents {
    let mut dirs = job.plan.dirs.clone();
    let planned: HashSet<&PathBuf> = job.plan.dirs.iter().collect();
    let made = job.staged.dirs_in(job.dir).into_iter().map(|dir| relative(&dir, job.dir));
    dirs.extend(made.filter(|dir| !planned.contains(dir)));
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
