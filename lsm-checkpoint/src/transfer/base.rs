//! Links to an earlier checkpoint on the target's filesystem.

use std::{
    collections::{HashMap, HashSet},
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{DirPair, Fs, NamePair, batch::hard_link_batch};

use super::{
    Transfer,
    pending::{self, Batch, PendingFile, Reported},
};
use crate::{
    Catalog, CatalogFile, FileKind, Method, Policy, Progress, Result, VerifyOptions, plan::PlannedFolder,
    verify::check_bytes, view,
};

/// An earlier checkpoint, whose files can be linked.
#[derive(Debug)]
pub(crate) struct Base {
    dir: PathBuf,
    catalog: Catalog,
    /// The positions in the catalog of the files that can be linked, by path.
    files: HashMap<PathBuf, usize>,
    /// `true` if files are read before they are linked.
    verifies: bool,
}

impl Base {
    /// Reads the catalog of a checkpoint.
    pub(crate) fn open(fs: &dyn Fs, dir: &Path, verifies: bool) -> Result<Self> {
        let catalog = Catalog::read(fs, dir)?;
        // Metadata is written anew for each checkpoint.
        let data = catalog.files.iter().enumerate().filter(|(_, file)| file.kind != FileKind::Metadata);
        let files = data.map(|(at, file)| (catalog.path_of(file), at)).collect();
        Ok(Self { dir: dir.to_path_buf(), catalog, files, verifies })
    }

    fn file(&self, path: &Path) -> Option<&CatalogFile> {
        self.catalog.files.get(*self.files.get(path)?)
    }

    /// Returns the checksums of a file in the version and in the base, if both are known. They decide if the file is
    /// the same. If one is unknown, the inodes decide.
    fn checksums(&self, file: &PendingFile<'_>) -> Option<(u128, u128)> {
        file.planned.checksum.zip(self.file(&file.target())?.checksum)
    }

    /// Returns `true` if a file is read before it is linked. A file that is linked by its inode is not read, because it
    /// is the source's own file.
    fn reads(&self, file: &PendingFile<'_>) -> bool {
        self.verifies && self.checksums(file).is_some()
    }
}

impl<'a> Transfer<'_, 'a> {
    /// Links the files that the base holds, and returns the others.
    pub(super) fn link_base(
        &mut self,
        folder: &PlannedFolder,
        files: Vec<PendingFile<'a>>,
    ) -> Result<Vec<PendingFile<'a>>> {
        let Some(base) = self.params.base else { return Ok(files) };
        let (held, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| self.is_held(base, file));
        let (held, others) = self.verify_held(base, held, others)?;
        if held.is_empty() {
            return Ok(others);
        }
        let (from_dir, to_dir) = (base.dir.join(&folder.dir), self.params.dir.join(&folder.dir));
        let mut made = Vec::new();
        let (mut batch, names) = Batch::new(held, &mut made, |file| Ok(NamePair::same(&file.planned.name)))?;
        let dirs = DirPair { from: &from_dir, to: &to_dir };
        hard_link_batch(self.params.fs, dirs, names, &mut |index, result| {
            batch.report(index, |file, _| match result {
                Err(e) if !self.is_based(&e, &from_dir, &file) => {
                    // If the base has lost the file meanwhile, take it from the source.
                    let is_refused = e.allows_fallback() || e.kind() == io::ErrorKind::NotFound;
                    if is_refused { Ok(Reported::Refused(file)) } else { Err(e.into()) }
                }
                Ok(()) | Err(_) => {
                    self.base.verified_files += u64::from(base.reads(&file));
                    self.shared(file, Method::BaseLink, None)
                }
            })
        });
        Ok(pending::merge(others, batch.end()?.all_reported()?))
    }

    /// Returns `true` if a link to the base was made although the call reported that the name is taken, as
    /// [`is_linked`](Self::is_linked) does for a link to the source.
    fn is_based(&self, error: &lsm_fs::Error, from_dir: &Path, file: &PendingFile<'_>) -> bool {
        let id = |path: PathBuf| self.params.fs.symlink_metadata(&path).ok()?.file_id;
        let held = id(from_dir.join(&file.planned.name));
        error.kind() == io::ErrorKind::AlreadyExists
            && held.is_some()
            && held == id(self.params.dir.join(file.target()))
    }

    /// Reads the files before they are linked, if the caller requests it. Moves damaged files to the others.
    fn verify_held(
        &mut self,
        base: &Base,
        held: Vec<PendingFile<'a>>,
        others: Vec<PendingFile<'a>>,
    ) -> Result<(Vec<PendingFile<'a>>, Vec<PendingFile<'a>>)> {
        let to_read = held.iter().filter(|file| base.reads(file));
        let to_read: Vec<&CatalogFile> = to_read.filter_map(|file| base.file(&file.target())).collect();
        if to_read.is_empty() {
            return Ok((held, others));
        }
        let control = self.params.control;
        let ask = |_: &Progress| control.check_cancelled();
        let options = VerifyOptions::full().progress(&ask);
        let problems = check_bytes(self.params.fs, &base.dir, &base.catalog, &to_read, &options)?;
        let damaged: HashSet<PathBuf> = problems.into_iter().map(|problem| problem.path).collect();
        let (damaged, sound): (Vec<_>, Vec<_>) =
            held.into_iter().partition(|file| damaged.contains(&file.target()));
        self.base.damaged.extend(damaged.iter().map(PendingFile::target));
        Ok((sound, pending::merge(others, damaged)))
    }

    /// Returns `true` if the base holds the same file: the name, length and checksum are equal, or the inode is the
    /// same. An equal name is not enough.
    fn is_held(&self, base: &Base, file: &PendingFile<'_>) -> bool {
        let path = file.target();
        let Some(held) = base.file(&path) else { return false };
        // If the base has linked a file, its inode may still be a file of the source, under any name. A link to it
        // would not be independent of the source.
        if self.params.policy == Policy::Independent
            && !matches!(held.method, Method::Copy | Method::Reflink | Method::BaseLink)
        {
            return false;
        }
        let on_disk = base.dir.join(path);
        let there = self.params.fs.symlink_metadata(&on_disk);
        let Some(there) = there.ok().filter(lsm_fs::FsMetadata::is_file) else { return false };
        let is_same_inode = is_same_inode(self.params.fs, file, &there);
        // The source may have been restored from the base by links since, so the inodes must be known to differ.
        if self.params.policy == Policy::Independent && is_same_inode != Some(false) {
            return false;
        }
        match base.checksums(file) {
            Some((wanted, held_sum)) => {
                let len = file.len().ok();
                wanted == held_sum && len == Some(held.len) && there.len == held.len
            }
            None => is_same_inode == Some(true),
        }
    }
}

/// Returns `true` if a file of the source and a file of the target's filesystem are one inode. Returns `None` if this
/// is unknown.
pub(super) fn is_same_inode(
    target: &dyn Fs,
    file: &PendingFile<'_>,
    there: &lsm_fs::FsMetadata,
) -> Option<bool> {
    let is_one_id = file.fs.symlink_metadata(file.path).ok()?.file_id? == there.file_id?;
    let is_one_namespace = view::shares_namespace(target, file.fs);
    // Equal ids on two backends prove nothing: both may be the same host, or both may number their inodes from the same
    // start.
    if is_one_id && !is_one_namespace { None } else { Some(is_one_id) }
}
