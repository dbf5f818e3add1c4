//! [`Tree`]: the names in a backup.

use std::{
    collections::BTreeMap,
    io,
    path::{Component, Path},
};

use lsm_checkpoint::CATALOG_FILE;
use lsm_fs::{FsDirEntry, FsFileType, FsMetadata, Permissions};

use crate::format::{BackupCatalog, PIECE};

/// A file or a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// The directory above the checkpoint's directory.
    Root,
    Folder(Option<Permissions>),
    /// `CHECKPOINT`, whose bytes are in the catalog.
    Checkpoint(u64),
    /// A file, by its position in the catalog.
    File {
        at: usize,
        len: u64,
        permissions: Option<Permissions>,
    },
}

/// The names of a backup, by their path in the checkpoint.
#[derive(Debug)]
pub(super) struct Tree {
    name: String,
    nodes: BTreeMap<String, Node>,
}

impl Tree {
    pub(super) fn new(catalog: &BackupCatalog) -> Self {
        let mut nodes = BTreeMap::from([(String::new(), Node::Folder(None))]);
        for folder in &catalog.folders {
            add_parents(&mut nodes, &folder.path);
            nodes.insert(folder.path.clone(), Node::Folder(folder.permissions));
        }
        for (at, file) in catalog.files.iter().enumerate() {
            add_parents(&mut nodes, &file.path);
            let node = Node::File { at, len: file.len, permissions: file.permissions };
            nodes.insert(file.path.clone(), node);
        }
        nodes.insert(CATALOG_FILE.to_owned(), Node::Checkpoint(catalog.checkpoint.len() as u64));
        Self { name: catalog.backup.to_string(), nodes }
    }

    /// Looks up a path as POSIX does, except that `..` is refused.
    pub(super) fn find(&self, path: &Path) -> io::Result<Node> {
        let Some(inside) = self.inside(path)? else { return Ok(Node::Root) };
        match self.nodes.get(&inside) {
            Some(node) => Ok(*node),
            None => Err(self.missing(&inside).into()),
        }
    }

    /// Lists a directory.
    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<FsDirEntry>> {
        let inside = match (self.find(path)?, self.inside(path)?) {
            (Node::Root, _) => return Ok(vec![FsDirEntry::new(&self.name, FsFileType::Directory)]),
            (Node::Folder(_), Some(inside)) => inside,
            _ => return Err(io::ErrorKind::NotADirectory.into()),
        };
        let start = if inside.is_empty() { String::new() } else { format!("{inside}/") };
        let below = self.nodes.range(start.clone()..).take_while(|(path, _)| path.starts_with(&start));
        let mut entries: Vec<_> = below
            .filter_map(|(path, node)| {
                let name = path.get(start.len()..).filter(|name| !name.is_empty() && !name.contains('/'))?;
                Some(FsDirEntry::new(name, node.file_type()))
            })
            .collect();
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    /// Returns the path in the checkpoint, or `None` for the directory above it.
    fn inside(&self, path: &Path) -> io::Result<Option<String>> {
        if path.as_os_str().is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        if path.as_os_str().as_encoded_bytes().contains(&0) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut names = Vec::new();
        for component in path.components() {
            match component {
                Component::ParentDir => return Err(io::ErrorKind::InvalidInput.into()),
                Component::Normal(name) => names.push(name.to_str().ok_or(io::ErrorKind::NotFound)?),
                _ => {}
            }
        }
        let Some((first, rest)) = names.split_first() else { return Ok(None) };
        if *first != self.name {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Some(rest.join("/")))
    }

    /// Returns `NotADirectory` if a parent is a file.
    fn missing(&self, inside: &str) -> io::ErrorKind {
        let parents = inside.match_indices('/').filter_map(|(at, _)| self.nodes.get(inside.get(..at)?));
        match parents.into_iter().any(|node| !node.file_type().is_dir()) {
            true => io::ErrorKind::NotADirectory,
            false => io::ErrorKind::NotFound,
        }
    }
}

fn add_parents(nodes: &mut BTreeMap<String, Node>, path: &str) {
    for (at, _) in path.match_indices('/') {
        nodes.entry(path.get(..at).unwrap_or_default().to_owned()).or_insert(Node::Folder(None));
    }
}

impl Node {
    pub(super) const fn file_type(&self) -> FsFileType {
        match self {
            Self::Root | Self::Folder(_) => FsFileType::Directory,
            Self::Checkpoint(_) | Self::File { .. } => FsFileType::File,
        }
    }

