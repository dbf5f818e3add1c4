//! [`CreationOrder`]: a list of names in the order of their creation.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

/// Paths with their places in the order of creation.
#[derive(Debug, Default)]
pub(super) struct CreationOrder {
    by_path: HashMap<PathBuf, u64>,
    last: u64,
}

impl CreationOrder {
    /// Adds a path after all others, or moves it there.
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

    /// Returns all paths, in the order of creation.
    pub(super) fn in_order(&self) -> Vec<PathBuf> {
        crate::tally::steps(self.by_path.len());
        let mut all: Vec<_> = self.by_path.iter().collect();
        all.sort_unstable_by_key(|(_, made)| **made);
        all.into_iter().map(|(path, _)| path.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_creation() {
        let mut made = CreationOrder::default();
        for path in ["/s/a/2", "/s/a-b/1", "/s/a/1", "/s/a", "/s/b/1", "/s/a/2/x"] {
            made.bind(Path::new(path));
        }
        made.bind(Path::new("/s/a/2"));
        made.forget(Path::new("/s/b/1"));
        assert_eq!(made.in_order(), ["/s/a-b/1", "/s/a/1", "/s/a", "/s/a/2/x", "/s/a/2"].map(PathBuf::from));
        assert!(made.has(Path::new("/s/./a/1")) && !made.has(Path::new("/s/b/1")));
    }
}
