//! What a checkpoint is made of, in which order and by which methods. Pure.

use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::{BTreeSet, HashSet},
    ffi::OsStr,
    ops::Range,
    path::{Component, Path, PathBuf},
};

use crate::{CATALOG_FILE, FileKind, Method, Policy, SnapshotProblem, StagedProblem};

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
    /// How many items the trees up to each have together.
    ends: Vec<usize>,
}

/// What a snapshot cannot ask for.
pub(crate) type Problem = (PathBuf, SnapshotProblem);

/// Names that are taken, each with the position of its directory.
type Taken<'a> = HashSet<(usize, Cow<'a, str>)>;

/// The position of the target itself.
const ROOT: usize = 0;

impl Plan {
    pub(crate) fn new(trees: &[Tree<'_>]) -> Result<Self, Problem> {
        let files = trees.iter().map(|tree| tree.files.len()).sum();
        let items = Vec::with_capacity(files);
        let mut plan = Self { dirs: vec![PathBuf::new()], folders: Vec::new(), items, ends: Vec::new() };
        let mut taken = Taken::with_capacity(files + trees.len() + 1);
        taken.insert((ROOT, CATALOG_FILE.into()));
        for (at, tree) in trees.iter().enumerate() {
            let root = plan.tree_root(tree, trees.len() > 1, &mut taken)?;
            plan.add_tree(at, tree, root, &mut taken)?;
            plan.ends.push(plan.items.len());
        }
        Ok(plan)
    }

    fn tree_root(&mut self, tree: &Tree<'_>, several: bool, taken: &mut Taken<'_>) -> Result<usize, Problem> {
        if !tree.folder.is_empty() {
            return self.add_dir(ROOT, tree.folder, taken);
        }
        if several { Err((PathBuf::new(), SnapshotProblem::Folder)) } else { Ok(ROOT) }
    }

    fn add_dir(&mut self, parent: usize, name: &str, taken: &mut Taken<'_>) -> Result<usize, Problem> {
        let path = self.dirs.get(parent).map(|dir| dir.join(name)).unwrap_or_default();
        if !is_component(name) {
            return Err((path, SnapshotProblem::Name));
        }
        if !taken.insert((parent, name.to_owned().into())) {
            return Err((path, SnapshotProblem::Taken));
        }
        self.dirs.push(path);
        Ok(self.dirs.len() - 1)
    }

    fn add_tree<'a>(
        &mut self,
        at: usize,
        tree: &Tree<'a>,
        root: usize,
        taken: &mut Taken<'a>,
    ) -> Result<(), Problem> {
        let mut spelled: BTreeSet<&FileKind> = tree.folders.iter().collect();
        spelled.extend(tree.files.iter().map(|(kind, _)| *kind));
        let kinds: BTreeSet<FileKind> = spelled.into_iter().map(FileKind::canonical).collect();
        let mut dirs = vec![(FileKind::Metadata, root)];
        for kind in kinds.into_iter().filter(|kind| *kind != FileKind::Metadata) {
            let dir = self.add_dir(root, kind.folder(), taken)?;
            dirs.push((kind, dir));
        }
        self.folders.push(dirs.iter().skip(1).map(|(kind, _)| kind.folder().to_owned()).collect());
        let first = self.items.len();
        for (index, (kind, name)) in tree.files.iter().enumerate() {
            let known = dirs.iter().find(|(known, _)| known.folder() == kind.folder());
            let (kind, dir) = known.map_or((&FileKind::Metadata, root), |(kind, dir)| (kind, *dir));
            let problem =
                |problem| (self.dirs.get(dir).map(|dir| dir.join(name)).unwrap_or_default(), problem);
            let name = match name.to_str() {
                Some(name) if is_component(name) => name,
                _ => return Err(problem(SnapshotProblem::Name)),
            };
            if !taken.insert((dir, name.into())) {
                return Err(problem(SnapshotProblem::Taken));
            }
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

    /// The positions of a tree's items.
    pub(crate) fn items_of(&self, tree: usize) -> Range<usize> {
        let end = |tree: Option<usize>| tree.and_then(|at| self.ends.get(at)).copied().unwrap_or_default();
        end(tree.checked_sub(1))..end(Some(tree))
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

/// Whether a name is one path component, to other platforms too, and fits on a line.
pub(crate) fn is_component(name: &str) -> bool {
    let mut components = Path::new(name).components();
    let is_one = matches!(components.next(), Some(Component::Normal(whole)) if whole == name);
    is_one
        && components.next().is_none()
        && !name.contains(|c: char| matches!(c, '/' | '\\') || c.is_control())
}

#[cfg(test)]
mod tests;
