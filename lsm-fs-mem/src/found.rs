//! [`FoundTree`]: the tree that was found after a crash.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Component, Path},
};

use lsm_fs::{FileId, Fs, FsExt, Result};

/// A tree of files and directories, as found after a crash. [`Recording::admits`](crate::Recording::admits) and
/// [`MemFs::admits`](crate::MemFs::admits) decide whether a crash could leave it.
///
/// It holds names, contents, and the identity of files: one file with two names differs from two equal files. It holds
/// no modes and owners. The order in which a tree is built does not matter for equality.
///
/// # Examples
///
/// ```
/// use lsm_fs_mem::FoundTree;
///
/// // One file with two names, beside an empty directory.
/// let found = FoundTree::new().dir("/d").file(["/a", "/b"], b"rows");
/// assert_ne!(found, FoundTree::new().dir("/d").file(["/a"], b"rows").file(["/b"], b"rows"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct FoundTree {
    pub(crate) root: FoundDir,
    /// The directories below the root. They are not nested in each other, because a tree may be deeper than the stack.
    pub(crate) dirs: Vec<FoundDir>,
    /// The contents of the files.
    pub(crate) files: Vec<Vec<u8>>,
}

/// A directory of a found tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FoundDir {
    /// The indexes of the directories.
    pub(crate) dirs: BTreeMap<OsString, usize>,
    /// The indexes of the files.
    pub(crate) files: BTreeMap<OsString, usize>,
}

impl PartialEq for FoundTree {
    fn eq(&self, other: &Self) -> bool {
        self.numbered_by_walk() == other.numbered_by_walk()
    }
}

impl Eq for FoundTree {}

impl FoundTree {
    /// Creates an empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a directory and the directories above it.
    #[must_use]
    pub fn dir(mut self, path: impl AsRef<Path>) -> Self {
        self.below(path.as_ref());
        self
    }

    /// Adds a file with all its names, and the directories above them. If the tree already has one of the names, the
    /// name is replaced.
    #[must_use]
    pub fn file<P: AsRef<Path>>(mut self, names: impl IntoIterator<Item = P>, bytes: &[u8]) -> Self {
        self.files.push(bytes.to_vec());
        let file = self.files.len() - 1;
        for name in names {
            let name = name.as_ref();
            let dir = self.below(name.parent().unwrap_or(Path::new("/")));
            if let Some(last) = name.file_name() {
                dir.dirs.remove(last);
                dir.files.insert(last.to_owned(), file);
            }
        }
        self
    }

    /// Reads the tree below a directory of any filesystem, such as a mounted disk image. Two names with the same
    /// [`FileId`] are one file. A symbolic link, a pipe, a socket, or a device counts as an empty file.
    ///
    /// # Errors
    ///
    /// The errors of [`Fs::read_dir`], [`Fs::symlink_metadata`], and [`FsExt::read_to_vec`].
    pub fn read(fs: &dyn Fs, root: &Path) -> Result<Self> {
        let (mut found, mut ids) = (Self::new(), BTreeMap::new());
        // The path of each open directory, its name in the one before, its entries so far, and the others.
        let rest = fs.read_dir(root)?.into_iter();
        let mut open = vec![(root.to_path_buf(), OsString::new(), FoundDir::default(), rest)];
        while let Some((path, _, dir, rest)) = open.last_mut() {
            if let Some(entry) = rest.next() {
                let path = path.join(&entry.name);
                if entry.file_type.is_dir() {
                    let below = fs.read_dir(&path)?.into_iter();
                    open.push((path, entry.name, FoundDir::default(), below));
                } else {
                    let file = found.read_file(fs, &path, &mut ids)?;
                    dir.files.insert(entry.name, file);
                }
            } else if let Some((_, name, dir, _)) = open.pop() {
                match open.last_mut() {
                    Some((_, _, above, _)) => {
                        above.dirs.insert(name, found.dirs.len());
                        found.dirs.push(dir);
                    }
                    None => found.root = dir,
                }
            }
        }
        Ok(found)
    }

    /// Returns a directory in a directory of this tree.
    pub(crate) fn dir_in(&self, dir: &FoundDir, name: &OsStr) -> Option<&FoundDir> {
        self.dir_at(*dir.dirs.get(name)?)
    }

