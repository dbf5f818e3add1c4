//! [`Plan`]: the files and directories of a checkpoint, in order, and the methods to try for a file. Does no I/O.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    FileKind, Method, Policy, SnapshotProblem, SourceFile, StagedProblem,
    layout::{self, Layout},
    permissions::Permissions,
    source::Content,
};

/// The captured version of a tree, as described by its snapshot.
#[derive(Debug)]
pub(crate) struct CapturedVersion<'a> {
    pub(crate) folder: &'a str,
    pub(crate) version_id: u64,
    /// The kinds whose folders are created even if they stay empty.
    pub(crate) kinds: Vec<FileKind>,
    pub(crate) files: Vec<SourceFile>,
}

/// The directories and files to create.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The directories, relative to the target, each after its parent. The first is the target itself.
    pub(crate) dirs: Vec<PathBuf>,
    /// The trees, in the order of the capture.
    pub(crate) trees: Vec<PlannedTree>,
}

/// A tree of the checkpoint.
#[derive(Debug)]
pub(crate) struct PlannedTree {
    /// The number of the tree in the catalog.
    pub(crate) number: u32,
    pub(crate) folder: String,
    pub(crate) version_id: u64,
    /// The folders, by kind. Metadata comes last, and its folder is the tree's own directory.
    pub(crate) folders: Vec<PlannedFolder>,
}

/// The files of one kind and one tree, which share a directory.
#[derive(Debug)]
pub(crate) struct PlannedFolder {
    /// The number of the tree in the catalog.
    pub(crate) tree: u32,
    pub(crate) kind: FileKind,
    /// The directory, relative to the target.
    pub(crate) dir: PathBuf,
    /// The files, by name. Metadata is in the order of the snapshot.
    pub(crate) files: Vec<PlannedFile>,
}

/// A file to create.
#[derive(Debug)]
pub(crate) struct PlannedFile {
    pub(crate) name: String,
    pub(crate) content: Content,
    /// The checksum that the snapshot knows.
    pub(crate) checksum: Option<u128>,
    /// The directory beneath which the path in the source is resolved, as in [`SourceFile`].
    pub(crate) root: Option<Arc<Path>>,
    /// The permissions that a copy of it gets, as in [`SourceFile`].
    pub(crate) permissions: Option<Permissions>,
    /// The position among all files of the plan. The deletion pause lists the files in the same order.
    pub(crate) pin: usize,
}

/// A defect of a snapshot, with its path.
pub(crate) type Problem = (PathBuf, SnapshotProblem);

/// Converts a refusal of the layout into a problem of the snapshot.
fn refuse((path, problem): layout::Refused) -> Problem {
    (path, problem.into())
}

impl Plan {
    pub(crate) fn new(versions: Vec<CapturedVersion<'_>>) -> Result<Self, Problem> {
        let mut trees = Vec::with_capacity(versions.len());
        for (number, version) in (0..).zip(versions) {
            trees.push(PlannedTree::new(number, version)?);
        }
        let dirs = directories(&trees).map_err(refuse)?;
        let mut plan = Self { dirs, trees };
        let folders = plan.trees.iter_mut().flat_map(|tree| &mut tree.folders);
        for (pin, file) in folders.flat_map(|folder| &mut folder.files).enumerate() {
            file.pin = pin;
        }
        Ok(plan)
    }

    /// Returns the folders of all trees, in order.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &PlannedFolder> {
        self.trees.iter().flat_map(|tree| &tree.folders)
    }

    /// Returns all files, by tree, kind and name. Metadata is in the order of the snapshot.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PlannedFile> {
        self.folders().flat_map(|folder| &folder.files)
    }

    pub(crate) fn file_count(&self) -> usize {
        self.folders().map(|folder| folder.files.len()).sum()
    }
}

