//! What a checkpoint is made of, in which order and by which methods. Pure.

use std::{
    collections::BTreeSet,
    ffi::OsString,
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

impl Plan {
    pub(crate) fn new(trees: &[Tree]) -> Result<Self, Problem> {
        let mut plan = Self { dirs: vec![PathBuf::new()], folders: Vec::new(), items: Vec::new() };
        let mut taken = BTreeSet::from([PathBuf::from(CATALOG_FILE)]);
        for (at, tree) in trees.iter().enumerate() {
            let root = plan.tree_root(tree, trees.len() > 1, &mut taken)?;
            plan.add_tree(at, tree, &root, &mut taken)?;
        }
        Ok(plan)
    }

    fn tree_root(
        &mut self,
        tree: &Tree,
        several: bool,
        taken: &mut BTreeSet<PathBuf>,
    ) -> Result<PathBuf, Problem> {
        let root = PathBuf::from(&tree.folder);
        if tree.folder.is_empty() {
            return if several { Err((root, SnapshotProblem::Folder)) } else { Ok(root) };
        }
        if !is_component(&tree.folder) {
            return Err((root, SnapshotProblem::Name));
        }
        if !taken.insert(root.clone()) {
            return Err((root, SnapshotProblem::Taken));
        }
        self.dirs.push(root.clone());
        Ok(root)
    }

    fn add_tree(
        &mut self,
        at: usize,
        tree: &Tree,
        root: &Path,
        taken: &mut BTreeSet<PathBuf>,
    ) -> Result<(), Problem> {
        let mut kinds: BTreeSet<&FileKind> = tree.folders.iter().collect();
        kinds.extend(tree.files.iter().map(|(kind, _)| kind));
        let mut folders = Vec::new();
        for folder in kinds.iter().filter(|kind| ***kind != FileKind::Metadata).map(|kind| kind.folder()) {
            let path = root.join(folder);
            if !is_component(folder) {
                return Err((path, SnapshotProblem::Name));
            }
            if !taken.insert(path.clone()) {
                return Err((path, SnapshotProblem::Taken));
            }
            folders.push(folder.to_owned());
            self.dirs.push(path);
        }
        self.folders.push(folders);
        let first = self.items.len();
        for (index, (kind, name)) in tree.files.iter().enumerate() {
            let dir_path =
                if *kind == FileKind::Metadata { root.to_path_buf() } else { root.join(kind.folder()) };
            let name = match name.to_str() {
                Some(name) if is_component(name) => name.to_owned(),
                _ => return Err((dir_path.join(name), SnapshotProblem::Name)),
            };
            let path = dir_path.join(&name);
            if !taken.insert(path.clone()) {
                return Err((path, SnapshotProblem::Taken));
            }
            let dir = self.dirs.iter().position(|dir| *dir == dir_path).unwrap_or_default();
            self.items.push(Item { tree: at, index, kind: kind.clone(), name, dir });
        }
        // The order of metadata means something, and a stable sort keeps it.
        let name_of =
            |item: &Item| if item.kind == FileKind::Metadata { String::new() } else { item.name.clone() };
        if let Some(items) = self.items.get_mut(first..) {
            items.sort_by_cached_key(|item| (item.kind.clone(), name_of(item)));
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
pub(crate) fn compare(
    made: &BTreeSet<OsString>,
    found: &BTreeSet<OsString>,
) -> Result<(), (OsString, StagedProblem)> {
    if let Some(name) = made.difference(found).next() {
        return Err((name.clone(), StagedProblem::Missing));
    }
    match found.difference(made).next() {
        Some(name) => Err((name.clone(), StagedProblem::Unexpected)),
        None => Ok(()),
    }
}

/// Whether a name is one path component on every platform.
pub(crate) fn is_component(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests;