    pub(super) fn metadata(&self) -> FsMetadata {
        let (len, permissions) = match self {
            Self::Root => (0, None),
            Self::Folder(permissions) => (0, *permissions),
            Self::Checkpoint(len) => (*len, None),
            Self::File { len, permissions, .. } => (*len, *permissions),
        };
        let mut metadata = FsMetadata::new(self.file_type(), len);
        metadata.permissions = permissions;
        metadata
    }
}

/// Returns the pieces that a range of bytes touches.
pub(super) fn touched(offset: u64, len: u64) -> std::ops::Range<u64> {
    if len == 0 { 0..0 } else { offset / PIECE..(offset + len).div_ceil(PIECE) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        format::{StoredFile, StoredFolder},
        id::{BackupId, RepositoryId},
    };

    fn tree() -> Tree {
        let file = |path: &str| StoredFile {
            path: path.into(),
            len: 0,
            object: None,
            checksum: None,
            pieces: Vec::new(),
            permissions: None,
        };
        let folder = StoredFolder { path: "blobs".into(), permissions: None };
        Tree::new(&BackupCatalog {
            repository: RepositoryId([0; 16]),
            backup: BackupId([0xaa; 16]),
            checkpoint: vec![0; 9],
            refs: Vec::new(),
            files: ["tables/1", "tables/10", "CURRENT"].map(file).into(),
            folders: vec![folder],
        })
    }

    #[test]
    fn paths_are_looked_up_as_on_a_disk() {
        let tree = tree();
        let dir = format!("/{}", "aa".repeat(16));
        let kind = |path: &str| tree.find(Path::new(path)).map_err(|error| error.kind());
        assert_eq!(kind("/"), Ok(Node::Root));
        assert_eq!(kind(&dir), Ok(Node::Folder(None)));
        assert_eq!(kind(&format!("{dir}/./tables//")), Ok(Node::Folder(None)));
        assert_eq!(kind(&format!("{dir}/CHECKPOINT")), Ok(Node::Checkpoint(9)));
        assert_eq!(kind(&format!("{dir}/tables/10")), Ok(Node::File { at: 1, len: 0, permissions: None }));
        assert_eq!(kind(&format!("{dir}/tables/1/x")), Err(io::ErrorKind::NotADirectory));
        assert_eq!(kind(&format!("{dir}/../x")), Err(io::ErrorKind::InvalidInput));
        for missing in ["", "/x", &format!("{dir}/tables/2")] {
            assert_eq!(kind(missing), Err(io::ErrorKind::NotFound), "{missing}");
        }
    }

    #[test]
    fn a_directory_lists_its_own_names() {
        let tree = tree();
        let dir = format!("/{}", "aa".repeat(16));
        let names = |path: &str| {
            let entries = tree.list(Path::new(path)).unwrap();
            entries.into_iter().map(|entry| entry.name.into_string().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(names("/"), ["aa".repeat(16)]);
        assert_eq!(names(&dir), ["CHECKPOINT", "CURRENT", "blobs", "tables"]);
        assert_eq!(names(&format!("{dir}/tables")), ["1", "10"]);
        assert_eq!(names(&format!("{dir}/blobs")), [""; 0]);
        assert!(tree.list(Path::new(&format!("{dir}/CURRENT"))).is_err());
    }

    #[test]
    fn a_range_touches_its_pieces() {
        assert_eq!(touched(0, 0), 0..0);
        assert_eq!(touched(PIECE - 1, 1), 0..1);
        assert_eq!(touched(PIECE - 1, 2), 0..2);
        assert_eq!(touched(3 * PIECE, PIECE), 3..4);
    }
}
