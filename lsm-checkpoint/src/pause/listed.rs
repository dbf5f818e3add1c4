//! The files that a guard was narrowed to.

use std::{
    cell::OnceCell,
    collections::HashMap,
    path::{Path, PathBuf},
};

/// A list of files, each of which is held until it is given up.
///
/// Files are looked up by position, because hashing the path of every file costs a tenth of the time that linking a
/// large tree takes. An index by path is built when a deletion or a release first needs it.
#[derive(Debug, Default)]
pub(super) struct ListedFiles {
    entries: Vec<Entry>,
    /// For each path, the number of entries that hold it. Once this index exists, it decides which paths are held.
    by_path: OnceCell<HashMap<PathBuf, usize>>,
}

/// A file of the list.
#[derive(Debug)]
struct Entry {
    path: PathBuf,
    is_held: bool,
}

impl ListedFiles {
    /// Creates the list. A file that is not held now is never held later.
    pub(super) fn new(files: impl IntoIterator<Item = PathBuf>, is_held: impl Fn(&Path) -> bool) -> Self {
        let entry = |path: PathBuf| Entry { is_held: is_held(&path), path };
        Self { entries: files.into_iter().map(entry).collect(), by_path: OnceCell::new() }
    }

    pub(super) fn holds(&self, path: &Path) -> bool {
        self.by_path.get_or_init(|| self.count()).get(path).is_some_and(|count| *count > 0)
    }

    fn count(&self) -> HashMap<PathBuf, usize> {
        crate::tally::steps(self.entries.len());
        let mut by_path = HashMap::with_capacity(self.entries.len());
        for entry in self.entries.iter().filter(|entry| entry.is_held) {
            *by_path.entry(entry.path.clone()).or_insert(0) += 1;
        }
        by_path
    }

    /// Gives up one entry and returns its path.
    pub(super) fn give_up(&mut self, nth: usize) -> Option<&Path> {
        let Entry { path, is_held } = self.entries.get_mut(nth)?;
        if std::mem::take(is_held)
            && let Some(count) = self.by_path.get_mut().and_then(|by_path| by_path.get_mut(path))
        {
            *count -= 1;
        }
        Some(path)
    }

    /// Gives up all entries of a path. It must not scan the list, because every deletion waits for the lock around this
    /// call.
    pub(super) fn give_up_path(&mut self, path: &Path) {
        let _ = self.by_path.get_or_init(|| self.count());
        if let Some(by_path) = self.by_path.get_mut() {
            by_path.remove(path);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn listed(files: &[&str]) -> ListedFiles {
        ListedFiles::new(files.iter().map(PathBuf::from), |_| true)
    }

    #[test]
    fn a_file_that_was_given_up_is_not_held() {
        for asked_before in [false, true] {
            let mut files = listed(&["a", "b", "c"]);
            assert!(!asked_before || files.holds(Path::new("b")));
            assert_eq!(files.give_up(1), Some(Path::new("b")));
            assert_eq!(files.give_up(1), Some(Path::new("b")));
            files.give_up_path(Path::new("c"));
            assert_eq!(files.give_up(7), None);
            let held = ["a", "b", "c", "d"].map(|path| files.holds(Path::new(path)));
            assert_eq!(held, [true, false, false, false], "asked before: {asked_before}");
        }
    }

    #[test]
    fn a_file_that_is_listed_twice_is_held_until_both_are_given_up() {
        for asked_before in [false, true] {
            let mut files = listed(&["a", "b", "a"]);
            assert!(!asked_before || files.holds(Path::new("a")));
            let _ = files.give_up(0);
            assert!(files.holds(Path::new("a")), "asked before: {asked_before}");
            let _ = files.give_up(2);
            assert!(!files.holds(Path::new("a")), "asked before: {asked_before}");
        }
    }

    #[test]
    fn giving_up_an_entry_twice_keeps_its_duplicate() {
        let mut files = listed(&["a", "a"]);
        assert!(files.holds(Path::new("a")));
        let _ = files.give_up(0);
        let _ = files.give_up(0);
        assert!(files.holds(Path::new("a")));
    }

    #[test]
    fn paths_are_compared_by_their_components() {
        let mut files = listed(&["db/./1.sst"]);
        assert!(files.holds(Path::new("db//1.sst")));
        files.give_up_path(Path::new("db/1.sst"));
        assert!(!files.holds(Path::new("db/./1.sst")));
    }
}
