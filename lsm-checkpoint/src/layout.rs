//! [`Layout`]: the rules for the names in a checkpoint. Does no I/O.
//!
//! A plan and the decoder of a catalog share these rules, so every catalog that decodes can also be planned.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet, hash_map::Entry},
    path::{Component, Path, PathBuf},
};

use lsm_manifest::{BLOBS_FOLDER, TABLES_FOLDER};

use crate::reserved::{CATALOG_FILE, MARKER_FILE, STAGED_SUFFIX};

/// The maximal depth of a tree below the checkpoint, and of a file below its tree, in folders.
pub(crate) const DEPTH_MAX: usize = 4;

/// The maximal length of a name in bytes. No common filesystem allows longer names: Linux has a limit of 255 bytes
/// (`NAME_MAX` in `include/uapi/linux/limits.h`), and the 255 UTF-16 units of NTFS are at most 765 bytes of UTF-8.
pub(crate) const NAME_MAX: usize = 1024;

/// The maximal length of a metadata file that is written from memory. It is far above the length that an engine writes,
/// and it keeps a forged catalog from requesting an endless copy.
pub(crate) const WRITTEN_MAX: u64 = 4 << 30;

/// The folders in which `coordinode-lsm-tree` and similar engines keep their files: tables, blob files and compression
/// dictionaries.
pub(crate) const DATA_FOLDERS: [&str; 3] = [TABLES_FOLDER, BLOBS_FOLDER, "dicts"];

/// The reason to refuse a name at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameProblem {
    /// The name is not a path component, or the path of a folder is not made of path components.
    Name,
    /// The path of a folder has more than [`DEPTH_MAX`] components.
    Depth,
    /// The name is already in use.
    Taken,
    /// The protocol uses the name at the top level of a target.
    Reserved,
}

/// A refused path, relative to the target.
pub(crate) type Refused = (PathBuf, NameProblem);

/// The id of a directory: its position in the [`Layout`] that returned the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DirId(usize);

const ROOT: DirId = DirId(0);

/// The use of a directory. Each directory has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// A parent of other directories.
    Parent,
    /// The directory of a tree.
    Tree,
    /// A folder with the files of a tree.
    Folder,
}

#[derive(Clone, Copy, Debug)]
enum Node {
    Dir(DirId),
    File,
}

/// A directory of a checkpoint.
#[derive(Debug)]
struct Directory {
    path: PathBuf,
    role: Role,
}

/// The directories and names of a checkpoint under construction.
#[derive(Debug)]
pub(crate) struct Layout<'a> {
    /// The folders of all trees.
    trees: HashSet<PathBuf>,
    /// The directories, each after its parent. The first is the checkpoint itself.
    dirs: Vec<Directory>,
    names: HashMap<(DirId, Cow<'a, str>), Node>,
}

impl<'a> Layout<'a> {
    /// Creates the layout of an empty checkpoint, with the folders of its future trees and the approximate number of
    /// files.
    pub(crate) fn new(trees: impl Iterator<Item = &'a str>, files: usize) -> Self {
        Self {
            trees: trees.map(path_of).collect(),
            dirs: vec![Directory { path: PathBuf::new(), role: Role::Parent }],
            names: HashMap::with_capacity(files),
        }
    }

    /// Adds the directory of a tree: the checkpoint's own directory, or a folder of up to [`DEPTH_MAX`] components.
    pub(crate) fn add_tree(&mut self, folder: &'a str) -> Result<DirId, Refused> {
        let dir = self.walk(ROOT, folder)?;
        self.take(dir, Role::Tree)
    }

    /// Adds a folder of the tree in this directory.
    pub(crate) fn add_folder(&mut self, tree: DirId, folder: &str) -> Result<DirId, Refused> {
        let base = self.path(tree);
        if folder.is_empty() {
            return Err((base, NameProblem::Name));
        }
        let dir = self.walk(tree, folder)?;
        // Everything below the directory of a tree belongs to the tree, except for the trees that lie there.
        let mut way = base;
        for name in folder.split('/') {
            way.push(name);
            if self.trees.contains(&way) {
                return Err((way, NameProblem::Taken));
            }
        }
        self.take(dir, Role::Folder)
    }

    /// Adds a file to a directory.
    pub(crate) fn add_file(&mut self, dir: DirId, name: impl Into<Cow<'a, str>>) -> Result<(), Refused> {
        let name = name.into();
        if let Err(problem) = check_name(dir, &name) {
            return Err((self.path(dir).join(&*name), problem));
        }
        match self.names.entry((dir, name)) {
            Entry::Vacant(free) => {
                free.insert(Node::File);
                Ok(())
            }
            Entry::Occupied(taken) => {
                let (_, name) = taken.key();
                Err((path_in(&self.dirs, dir).join(&**name), NameProblem::Taken))
            }
        }
    }

