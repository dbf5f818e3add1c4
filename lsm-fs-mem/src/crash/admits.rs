//! Decides whether a crash may leave a tree that was found. The answer is exact for any number of pending changes.
//!
//! Each [scenario](super::names) of a volume fixes some name changes and leaves the others free. [`ways`] lists the
//! changes that may have bound each found name, and [`search`] picks one of them for each name.

mod search;
mod ways;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use search::Search;
use ways::Ways;

use super::{contents::Pending, fits::Misfit, names::scenarios};
use crate::{
    crash::Disk,
    found::{FoundDir, FoundTree},
    micro::Ino,
};

/// A part of the found tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    /// The binding of a name: to a file, to a directory, or to nothing.
    Name(PathBuf),
    /// The content of a file, by its index.
    Content(usize),
}

/// The question: a disk, and a tree that was found on one of its volumes.
pub(crate) struct Question<'q> {
    pub(crate) disk: &'q Disk,
    pub(crate) found: &'q FoundTree,
    /// The directories that a mount covers. The found tree shows the root of the mounted volume in their place.
    pub(crate) covered: &'q BTreeSet<Ino>,
    /// The results of earlier comparisons, by found file and inode.
    contents: RefCell<BTreeMap<(usize, Ino), Result<(), Misfit>>>,
    /// The number of ways to bind a name that were examined, for the tests.
    steps: Cell<usize>,
}

/// A found directory, and the inode of the model to which it corresponds.
#[derive(Clone, Copy)]
pub(crate) struct MatchedDir<'q> {
    pub(crate) dir: &'q FoundDir,
    pub(crate) ino: Ino,
}

/// The covered directories, each with the path at which it was found.
pub(crate) type Covered = BTreeMap<Ino, PathBuf>;

impl<'q> Question<'q> {
    pub(crate) const fn new(disk: &'q Disk, found: &'q FoundTree, covered: &'q BTreeSet<Ino>) -> Self {
        Self { disk, found, covered, contents: RefCell::new(BTreeMap::new()), steps: Cell::new(0) }
    }

    /// Decides for one volume, whose root was found at `path`. Facts in `ignored` count as agreeing. Returns the paths
    /// of the covered directories, or the facts that led to a refusal.
    pub(crate) fn admits(
        &self,
        (root, path): (MatchedDir<'q>, &Path),
        ignored: &BTreeSet<Fact>,
    ) -> Result<Covered, BTreeSet<Fact>> {
        let on_disk = self.disk.image.get(root.ino);
        debug_assert!(on_disk.is_some(), "a volume whose root {} is not on disk", root.ino);
        let volume = on_disk.map_or(0, |inode| inode.volume);
        let mut used = BTreeSet::new();
        for scenario in scenarios(self.disk, volume) {
            let mut search = Search::new(Ways::new(self, &scenario, ignored));
            let covered = search.solve(root, path);
            used.append(&mut search.into_used());
            if let Some(covered) = covered {
                return Ok(covered);
            }
        }
        Err(used)
    }

    /// Counts examined ways.
    fn count(&self, steps: usize) {
        self.steps.set(self.steps.get().saturating_add(steps));
    }

    /// Returns the most specific mismatch of a found content with any inode.
    pub(crate) fn misfit(&self, file: usize) -> Option<Misfit> {
        let contents = self.contents.borrow();
        let of_file = contents.range((file, 0)..=(file, Ino::MAX));
        of_file.filter_map(|(_, fits)| fits.err()).reduce(Misfit::or)
    }

    /// Compares the content of a found file with an inode.
    pub(crate) fn content(&self, file: usize, ino: Ino) -> Result<(), Misfit> {
        if let Some(known) = self.contents.borrow().get(&(file, ino)) {
            return *known;
        }
        let fits = Pending::of(self.disk, ino).fits(self.found.content(file));
        self.contents.borrow_mut().insert((file, ino), fits);
        fits
    }
}

#[cfg(test)]
mod tests;
