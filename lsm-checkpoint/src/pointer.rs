//! [`TreePointer`]: checks that the CURRENT of a tree names the captured version, if CURRENT has the format of
//! `lsm-manifest`.

use std::path::{Path, PathBuf};

use lsm_fs::{Fs, FsExt};
use lsm_manifest::{
    CURRENT_VERSION_FILE, Current, ManifestArchiveReader, ReadOptions, edits_file_name, format::CURRENT_LEN,
    version_file_name,
};

use crate::{Catalog, CatalogFile, CatalogTree, FileKind, PointerProblem, layout};

/// A tree of a catalog, with its metadata files that are named like a CURRENT, the archive of the version and a log of
/// edits.
pub(crate) struct TreePointer<'a> {
    pub(crate) tree: &'a CatalogTree,
    pub(crate) current: Option<&'a CatalogFile>,
    pub(crate) archive: Option<&'a CatalogFile>,
    /// `edits-{N}`. Engines that write it open the highest `v{N}` and have no CURRENT.
    pub(crate) edits: Option<&'a CatalogFile>,
}

/// Returns the trees of a catalog, in its order.
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
            edits: named(edits_file_name(tree.version_id)),
        }
    }

    /// Returns the folder of the tree in the checkpoint.
    pub(crate) fn folder(&self) -> PathBuf {
        layout::path_of(&self.tree.folder)
    }

    /// Finds a problem with the pointer that keeps an engine from opening the version. Metadata in another format is
    /// not checked.
    pub(crate) fn problem(&self, fs: &dyn Fs, dir: &Path) -> lsm_fs::Result<Option<PointerProblem>> {
        let dir = dir.join(self.folder());
        let Some(current) = self.current else { return Ok(self.without_current(fs, &dir)) };
        if current.len != CURRENT_LEN as u64 {
            return Ok(None);
        }
        let bytes = fs.read_to_vec(&dir.join(CURRENT_VERSION_FILE), current.len)?;
        if bytes.iter().all(|&byte| byte == 0) {
            // CURRENT is damaged or has another format. The checksum in the catalog detects damage.
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

    /// Checks a tree without CURRENT. An engine that opens the highest `v{N}` needs no CURRENT. Neither does an engine
    /// with another format that happens to use the name of the archive.
    fn without_current(&self, fs: &dyn Fs, dir: &Path) -> Option<PointerProblem> {
        if self.edits.is_some() {
            return None;
        }
        let archive = dir.join(&self.archive?.name);
        let is_archive = ManifestArchiveReader::open(fs, &archive, &ReadOptions::new()).is_ok();
        is_archive.then_some(PointerProblem::NoCurrent)
    }
}
