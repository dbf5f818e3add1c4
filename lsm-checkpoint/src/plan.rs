//! What a checkpoint is made of, in which order and by which methods. Pure.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
    ffi::OsStr,
    path::{Path, PathBuf},
};

use crate::{
    FileKind, Method, Policy, SnapshotProblem, StagedProblem,
    layout::{self, DirId, Layout},
};

/// A tree of a capture, as far as names go.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    pub(crate) folder: &'a str,
    pub(crate) folders: Vec<FileKind>,
    pub(crate) files: Vec<(&'a FileKind, &'a OsStr)>,
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

/// A path that the layout refuses, as a problem of the snapshot.
fn refuse((path, problem): layout::Refused) -> Problem {
    (path, problem.into())
}

impl Plan {
    pub(crate) fn new(trees: &[Tree<'_>]) -> Result<Self, Problem> {
        let files = trees.iter().map(|tree| tree.files.len()).sum();
        let items = Vec::with_capacity(files);
        let mut plan = Self { dirs: Vec::new(), folders: Vec::new(), items };
        let mut layout = Layout::new(trees.iter().map(|tree| tree.folder), files);
        for (at, tree) in trees.iter().enumerate() {
            let root = layout.add_tree(tree.folder).map_err(refuse)?;
            plan.add_tree(at, tree, root, &mut layout)?;
        }
        plan.dirs = layout.into_dirs();
        Ok(plan)
    }

    fn add_tree<'a>(
        &mut self,
        at: usize,
        tree: &Tree<'a>,
        root: DirId,
        layout: &mut Layout<'a>,
    ) -> Result<(), Problem> {
        let mut spelled: BTreeSet<&FileKind> = tree.folders.iter().collect();
        spelled.extend(tree.files.iter().map(|(kind, _)| *kind));
        let kinds: BTreeSet<FileKind> = spelled.into_iter().map(FileKind::canonical).collect();
        let mut dirs = vec![(FileKind::Metadata, root)];
        for kind in kinds.into_iter().filter(|kind| *kind != FileKind::Metadata) {
            let dir = layout.add_folder(root, kind.folder()).map_err(refuse)?;
            dirs.push((kind, dir));
        }
        let by_folder: HashMap<&str, usize> =
            dirs.iter().enumerate().map(|(at, (kind, _))| (kind.folder(), at)).collect();
        self.folders.push(dirs.iter().skip(1).map(|(kind, _)| kind.folder().to_owned()).collect());
        let first = self.items.len();
        for (index, (kind, name)) in tree.files.iter().enumerate() {
            let known = by_folder.get(kind.folder()).and_then(|at| dirs.get(*at));
            let (kind, dir) = known.map_or((&FileKind::Metadata, root), |(kind, dir)| (kind, *dir));
            let Some(name) = name.to_str() else {
                return Err((Path::new(kind.folder()).join(name), SnapshotProblem::Name));
            };
            layout.add_file(dir, name).map_err(refuse)?;
            let (kind, name) = (kind.clone(), name.to_owned());
            self.items.push(Item { tree: at, index, kind, name, dir });
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

/// Holds the names that are there against those that were made, both sorted. A name that is missing is told first.
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
