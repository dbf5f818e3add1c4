//! [`Made`]: names in the order in which they were made, found by their place in the tree.

use std::{
    collections::BTreeMap,
    ops::Bound,
    path::{Path, PathBuf},
};

/// Paths with their place in the order of their making. A path sorts by its components, so all that lies below a
/// directory lies together.
#[derive(Debug, Default)]
pub(super) struct Made {
    by_path: BTreeMap<PathBuf, u64>,
    last: u64,
}

impl Made {
    /// Adds a path behind all others, or moves it there.
    pub(super) fn bind(&mut self, path: &Path) {
        self.last += 1;
        let _ = self.by_path.insert(path.to_path_buf(), self.last);
    }

    pub(super) fn forget(&mut self, path: &Path) {
        let _ = self.by_path.remove(path);
    }

    pub(super) fn has(&self, path: &Path) -> bool {
        self.by_path.contains_key(path)
    }

    /// The directory itself and all below it, in the order of their making.
    pub(super) fn below(&self, dir: &Path) -> Vec<PathBuf> {
        let from = self.by_path.range::<Path, _>((Bound::Included(dir), Bound::Unbounded));
        let mut below: Vec<_> = from.take_while(|(path, _)| path.starts_with(dir)).collect();
        crate::tally::steps(below.len());
        below.sort_unstable_by_key(|(_, made)| **made);
        below.into_iter().map(|(path, _)| path.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_in_the_order_of_their_making() {
        let mut made = Made::default();
        for path in ["/s/a/2", "/s/a-b/1", "/s/a/1", "/s/a", "/s/b/1", "/s/a/2/x"] {
            made.bind(Path::new(path));
        }
        made.bind(Path::new("/s/a/2"));
        made.forget(Path::new("/s/b/1"));
        let below = |dir: &str| made.below(Path::new(dir));
        assert_eq!(below("/s/a"), ["/s/a/1", "/s/a", "/s/a/2/x", "/s/a/2"].map(PathBuf::from));
        assert_eq!(below("/s").len(), 5);
        assert!(below("/s/b").is_empty() && below("/s/a/1/y").is_empty());
        assert!(made.has(Path::new("/s/./a/1")) && !made.has(Path::new("/s/b/1")));
    }
}
