//! A record of a part of a filesystem, and the comparison of two records.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use lsm_fs::{FileId, FsExt, FsFileType};

use super::place::Place;

/// Every entry below some folders.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen(BTreeMap<PathBuf, Node>);

#[derive(Debug, PartialEq, Eq)]
struct Node {
    file_type: FsFileType,
    id: Option<FileId>,
    /// The number of links, for files only.
    links: Option<u64>,
    bytes: Vec<u8>,
    link_text: Option<PathBuf>,
}

impl Seen {
    /// Adds a folder and everything below it, without following symbolic links.
    pub(crate) fn add(&mut self, fs: &impl Place, root: &Path, path: &Path) {
        // A trailing separator would follow a link.
        let at = if path.as_os_str().is_empty() { root.to_path_buf() } else { root.join(path) };
        let Ok(there) = fs.symlink_metadata(&at) else { return };
        let is_file = there.file_type == FsFileType::File;
        let node = Node {
            file_type: there.file_type,
            id: there.file_id,
            links: there.link_count.filter(|_| is_file),
            bytes: if is_file { fs.read_to_vec(&at, 1 << 20).unwrap() } else { Vec::new() },
            link_text: fs.link_text(&at),
        };
        self.0.insert(path.to_path_buf(), node);
        if there.is_dir() {
            for entry in fs.read_dir(&at).unwrap() {
                self.add(fs, root, &path.join(entry.name));
            }
        }
    }

    /// Returns the inodes of the regular files.
    pub(crate) fn ids(&self) -> BTreeSet<FileId> {
        self.files().filter_map(|(_, node)| node.id).collect()
    }

    fn files(&self) -> impl Iterator<Item = (&PathBuf, &Node)> {
        self.0.iter().filter(|(_, node)| node.file_type == FsFileType::File)
    }

    /// Compares names, types, bytes and the text of links. Also compares link counts, except for the inodes in `lent`.
    pub(crate) fn compare(&self, after: &Self, lent: Option<&BTreeSet<FileId>>) -> Result<(), String> {
        if let Some(new) = after.0.keys().find(|path| !self.0.contains_key(*path)) {
            return Err(format!("{} is new", new.display()));
        }
        for (path, before) in &self.0 {
            let Some(now) = after.0.get(path) else { return Err(format!("{} is gone", path.display())) };
            let may_grow = lent.is_none_or(|lent| before.id.is_some_and(|id| lent.contains(&id)));
            let is_same = (before.file_type, before.id, &before.bytes, &before.link_text)
                == (now.file_type, now.id, &now.bytes, &now.link_text);
            if !is_same {
                return Err(format!("{} has changed", path.display()));
            }
            if !may_grow && before.links != now.links {
                return Err(format!("{} has {:?} names, not {:?}", path.display(), now.links, before.links));
            }
        }
        Ok(())
    }

    /// Returns an error if the record contains one of these inodes, or the bytes of one of these files.
    pub(crate) fn holds_none(&self, ids: &BTreeSet<FileId>, bytes: &BTreeSet<Vec<u8>>) -> Result<(), String> {
        for (path, node) in self.files() {
            if node.id.is_some_and(|id| ids.contains(&id)) {
                return Err(format!("{} is an inode from outside", path.display()));
            }
            if bytes.contains(&node.bytes) {
                return Err(format!("{} has bytes from outside", path.display()));
            }
        }
        Ok(())
    }
}
