//! CURRENT, where a tree has one of `lsm-manifest`: whether it names the version that the checkpoint is of.

use std::path::{Path, PathBuf};

use lsm_fs::{Fs, FsExt};
use lsm_manifest::{
    CURRENT_VERSION_FILE, Current, ManifestArchiveReader, ReadOptions, format::CURRENT_LEN, version_file_name,
};

use crate::{Catalog, CatalogFile, CatalogTree, FileKind, PointerProblem, layout};

/// A tree of a catalog, with the files of it that have the names of a pointer and of its archive.
pub(crate) struct TreePointer<'a> {
    pub(crate) tree: &'a CatalogTree,
    pub(crate) current: Option<&'a CatalogFile>,
    pub(crate) archive: Option<&'a CatalogFile>,
    /// `edits-{N}`, which engines write that open the highest `v{N}` and have no CURRENT.
    pub(crate) edits: Option<&'a CatalogFile>,
}

/// The trees of a catalog, in its order.
pub(crate) fn of_trees(catalog: &Catalog) -> Vec<TreePointer<'_>> {
    let trees = catalog.files_by_tree(|file| file.kind == FileKind::Metadata);
    trees.into_iter().map(|(tree, metadata)| TreePointer::new(tree, &metadata)).collect()
}

impl<'a> TreePointer<'a> {
    fn new(tree: &'a CatalogTree, metadata: &[&'a CatalogFile]) -> Self {
        let named = |name: String| metadata.iter().rfind(|file| file.name == name).copied();
        Self {
            tree,
            current: named(CURRENT_VERSION_FILE.to_owned()),
            archive: named(version_file_name(tree.version_id)),
            edits: named(format!("edits-{}", tree.version_id)),
        }
    }

    /// The folder of the tree in the checkpoint.
    pub(crate) fn folder(&self) -> PathBuf {
        layout::path_of(&self.tree.folder)
    }

    /// Finds what keeps an engine from opening the version, as far as the pointer tells. Of metadata in another format
    /// nothing is said.
    pub(crate) fn problem(&self, fs: &dyn Fs, dir: &Path) -> lsm_fs::Result<Option<PointerProblem>> {
        let dir = dir.join(self.folder());
        let Some(current) = self.current else { return Ok(self.without_current(fs, &dir)) };
        if current.len != CURRENT_LEN as u64 {
            return Ok(None);
        }
        let bytes = fs.read_to_vec(&dir.join(CURRENT_VERSION_FILE), current.len)?;
        if bytes.iter().all(|&byte| byte == 0) {
            // Damage, or another format: the checksum tells.
            return Ok(None);
        }
        Ok(match Current::decode(&bytes) {
            Ok(Current { version_id: found, .. }) if found != self.tree.version_id => {
                Some(PointerProblem::Version { found })
            }
            Ok(_) if self.archive.is_none() => Some(PointerProblem::NoArchive),
            _ => None,
        })
    }

    /// An engine of another format may have a file of the archive's name, and needs no CURRENT. Neither does one that
    /// opens the highest `v{N}`.
    fn without_current(&self, fs: &dyn Fs, dir: &Path) -> Option<PointerProblem> {
        if self.edits.is_some() {
            return None;
        }
        let archive = dir.join(&self.archive?.name);
        let is_archive = ManifestArchiveReader::open(fs, &archive, &ReadOptions::new()).is_ok();
        is_archive.then_some(PointerProblem::NoCurrent)
    }
}
