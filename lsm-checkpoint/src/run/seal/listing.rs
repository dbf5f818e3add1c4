//! [`Listing`]: the files and folders of a staged directory, by tree, as they go into the catalog.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

use lsm_fs::{Fs, FsOpenOptions};
use xxhash_rust::xxh3::Xxh3Default;

use super::{Head, Job, relative};
use crate::{
    CATALOG_FORMAT, Catalog, CatalogFile, CatalogTree, Error, FileKind, Method, Result, SnapshotProblem,
    layout, plan::Item, transfer::Done,
};

/// What is known of one tree.
#[derive(Default)]
struct Listed {
    folders: Vec<String>,
    files: Vec<CatalogFile>,
}

/// The trees of a checkpoint. What is written belongs to the deepest tree around it.
pub(super) struct Listing<'a> {
    job: &'a Job<'a>,
    /// The directories of the plan, whose use is known.
    planned: HashSet<&'a Path>,
    by_dir: HashMap<PathBuf, usize>,
    trees: Vec<Listed>,
}

impl<'a> Listing<'a> {
    /// The trees of a plan, with its folders.
    pub(super) fn new(job: &'a Job<'a>) -> Self {
        let folders = job.capture.trees.iter().map(|(folder, _)| layout::path_of(folder));
        let by_dir = folders.enumerate().map(|(at, dir)| (dir, at)).collect();
        let listed = |folders: &Vec<String>| Listed { folders: folders.clone(), files: Vec::new() };
        let planned = job.plan.dirs.iter().map(PathBuf::as_path).collect();
        Self { job, planned, by_dir, trees: job.plan.folders.iter().map(listed).collect() }
    }

    pub(super) fn add_planned(&mut self, item: &Item, done: &Done) {
        let Done { method, len, checksum, linkable } = *done;
        // What was written by now may have been written over, or have lost its name again: it is listed as written.
        if method == Method::Written {
            return;
        }
        let (tree, kind, name) = (number_of(item.tree), item.kind.clone(), item.name.clone());
        if let Some(listed) = self.trees.get_mut(item.tree) {
            let file = CatalogFile::new(tree, kind, name, len, method);
            listed.files.push(CatalogFile { checksum, linkable, ..file });
        }
    }

    /// Adds a file that was written through the target. Its checksum is taken from what a reader sees.
    pub(super) fn add_written(&mut self, path: &Path) -> Result<()> {
        let (tree, folder) = self.place_of(path.parent().unwrap_or(path))?;
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| self.no_place(path))?;
        let kind = if folder.is_empty() { FileKind::Metadata } else { FileKind::other(folder) };
        let (len, checksum) = self.read_through(path)?;
        if let Some(listed) = self.trees.get_mut(tree) {
            let file = CatalogFile::new(number_of(tree), kind, name.to_owned(), len, Method::Written);
            listed.files.push(CatalogFile { checksum: Some(checksum), ..file });
        }
        Ok(())
    }

    /// Adds a folder that was made through the target, if the plan does not have it.
    pub(super) fn add_folder(&mut self, path: &Path) -> Result<()> {
        if self.planned.contains(relative(path, self.job.dir).as_path()) {
            return Ok(());
        }
        let (tree, folder) = self.place_of(path)?;
        // Each directory is made once, so the tree has no such folder yet.
        if let Some(listed) = self.trees.get_mut(tree) {
            listed.folders.push(folder);
        }
        Ok(())
    }

    /// The catalog of all that was added. Its sort is stable: metadata stays in the order in which it got its names.
    pub(super) fn into_catalog(self, head: Head) -> Catalog {
        let Head { label, seqno } = head;
        let (mut trees, mut files) = (Vec::with_capacity(self.trees.len()), Vec::new());
        for (mut listed, (folder, snapshot)) in self.trees.into_iter().zip(&self.job.capture.trees) {
            let (folder, version_id) = (folder.clone(), snapshot.version_id());
            trees.push(CatalogTree { folder, version_id, folders: listed.folders });
            listed.files.sort_by_key(|file| file.kind == FileKind::Metadata);
            files.append(&mut listed.files);
        }
        let (format, identity, created) = (CATALOG_FORMAT, label.identity, label.created);
        Catalog { format, identity, seqno, created, trees, files, attributes: Vec::new() }
    }

    /// The tree that a directory lies in, and its path there with `/` between the components.
    fn place_of(&self, dir: &Path) -> Result<(usize, String)> {
        let below = relative(dir, self.job.dir);
        for around in below.ancestors() {
            let Some(&tree) = self.by_dir.get(around) else { continue };
            let folder = below.strip_prefix(around).unwrap_or(&below);
            let names: Option<Vec<&str>> = folder.iter().map(|name| name.to_str()).collect();
            return Ok((tree, names.ok_or_else(|| self.no_place(dir))?.join("/")));
        }
        Err(self.no_place(dir))
    }

    /// The error for something that an engine has written where a catalog cannot name it.
    fn no_place(&self, path: &Path) -> Error {
        Error::InvalidSnapshot { path: relative(path, self.job.dir), problem: SnapshotProblem::Name }
    }

    /// The length and the checksum of a file.
    fn read_through(&self, path: &Path) -> Result<(u64, u128)> {
        let file = self.job.staged.open(path, &FsOpenOptions::new().read(true))?;
        let (mut hasher, mut len, mut piece) = (Xxh3Default::new(), 0, vec![0; PIECE]);
        loop {
            let read = file.read_at(&mut piece, len)?;
            hasher.update(piece.get(..read).unwrap_or_default());
            len += read as u64;
            if read < piece.len() {
                return Ok((len, hasher.digest128()));
            }
        }
    }
}

/// How much of a file is in memory at a time.
const PIECE: usize = 64 << 10;

fn number_of(tree: usize) -> u32 {
    u32::try_from(tree).unwrap_or(u32::MAX)
}
