//! Checks that the files of a catalog can be restored together.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    path::{Path, PathBuf},
};

use super::{Catalog, CatalogFile, CatalogTree, TakeMemory};
use crate::{
    CatalogDefect, FileKind,
    layout::{self, DirId, Layout, NameProblem, Refused},
};

/// The path of an entry that does not fit, and its defect.
type PathDefect = (PathBuf, CatalogDefect);

impl Catalog {
    /// Applies the checks that a plan applies to a snapshot, so that every catalog that is read can be restored. Only
    /// the files that `new` accepts are checked, because the others come from a plan.
    pub(crate) fn check(
        &self,
        new: impl Fn(&CatalogFile) -> bool,
        take: TakeMemory<'_>,
    ) -> Result<(), PathDefect> {
        let folders = self.trees.iter().map(|tree| tree.folder.as_str());
        let layout = Layout::new(folders, self.files.iter().filter(|file| new(file)).count());
        let mut places = CatalogLayout { layout, trees: Vec::with_capacity(self.trees.len()), take };
        self.trees.iter().try_for_each(|tree| places.add_tree(tree))?;
        self.files.iter().filter(|file| new(file)).try_for_each(|file| places.add_file(file))?;
        self.check_attributes(places.layout)?;
        if !self.files.is_sorted_by_key(|file| file.tree) {
            return Err((PathBuf::new(), CatalogDefect::Order));
        }
        Ok(())
    }

    fn check_attributes(&self, layout: Layout<'_>) -> Result<(), PathDefect> {
        let dirs: HashSet<PathBuf> = layout.into_dirs().into_iter().collect();
        let mut known = HashSet::with_capacity(self.attributes.len());
        for folder in &self.attributes {
            // The path is compared as spelled, so that each directory has only one spelling.
            let path = layout::path_of(&folder.path);
            if !dirs.contains(&path) || !layout::is_spelled(&folder.path) || !known.insert(&folder.path) {
                return Err((path, CatalogDefect::Folder));
            }
        }
        Ok(())
    }
}

/// The layout of a catalog under construction.
struct CatalogLayout<'a, 't> {
    layout: Layout<'a>,
    /// For each tree, its directory and its folders.
    trees: Vec<(DirId, HashMap<&'a str, DirId>)>,
    take: TakeMemory<'t>,
}

impl<'a> CatalogLayout<'a, '_> {
    fn add_tree(&mut self, tree: &'a CatalogTree) -> Result<(), PathDefect> {
        let Self { layout, take, .. } = self;
        let root = add_dirs(layout, take, 1, |layout| layout.add_tree(&tree.folder))?;
        let mut folders = HashMap::with_capacity(tree.folders.len());
        for folder in &tree.folders {
            let dir = add_dirs(layout, take, 1, |layout| layout.add_folder(root, folder))?;
            folders.insert(folder.as_str(), dir);
        }
        self.trees.push((root, folders));
        Ok(())
    }

    fn add_file(&mut self, file: &'a CatalogFile) -> Result<(), PathDefect> {
        let (folder, path) = (file.kind.folder(), || Path::new(file.kind.folder()).join(&file.name));
        let Self { layout, trees, take } = self;
        let Some((root, folders)) = trees.get_mut(file.tree_index()) else {
            return Err((path(), CatalogDefect::Tree));
        };
        let dir = match folders.entry(folder) {
            _ if file.kind == FileKind::Metadata => *root,
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                *new.insert(add_dirs(layout, take, 0, |layout| layout.add_folder(*root, folder))?)
            }
        };
        self.layout.add_file(dir, file.name.as_str()).map_err(refuse)?;
        if file.is_written_metadata() && file.len > layout::WRITTEN_MAX {
            return Err((path(), CatalogDefect::TooLong));
        }
        Ok(())
    }
}

/// Adds a directory and its missing parents. The memory for `recorded` of them is already charged, because each of
/// these has a record. The memory for the others is charged here, because one short record can name several directories
/// by its path.
fn add_dirs<'a>(
    layout: &mut Layout<'a>,
    take: &mut dyn FnMut(usize) -> Result<(), CatalogDefect>,
    recorded: usize,
    add: impl FnOnce(&mut Layout<'a>) -> Result<DirId, Refused>,
) -> Result<DirId, PathDefect> {
    let before = layout.dirs().len();
    let dir = add(layout).map_err(refuse)?;
    for way in layout.dirs().skip(before).rev().skip(recorded) {
        take(way.as_os_str().len()).map_err(|defect| (way.to_path_buf(), defect))?;
    }
    Ok(dir)
}

fn refuse((path, problem): (PathBuf, NameProblem)) -> PathDefect {
    (path, problem.into())
}
