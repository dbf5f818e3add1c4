//! Links to an earlier checkpoint on the target's filesystem.

use std::{
    collections::HashMap,
    ffi::OsStr,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use lsm_fs::{DirPair, Fs, NamePair, batch::hard_link_batch};

use super::{Group, Transfer};
use crate::{Catalog, CatalogFile, FileKind, Method, Policy, Result, SourceFile, source::Content, view};

/// An earlier checkpoint, to link from what it already holds.
#[derive(Debug)]
pub(crate) struct Base {
    dir: PathBuf,
    files: HashMap<PathBuf, BaseFile>,
}

#[derive(Clone, Copy, Debug)]
struct BaseFile {
    len: u64,
    checksum: Option<u128>,
    method: Method,
}

impl Base {
    /// Reads the catalog of a checkpoint.
    pub(crate) fn open(fs: &dyn Fs, dir: &Path) -> Result<Self> {
        let catalog = Catalog::read(fs, dir)?;
        // Metadata is written anew each time.
        let data = catalog.files.iter().filter(|file| file.kind != FileKind::Metadata);
        let entry = |file: &CatalogFile| {
            let known = BaseFile { len: file.len, checksum: file.checksum, method: file.method };
            (catalog.path_of(file), known)
        };
        Ok(Self { dir: dir.to_path_buf(), files: data.map(entry).collect() })
    }
}

impl Transfer<'_> {
    /// Links the files that the base holds, and returns the positions of the others.
    pub(super) fn link_base(&mut self, group: &Group<'_>, items: Vec<usize>) -> Result<Vec<usize>> {
        let Some(base) = self.means.base else { return Ok(items) };
        let (held, mut left): (Vec<usize>, Vec<usize>) =
            items.into_iter().partition(|&at| self.is_held(base, at, group.fs));
        let Some(folder) = self.plan.dirs.get(group.dir).filter(|_| !held.is_empty()) else {
            left.extend(held);
            left.sort_unstable();
            return Ok(left);
        };
        let (from_dir, to_dir) = (base.dir.join(folder), self.means.dir.join(folder));
        let plan = self.plan;
        let pairs: Vec<NamePair<'_>> = held
            .iter()
            .filter_map(|&at| plan.items.get(at))
            .map(|item| NamePair::same(OsStr::new(&item.name)))
            .collect();
        let dirs = DirPair { from: &from_dir, to: &to_dir };
        hard_link_batch(self.means.fs, dirs, &pairs, &mut |index, result| {
            let Some(&at) = held.get(index) else { return ControlFlow::Continue(()) };
            match result {
                Ok(()) => self.shared(at, group.fs, Method::BaseLink),
                // What the base has lost by now comes from the source.
                Err(e) if e.allows_fallback() || e.kind() == std::io::ErrorKind::NotFound => {
                    left.push(at);
                    ControlFlow::Continue(())
                }
                Err(e) => self.stop_with(e.into()),
            }
        });
        if let Some(error) = self.stop.take() {
            return Err(error);
        }
        left.sort_unstable();
        Ok(left)
    }

    /// Whether the base holds the very file: same name, length and checksum, or the same inode. A name is not enough.
    fn is_held(&self, base: &Base, at: usize, fs: &dyn Fs) -> bool {
        let Some((item, file)) = self.item(at) else { return false };
        let path = self.plan.path_of(item);
        let Some(held) = base.files.get(&path) else { return false };
        // What was linked into the base may still be a file of the source, under whatever name.
        if self.means.policy == Policy::Independent
            && !matches!(held.method, Method::Copy | Method::Reflink | Method::BaseLink)
        {
            return false;
        }
        let on_disk = base.dir.join(path);
        let there = self.means.fs.symlink_metadata(&on_disk);
        let Some(there) = there.ok().filter(lsm_fs::FsMetadata::is_file) else { return false };
        let is_same_inode = is_same_inode(self.means.fs, fs, file, &there);
        // And how a file came to the base does not say whether the source was restored from it since.
        if self.means.policy == Policy::Independent && is_same_inode != Some(false) {
            return false;
        }
        match (file.checksum, held.checksum) {
            (Some(wanted), Some(held_sum)) => {
                let len = self.len_of(at, fs).ok();
                wanted == held_sum && len == Some(held.len) && there.len == held.len
            }
            _ => is_same_inode == Some(true),
        }
    }
}

/// Whether a file of the source and one of the target's filesystem are one inode, if that can be known.
fn is_same_inode(
    target: &dyn Fs,
    fs: &dyn Fs,
    file: &SourceFile,
    there: &lsm_fs::FsMetadata,
) -> Option<bool> {
    let Content::Immutable { path, .. } = &file.content else { return None };
    let is_one_id = fs.symlink_metadata(path).ok()?.file_id? == there.file_id?;
    let is_one_namespace = view::shares_namespace(target, fs);
    // Two backends may stand on one host, or count their inodes from the same number.
    if is_one_id && !is_one_namespace { None } else { Some(is_one_id) }
}