impl PlannedTree {
    fn new(number: u32, version: CapturedVersion<'_>) -> Result<Self, Problem> {
        let CapturedVersion { folder, version_id, kinds, files } = version;
        let mut by_kind: BTreeMap<FileKind, Vec<PlannedFile>> = BTreeMap::new();
        for kind in kinds {
            by_kind.entry(kind.canonical()).or_default();
        }
        for SourceFile { kind, name, content, checksum, root, permissions } in files {
            let kind = kind.canonical();
            let name = name
                .into_string()
                .map_err(|name| (Path::new(kind.folder()).join(name), SnapshotProblem::Name))?;
            let file = PlannedFile { name, content, checksum, root, permissions, pin: 0 };
            by_kind.entry(kind).or_default().push(file);
        }
        let folders =
            by_kind.into_iter().map(|(kind, files)| PlannedFolder::new(number, folder, kind, files));
        Ok(Self { number, folder: folder.to_owned(), version_id, folders: folders.collect() })
    }

    /// Returns the names of the folders, without the tree's own directory.
    pub(crate) fn data_folders(&self) -> impl Iterator<Item = &str> {
        let kinds = self.folders.iter().map(|folder| &folder.kind);
        kinds.filter(|kind| **kind != FileKind::Metadata).map(FileKind::folder)
    }
}

impl PlannedFolder {
    fn new(tree: u32, tree_folder: &str, kind: FileKind, mut files: Vec<PlannedFile>) -> Self {
        // The order of metadata is significant. The sort can be unstable, because the names in a folder are unique.
        if kind != FileKind::Metadata {
            files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        }
        let mut dir = layout::path_of(tree_folder);
        dir.extend(&layout::path_of(kind.folder()));
        Self { tree, kind, dir, files }
    }

    /// Returns the path of one of its files, relative to the target.
    pub(crate) fn path_of(&self, file: &PlannedFile) -> PathBuf {
        self.dir.join(&file.name)
    }
}

/// Returns the directories of a plan. Refuses invalid, reserved and colliding names.
fn directories(trees: &[PlannedTree]) -> Result<Vec<PathBuf>, layout::Refused> {
    let files = trees.iter().flat_map(|tree| &tree.folders).map(|folder| folder.files.len()).sum();
    let mut layout = Layout::new(trees.iter().map(|tree| tree.folder.as_str()), files);
    for tree in trees {
        let root = layout.add_tree(&tree.folder)?;
        let mut folders = Vec::with_capacity(tree.folders.len());
        for folder in &tree.folders {
            let dir = match folder.kind {
                FileKind::Metadata => root,
                _ => layout.add_folder(root, folder.kind.folder())?,
            };
            folders.push((dir, folder));
        }
        for (dir, folder) in folders {
            for file in &folder.files {
                layout.add_file(dir, file.name.as_str())?;
            }
        }
    }
    Ok(layout.into_dirs())
}

/// Returns the methods to try for a file that may be shared, in order.
pub(crate) const fn methods_in_order(policy: Policy) -> &'static [Method] {
    use Method::{BaseLink, Copy, HardLink, Reflink};
    match policy {
        Policy::LinkOnly => &[HardLink, BaseLink],
        Policy::PreferLink => &[HardLink, BaseLink, Reflink, Copy],
        Policy::PreferReflink => &[Reflink, HardLink, BaseLink, Copy],
        Policy::Independent => &[BaseLink, Reflink, Copy],
    }
}

/// Compares the names that exist with the names that were created, both sorted. A missing name is reported before an
/// unexpected one.
pub(crate) fn compare<'n>(made: &[&'n OsStr], found: &[&'n OsStr]) -> Result<(), (&'n OsStr, StagedProblem)> {
    if made == found {
        return Ok(());
    }
    let beyond = |names: &[&'n OsStr], others: &[&'n OsStr]| {
        names.iter().find(|name| others.binary_search(name).is_err()).copied()
    };
    if let Some(name) = beyond(made, found) {
        return Err((name, StagedProblem::Missing));
    }
    beyond(found, made).map_or(Ok(()), |name| Err((name, StagedProblem::Unexpected)))
}

#[cfg(test)]
mod tests;