    /// Returns the directories, relative to the target, each after its parent. The first is the target itself.
    pub(crate) fn dirs(&self) -> impl DoubleEndedIterator<Item = &Path> + ExactSizeIterator {
        self.dirs.iter().map(|dir| dir.path.as_path())
    }

    /// Converts the layout into its [`dirs`](Self::dirs).
    pub(crate) fn into_dirs(self) -> Vec<PathBuf> {
        self.dirs.into_iter().map(|dir| dir.path).collect()
    }

    /// Walks down a path and adds the missing directories.
    fn walk(&mut self, from: DirId, folder: &str) -> Result<DirId, Refused> {
        let mut at = from;
        if folder.is_empty() {
            return Ok(at);
        }
        if folder.split('/').count() > DEPTH_MAX {
            return Err((self.path(from).join(folder), NameProblem::Depth));
        }
        for name in folder.split('/') {
            let path = self.path(at).join(name);
            if let Err(problem) = check_name(at, name) {
                return Err((path, problem));
            }
            at = match self.names.entry((at, name.to_owned().into())) {
                Entry::Occupied(known) => match *known.get() {
                    Node::Dir(dir) => dir,
                    Node::File => return Err((path, NameProblem::Taken)),
                },
                Entry::Vacant(free) => {
                    let dir = DirId(self.dirs.len());
                    free.insert(Node::Dir(dir));
                    self.dirs.push(Directory { path, role: Role::Parent });
                    dir
                }
            };
        }
        Ok(at)
    }

    /// Gives a directory a role other than `Parent`. A directory that already has one is refused.
    fn take(&mut self, dir: DirId, role: Role) -> Result<DirId, Refused> {
        match self.dirs.get_mut(dir.0) {
            Some(free) if free.role == Role::Parent => {
                free.role = role;
                Ok(dir)
            }
            _ => Err((self.path(dir), NameProblem::Taken)),
        }
    }

    fn path(&self, dir: DirId) -> PathBuf {
        path_in(&self.dirs, dir).to_path_buf()
    }
}

/// Returns the path of a directory. It exists for each [`DirId`], because a layout never removes a directory.
fn path_in(dirs: &[Directory], DirId(at): DirId) -> &Path {
    debug_assert!(at < dirs.len(), "another layout has given out {at}");
    dirs.get(at).map_or(Path::new(""), |dir| &dir.path)
}

/// Returns the path of a folder, whose components are separated by `/` on every platform.
pub(crate) fn path_of(folder: &str) -> PathBuf {
    folder.split('/').filter(|name| !name.is_empty()).collect()
}

/// Returns `true` if the path of a folder has one `/` between its components and none elsewhere.
pub(crate) fn is_spelled(folder: &str) -> bool {
    folder.is_empty() || folder.split('/').all(is_component)
}

fn check_name(dir: DirId, name: &str) -> Result<(), NameProblem> {
    if !is_component(name) {
        return Err(NameProblem::Name);
    }
    if dir == ROOT && is_reserved(name) {
        return Err(NameProblem::Reserved);
    }
    Ok(())
}

/// Returns `true` if a name is one path component, without characters that are special on other platforms and without
/// control characters.
pub(crate) fn is_component(name: &str) -> bool {
    let mut components = Path::new(name).components();
    let is_one = matches!(components.next(), Some(Component::Normal(whole)) if whole == name);
    is_one
        && components.next().is_none()
        && name.len() <= NAME_MAX
        && !name.contains(|c: char| matches!(c, '/' | '\\') || c.is_control())
}

/// Returns `true` if the protocol uses a name at the top level of a target, or if a filesystem may confuse it with such
/// a name. Some filesystems ignore case, or spaces and dots at the end.
pub(crate) fn is_reserved(name: &str) -> bool {
    let name = fold(name);
    let name = name.trim_end_matches(['.', ' ']);
    name == fold(CATALOG_FILE) || name == fold(MARKER_FILE) || name.ends_with(&fold(STAGED_SUFFIX))
}

/// Folds the case of a name. Conversion to lower case and back also folds characters such as the Kelvin sign, whose
/// lower case is an ordinary `k`.
pub(crate) fn fold(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).flat_map(char::to_uppercase).collect()
}

/// Returns `true` for a valid identity: text of 1 to 255 bytes on one line, without white space at either end.
pub(crate) fn is_identity(identity: &str) -> bool {
    (1..=255).contains(&identity.len()) && identity.trim() == identity && !identity.contains(char::is_control)
}

#[cfg(test)]
mod tests;
