//! What a checkpoint is made of, in which order and by which methods. Pure.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashSet},
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use crate::{CATALOG_FILE, FileKind, Method, Policy, SnapshotProblem, StagedProblem};

/// A tree of a capture, as far as names go.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) folder: String,
    pub(crate) folders: Vec<FileKind>,
    pub(crate) files: Vec<(FileKind, OsString)>,
}

/// A file to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its tree, and its position among the tree's files.
    pub(crate) tree: usize,
    pub(crate) index: usize,
    pub(crate) kind: FileKind,
    pub(crate) name: String,
    /// Its directory: a position in [`Plan::dirs`].
    pub(crate) dir: usize,
}

/// Everything that a snapshot asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Relative to the target, each behind its parent. The first is the target itself.
    pub(crate) dirs: Vec<PathBuf>,
    /// The folders of each tree.
    pub(crate) folders: Vec<Vec<String>>,
    /// By tree, kind and name; metadata as the snapshot lists it.
    pub(crate) items: Vec<Item>,
}

/// What a snapshot cannot ask for.
pub(crate) type Problem = (PathBuf, SnapshotProblem);

/// Names that are taken, each with the position of its directory.
type Taken = HashSet<(usize, String)>;

/// The position of the target itself.
const ROOT: usize = 0;

impl Plan {
    pub(crate) fn new(trees: &[Tree]) -> Result<Self, Problem> {
        let mut plan = Self { dirs: vec![PathBuf::new()], folders: Vec::new(), items: Vec::new() };
        let mut taken = Taken::from([(ROOT, CATALOG_FILE.to_owned())]);
        for (at, tree) in trees.iter().enumerate() {
            let root = plan.tree_root(tree, trees.len() > 1, &mut taken)?;
            plan.add_tree(at, tree, root, &mut taken)?;
        }
        Ok(plan)
    }

    fn tree_root(&mut self, tree: &Tree, several: bool, taken: &mut Taken) -> Result<usize, Problem> {
        if !tree.folder.is_empty() {
            return self.add_dir(ROOT, &tree.folder, taken);
        }
        if several { Err((PathBuf::new(), SnapshotProblem::Folder)) } else { Ok(ROOT) }
    }

    fn add_dir(&mut self, parent: usize, name: &str, taken: &mut Taken) -> Result<usize, Problem> {
        let path = self.dirs.get(parent).map(|dir| dir.join(name)).unwrap_or_default();
        if !is_component(name) {
            return Err((path, SnapshotProblem::Name));
        }
        if !taken.insert((parent, name.to_owned())) {
            return Err((path, SnapshotProblem::Taken));
        }
        self.dirs.push(path);
        Ok(self.dirs.len() - 1)
    }

    fn add_tree(&mut self, at: usize, tree: &Tree, root: usize, taken: &mut Taken) -> Result<(), Problem> {
        let mut kinds: BTreeSet<&FileKind> = tree.folders.iter().collect();
        kinds.extend(tree.files.iter().map(|(kind, _)| kind));
        let mut dirs = vec![(&FileKind::Metadata, root)];
        for kind in kinds.into_iter().filter(|kind| **kind != FileKind::Metadata) {
            dirs.push((kind, self.add_dir(root, kind.folder(), taken)?));
        }
        self.folders.push(dirs.iter().skip(1).map(|(kind, _)| kind.folder().to_owned()).collect());
        let first = self.items.len();
        for (index, (kind, name)) in tree.files.iter().enumerate() {
            let dir = dirs.iter().find(|(known, _)| *known == kind).map_or(root, |(_, dir)| *dir);
            let problem =
                |problem| (self.dirs.get(dir).map(|dir| dir.join(name)).unwrap_or_default(), problem);
            let name = match name.to_str() {
                Some(name) if is_component(name) => name.to_owned(),
                _ => return Err(problem(SnapshotProblem::Name)),
            };
            if !taken.insert((dir, name.clone())) {
                return Err(problem(SnapshotProblem::Taken));
            }
            self.items.push(Item { tree: at, index, kind: kind.clone(), name, dir });
        }
        if let Some(items) = self.items.get_mut(first..) {
            // The order of metadata means something, and a stable sort keeps it.
            let by_name = |a: &Item, b: &Item| match a.kind {
                FileKind::Metadata => Ordering::Equal,
                _ => a.name.cmp(&b.name),
            };
            items.sort_by(|a, b| a.kind.cmp(&b.kind).then_with(|| by_name(a, b)));
        }
        Ok(())
    }

    /// The path of an item, relative to the target.
    pub(crate) fn path_of(&self, item: &Item) -> PathBuf {
        self.dir_of(item).join(&item.name)
    }

    /// The directory of an item, relative to the target.
    pub(crate) fn dir_of(&self, item: &Item) -> &Path {
        self.dirs.get(item.dir).map_or(Path::new(""), PathBuf::as_path)
    }
}

/// The methods to try for a file that may be shared, in order.
pub(crate) const fn rungs(policy: Policy) -> &'static [Method] {
    use Method::{BaseLink, Copy, HardLink, Reflink};
    match policy {
        Policy::LinkOnly => &[HardLink, BaseLink],
        Policy::PreferLink => &[HardLink, BaseLink, Reflink, Copy],
        Policy::PreferReflink => &[Reflink, HardLink, BaseLink, Copy],
        Policy::Independent => &[BaseLink, Reflink, Copy],
    }
}

/// Holds the names that are there against those that were made.
pub(crate) fn compare<'n>(
    made: &BTreeSet<&'n OsStr>,
    found: &BTreeSet<&'n OsStr>,
) -> Result<(), (&'n OsStr, StagedProblem)> {
    if let Some(name) = made.difference(found).next() {
        return Err((name, StagedProblem::Missing));
    }
    match found.difference(made).next() {
        Some(name) => Err((name, StagedProblem::Unexpected)),
        None => Ok(()),
    }
}

/// Whether a name is one path component on every platform.
pub(crate) fn is_component(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests;
