//! Steps 5 to 7: manifests, catalog, syncs from the bottom up, and a look at what is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    path::{Path, PathBuf},
    time::Duration,
};

use lsm_fs::{DirectorySync, Fs, FsExt, SyncMode};

use super::{relative, totals_of};
use crate::{
    CATALOG_FILE, Capture, Catalog, CatalogFile, CatalogTree, CheckpointInfo, Error, FileKind,
    ManifestTarget, Method, PauseStats, Result,
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
        for (item, done) in job.plan.items.iter().zip(job.done).filter(|(item, _)| item.tree == at) {
            let Done { method, len, checksum } = *done;
            let (kind, name) = (item.kind.clone(), item.name.clone());
            catalog.files.push(CatalogFile { tree, kind, name, len, checksum, method });
        }
        let dir = job.dir.join(folder);
        let before: BTreeSet<PathBuf> = job.staged.made_in(&dir).into_iter().collect();
        snapshot.write_manifest(&ManifestTarget::new(job.staged, dir.clone())).map_err(Error::from_source)?;
        for path in job.staged.made_in(&dir).into_iter().filter(|path| !before.contains(path)) {
            catalog.files.push(written(job, tree, &dir, &path)?);
        }
        let folders = job.plan.folders.get(at).cloned().unwrap_or_default();
        let version_id = snapshot.version_id();
        catalog.trees.push(CatalogTree { folder: folder.clone(), version_id, folders });
    }
    Ok(catalog)
}

/// Metadata is small: its checksum is taken from what a reader sees.
const METADATA_MAX: u64 = 1 << 32;

fn written(job: &Job<'_>, tree: u32, dir: &Path, path: &Path) -> Result<CatalogFile> {
    let bytes = job.staged.read_to_vec(path, METADATA_MAX)?;
    let below = relative(path, dir);
    let name = below.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let kind = match below.parent().and_then(Path::to_str) {
        None | Some("") => FileKind::Metadata,
        Some(folder) => FileKind::other(folder.to_owned()),
    };
    Ok(CatalogFile {
        tree,
        kind,
        name,
        len: bytes.len() as u64,
        checksum: Some(xxhash_rust::xxh3::xxh3_128(&bytes)),
        method: Method::Written,
    })
}

fn contents_of(job: &Job<'_>, catalog: &Catalog, catalogued: bool) -> Contents {
    let mut dirs = job.plan.dirs.clone();
    for dir in job.staged.dirs().iter().map(|dir| relative(dir, job.dir)) {
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    let mut files: Vec<PathBuf> = catalog.files.iter().map(|file| catalog.path_of(file)).collect();
    if catalogued {
        files.push(PathBuf::from(CATALOG_FILE));
    }
    let pointers = catalog.pointers();
    Contents { dirs, files, pointers }
}

/// The names that are there are those that were made, no more and no less.
fn check_names(job: &Job<'_>, contents: &Contents) -> Result<()> {
    // By their spelling: to compare paths by their components is slow.
    let mut made: BTreeMap<&OsStr, Vec<&OsStr>> = BTreeMap::new();
    for dir in &contents.dirs {
        made.entry(dir.as_os_str()).or_default();
    }
    for path in contents.files.iter().chain(contents.dirs.iter().skip(1)) {
        if let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
            made.entry(parent.as_os_str()).or_default().push(name);
        }
    }
    for (dir, mut made) in made {
        let path = job.dir.join(dir);
        let entries = target_fs(job).read_dir(&path)?;
        let mut found: Vec<_> = entries.iter().map(|entry| entry.name.as_os_str()).collect();
        // Both are nearly or wholly in order.
        made.sort();
        found.sort();
        plan::compare(&made, &found)
            .map_err(|(name, problem)| Error::StagedMismatch { path: path.join(name), problem })?;
    }
    Ok(())
}
