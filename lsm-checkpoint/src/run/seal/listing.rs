//! [`Listing`]: the files and folders of a staged directory, by tree, as they go into the catalog.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::{Path, PathBuf},
};

use lsm_fs::{Fs, FsOpenOptions, Permissions};
use xxhash_rust::xxh3::Xxh3Default;

use super::{CatalogHeader, Unsealed, relative};
use crate::{
    Attributes, CATALOG_FORMAT, Catalog, CatalogFile, CatalogFolder, CatalogTree, Error, FileKind, Method,
    Result, SnapshotProblem, layout, plan::PlannedTree, transfer::FinishedFile,
};

/// A tree of the catalog, and its number there.
struct ListedTree {
    number: u32,
    tree: CatalogTree,
}

/// The trees of a checkpoint. A file or folder that the engine writes belongs to the innermost tree around it.
pub(super) struct Listing<'a> {
    unsealed: &'a Unsealed<'a>,
    /// The directories of the plan, which are already listed.
    planned: HashSet<&'a Path>,
    /// By directory, relative to the checkpoint.
    trees: HashMap<PathBuf, ListedTree>,
    files: Vec<CatalogFile>,
}

impl<'a> Listing<'a> {
    /// Creates a listing of the trees of a plan, with its folders.
    pub(super) fn new(unsealed: &'a Unsealed<'a>) -> Self {
        let planned = unsealed.plan.dirs.iter().map(PathBuf::as_path).collect();
        let trees =
            unsealed.plan.trees.iter().map(|tree| (layout::path_of(&tree.folder), ListedTree::new(tree)));
        let files = Vec::with_capacity(unsealed.finished.len());
        Self { unsealed, planned, trees: trees.collect(), files }
    }

    pub(super) fn add_finished(&mut self, file: &FinishedFile<'_>) {
        let FinishedFile { planned, folder, method, len, checksum, linkable, permissions } = *file;
        // Skip a written file: the engine may since have written over it or removed its name. `add_written` lists it.
        if method == Method::Written {
            return;
        }
        let file = CatalogFile::new(folder.tree, folder.kind.clone(), planned.name.clone(), len, method);
        let attributes = Attributes::of(permissions);
        self.files.push(CatalogFile { checksum, linkable, attributes, ..file });
    }

    /// Adds a file that was written through the target. Its checksum is computed from the bytes that a reader sees.
    pub(super) fn add_written(&mut self, path: &Path) -> Result<()> {
        let (tree, folder) = self.place_of(path.parent().unwrap_or(path))?;
        let number = tree.number;
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| self.no_place(path))?;
        let kind = if folder.is_empty() { FileKind::Metadata } else { FileKind::other(folder) };
        let (len, checksum) = self.read_through(path)?;
        let file = CatalogFile::new(number, kind, name.to_owned(), len, Method::Written);
        let attributes = Attributes::of(self.unsealed.staged.permissions_of(path));
        self.files.push(CatalogFile { checksum: Some(checksum), attributes, ..file });
        Ok(())
    }

    /// Adds a folder that was made through the target, if the plan does not have it.
    pub(super) fn add_folder(&mut self, path: &Path) -> Result<()> {
        if self.planned.contains(relative(path, self.unsealed.dir)) {
            return Ok(());
        }
        // Each directory is made once, so the tree has no such folder yet.
        let (listed, folder) = self.place_of(path)?;
        listed.tree.folders.push(folder);
        Ok(())
    }

    /// Builds the catalog of everything that was added. The sort is stable, so metadata stays in the order in which it
    /// got its names.
    pub(super) fn into_catalog(self, header: CatalogHeader) -> Catalog {
        let CatalogHeader { label, seqno } = header;
        let mut trees: Vec<ListedTree> = self.trees.into_values().collect();
        trees.sort_unstable_by_key(|listed| listed.number);
        let trees = trees.into_iter().map(|listed| listed.tree).collect();
        let mut files = self.files;
        files.sort_by_key(|file| (file.tree, file.kind == FileKind::Metadata));
        let (format, identity, created) = (CATALOG_FORMAT, label.identity, label.created);
        let mut catalog = Catalog { format, identity, seqno, created, trees, files, attributes: Vec::new() };
        catalog.attributes = folders_of(&catalog, |dir| self.unsealed.folders.of(dir));
        catalog
    }

    /// Returns the tree that a directory lies in, and its path there with `/` between the components.
    fn place_of(&mut self, dir: &Path) -> Result<(&mut ListedTree, String)> {
        let no_place = self.no_place(dir);
        let below = relative(dir, self.unsealed.dir);
        let around = below.ancestors().find(|around| self.trees.contains_key(*around));
        let Some((around, tree)) = around.and_then(|around| Some((around, self.trees.get_mut(around)?)))
        else {
            return Err(no_place);
        };
        let folder = below.strip_prefix(around).unwrap_or(below);
        let names: Option<Vec<&str>> = folder.iter().map(|name| name.to_str()).collect();
        names.map(|names| (tree, names.join("/"))).ok_or(no_place)
    }

    /// Returns the error for an entry that an engine has written to a path that no catalog can hold.
    fn no_place(&self, path: &Path) -> Error {
        let path = relative(path, self.unsealed.dir).to_path_buf();
        Error::InvalidSnapshot { path, problem: SnapshotProblem::Name }
    }

    /// Reads a file and returns its length and its checksum.
    fn read_through(&self, path: &Path) -> Result<(u64, u128)> {
        let file = self.unsealed.staged.open(path, &FsOpenOptions::new().read(true))?;
        let (mut hasher, mut len, mut piece) = (Xxh3Default::new(), 0, vec![0; PIECE]);
        loop {
            let read = file.read_at(&mut piece, len)?;
            let (bytes, _) = piece.split_at(read.min(piece.len()));
            hasher.update(bytes);
            len += read as u64;
            if read < piece.len() {
                return Ok((len, hasher.digest128()));
            }
        }
    }
}

impl ListedTree {
    fn new(planned: &PlannedTree) -> Self {
        let tree = CatalogTree {
            folder: planned.folder.clone(),
            version_id: planned.version_id,
            folders: planned.data_folders().map(str::to_owned).collect(),
        };
        Self { number: planned.number, tree }
    }
}

/// Returns the attributes of the checkpoint's directory, and of each tree and folder with the directories above it.
fn folders_of(catalog: &Catalog, of: impl Fn(&Path) -> Option<Permissions>) -> Vec<CatalogFolder> {
    let mut paths = BTreeSet::from([String::new()]);
    for tree in &catalog.trees {
        let folders = tree.folders.iter().map(String::as_str).chain([""]);
        for folder in folders {
            let mut way = String::new();
            for name in tree.folder.split('/').chain(folder.split('/')).filter(|name| !name.is_empty()) {
                if !way.is_empty() {
                    way.push('/');
                }
                way.push_str(name);
                paths.insert(way.clone());
            }
        }
    }
    let folder = |path: String| {
        let attributes = of(&layout::path_of(&path))?.into();
        Some(CatalogFolder { path, attributes })
    };
    paths.into_iter().filter_map(folder).collect()
}

/// The bytes of a file that are in memory at a time.
const PIECE: usize = 64 << 10;