    fn dir_at(&self, index: usize) -> Option<&FoundDir> {
        let dir = self.dirs.get(index);
        debug_assert!(dir.is_some(), "directory {index} has a name and was not found");
        dir
    }

    /// Returns the content of a file.
    pub(crate) fn content(&self, file: usize) -> &[u8] {
        let content = self.files.get(file);
        debug_assert!(content.is_some(), "file {file} has a name and no content");
        content.map_or(&[], Vec::as_slice)
    }

    /// Returns the tree with its files and directories numbered in the order of a walk, and the contents of the files
    /// that have a name.
    pub(crate) fn numbered_by_walk(&self) -> (Vec<FoundDir>, Vec<&[u8]>) {
        let (mut numbers, mut contents) = (BTreeMap::new(), Vec::new());
        let mut number = |file: usize| {
            *numbers.entry(file).or_insert_with(|| {
                contents.push(self.content(file));
                contents.len() - 1
            })
        };
        let (mut numbered, mut found) = (Vec::new(), vec![&self.root]);
        while let Some(dir) = found.get(numbered.len()).copied() {
            let files = dir.files.iter().map(|(name, file)| (name.clone(), number(*file))).collect();
            let mut dirs = BTreeMap::new();
            for (name, below) in dir.dirs.iter().filter_map(|(name, at)| Some((name, self.dir_at(*at)?))) {
                dirs.insert(name.clone(), found.len());
                found.push(below);
            }
            numbered.push(FoundDir { dirs, files });
        }
        (numbered, contents)
    }

    /// Returns the directory at a path, and creates it if necessary.
    fn below(&mut self, path: &Path) -> &mut FoundDir {
        let Self { root, dirs, .. } = self;
        let mut at = None;
        for component in path.components() {
            if let Component::Normal(name) = component {
                let new = dirs.len();
                let dir = at.and_then(|at| dirs.get_mut(at)).unwrap_or(root);
                dir.files.remove(name);
                let below = *dir.dirs.entry(name.to_owned()).or_insert(new);
                if below == new {
                    dirs.push(FoundDir::default());
                }
                at = Some(below);
            }
        }
        at.and_then(|at| dirs.get_mut(at)).unwrap_or(root)
    }

    fn read_file(&mut self, fs: &dyn Fs, path: &Path, ids: &mut BTreeMap<FileId, usize>) -> Result<usize> {
        let metadata = fs.symlink_metadata(path)?;
        if let Some(known) = metadata.file_id.and_then(|id| ids.get(&id)) {
            return Ok(*known);
        }
        let bytes = if metadata.is_file() { fs.read_to_vec(path, metadata.len)? } else { Vec::new() };
        self.files.push(bytes);
        let file = self.files.len() - 1;
        if let Some(id) = metadata.file_id {
            ids.insert(id, file);
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_ignores_the_order_of_building() {
        let one = FoundTree::new().file(["/d/a", "/b"], b"x").file(["/c"], b"y");
        let other = FoundTree::new().file(["/c"], b"y").dir("/d").file(["/b", "/d/a"], b"x");
        assert_eq!(one, other);
        let replaced = FoundTree::new().file(["/c"], b"old").file(["/d/a", "/b"], b"x").file(["/c"], b"y");
        assert_eq!(one, replaced, "a content without a name");
        let fs = crate::MemFs::new();
        fs.create_dir(Path::new("/d")).unwrap();
        for (path, bytes) in [("/c", b"y"), ("/b", b"x")] {
            fs.write_new(Path::new(path), bytes, lsm_fs::SyncMode::Normal).unwrap();
        }
        fs.hard_link(Path::new("/b"), Path::new("/d/a")).unwrap();
        assert_eq!(FoundTree::read(&fs, Path::new("/")).unwrap(), one);
        assert_ne!(one, FoundTree::new().file(["/d/a"], b"x").file(["/b"], b"x").file(["/c"], b"y"));
        assert_ne!(one, FoundTree::new().file(["/d/a", "/b"], b"y").file(["/c"], b"x"));
        assert_ne!(one, FoundTree::new().file(["/d/a", "/b"], b"x").dir("/c"));
    }
}
