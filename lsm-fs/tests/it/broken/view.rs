//! The views of a broken backend.

use std::{
    collections::BTreeSet,
    fs, io,
    num::NonZeroUsize,
    path::{Component, Path, PathBuf},
    sync::Mutex,
};

use lsm_fs::{
    DirectorySync, Fs, FsAbilities, FsAttributes, FsCapabilities, FsDirEntry, FsDirLock, FsExt, FsFile,
    FsFileType, FsMetadata, FsOpenOptions, Op, Result, StdFs, SyncMode, errno,
};

use super::{AlwaysThere, Broken, Defect, os_error};

/// A view of [`StdFs`] with one defect, and with the clones of [`Broken`].
#[derive(Debug)]
pub(super) struct View<'b> {
    inner: Box<dyn Fs + 'b>,
    broken: &'b Broken,
    root: PathBuf,
    /// Paths that were opened.
    seen: Mutex<BTreeSet<PathBuf>>,
}

fn is_link(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink())
}

impl<'b> View<'b> {
    pub(super) fn new(inner: Box<dyn Fs + 'b>, broken: &'b Broken, root: &Path) -> Self {
        Self { inner, broken, root: root.to_path_buf(), seen: Mutex::default() }
    }

    fn is(&self, defect: Defect) -> bool {
        self.broken.is(defect)
    }

    /// The filesystem that a call uses: the view or, for some defects, the host itself.
    fn way(&self, path: &Path) -> &dyn Fs {
        let leads_out = match self.broken.defect {
            Defect::ViewFollowsLinkAtEnd => is_link(path),
            Defect::ViewFollowsLinkOnTheWay => {
                let mut above = path.ancestors().skip(1);
                path.starts_with(&self.root) && above.any(|dir| dir.starts_with(&self.root) && is_link(dir))
            }
            Defect::ViewTakesParents => path.components().any(|part| part == Component::ParentDir),
            Defect::ViewEntersMounts => self.root == Path::new("/dev"),
            Defect::ViewTrustsWhatItSaw => self.seen.lock().unwrap().contains(path),
            _ => false,
        };
        if leads_out { &StdFs } else { &*self.inner }
    }

    fn refusal(&self, path: &Path) -> Option<i32> {
        match self.broken.defect {
            Defect::ViewRefusesElsewhere if !path.starts_with(&self.root) => Some(errno::EXDEV),
            Defect::ViewComparesText => {
                let text = path.to_string_lossy();
                let is_alike =
                    text.starts_with(&*self.root.to_string_lossy()) && !path.starts_with(&self.root);
                is_alike.then_some(errno::ELOOP)
            }
            _ => None,
        }
    }
}

/// Removes a tree by paths, which may grow too long. If `follows` is set, follows links to directories.
fn remove_by_path(path: &Path, follows: bool) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let child = entry?.path();
        if child.is_dir() && (follows || !is_link(&child)) {
            remove_by_path(&child, follows)?;
        } else {
            fs::remove_file(child)?;
        }
    }
    if is_link(path) { fs::remove_file(path) } else { fs::remove_dir(path) }
}

impl Fs for View<'_> {
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        let inner = match self.broken.defect {
            Defect::ViewForgetsTheOther => StdFs.beneath(root)?,
            Defect::ViewRootFollowsLinks if is_link(root) => StdFs.beneath(root)?,
            _ => self.way(root).beneath(root)?,
        };
        Ok(Box::new(View::new(inner, self.broken, root)))
    }

    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        if let Some(code) = self.refusal(path) {
            return os_error(Op::Open, path, path, code);
        }
        if self.is(Defect::ViewRootIsAPath) && path.starts_with(&self.root) && path != self.root {
            return StdFs.beneath(&self.root)?.open(path, options);
        }
        let file = self.way(path).open(path, options)?;
        self.seen.lock().unwrap().insert(path.to_path_buf());
        Ok(file)
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        self.way(path).create_dir(path)
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        self.way(path).read_dir(path)
    }

    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        let mut metadata = self.way(path).metadata(path)?;
        if self.is(Defect::ViewSaysLenIsZero) {
            metadata.len = 0;
        }
        Ok(metadata)
    }

    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        let mut metadata = self.way(path).symlink_metadata(path)?;
        if self.is(Defect::ViewHidesLinks) && metadata.file_type == FsFileType::Symlink {
            metadata.file_type = FsFileType::File;
        }
        Ok(metadata)
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        self.way(path).remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        self.way(path).remove_dir(path)
    }

    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        let removed = match self.broken.defect {
            Defect::ViewRemovesThroughLinks if !is_link(path) => remove_by_path(path, true),
            Defect::ViewRemovesByPath if path.starts_with(&self.root) && !is_link(path) => {
                remove_by_path(path, false)
            }
            _ => return self.way(path).remove_dir_all(path),
        };
        removed.or_else(|e| {
            let _ = StdFs.remove_dir_all(path);
            os_error(Op::RemoveDirAll, path, path, e.raw_os_error().unwrap())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        if self.is(Defect::ViewHoldsItsName) && from == self.root {
            return os_error(Op::Rename, from, to, errno::EPERM);
        }
        self.way(from).rename(from, to)
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        self.way(from).rename_noreplace(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        let is_special = || !is_link(from) && !from.is_file() && !from.is_dir();
        match self.broken.defect {
            Defect::ViewLinksLinks if is_link(from) => StdFs.hard_link(from, to),
            Defect::ViewLinksSpecialFiles if is_special() => StdFs.hard_link(from, to),
            _ => self.way(from).hard_link(from, to),
        }
    }

    /// Clones by copying.
    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()> {
        let way = self.way(from);
        let copied =
            way.read_to_vec(from, 1 << 24).and_then(|bytes| way.write_new(to, &bytes, SyncMode::Normal));
        copied.or_else(|e| match e.raw_os_error() {
            Some(code) => os_error(Op::ReflinkFile, from, to, code),
            None => os_error(Op::ReflinkFile, from, to, errno::EINVAL),
        })
    }

    fn sync_directory(&self, path: &Path, mode: SyncMode) -> Result<DirectorySync> {
        self.way(path).sync_directory(path, mode)
    }

    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        let locked = self.way(path).try_lock_directory(path)?;
        if self.is(Defect::ViewLockAlwaysThere) {
            return Ok(locked.map(|lock| Box::new(AlwaysThere(Some(lock))) as _));
        }
        Ok(locked)
    }

    fn backend_id(&self) -> Option<u64> {
        self.broken.backend_id()
    }

    fn volume_id(&self, path: &Path) -> Result<u64> {
        self.way(path).volume_id(path)
    }

    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        let mut capabilities = self.way(path).capabilities(path)?;
        capabilities.reflink = true;
        Ok(capabilities)
    }

    fn available_space(&self, path: &Path) -> Result<u64> {
        self.way(path).available_space(path)
    }

    fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        self.way(path).punch_hole(path, offset, len)
    }

    fn truncate_file(&self, path: &Path, len: u64) -> Result<()> {
        self.way(path).truncate_file(path, len)
    }

    fn concurrency(&self) -> NonZeroUsize {
        self.inner.concurrency()
    }

    fn abilities(&self) -> Option<&dyn FsAbilities> {
        match self.broken.defect {
            Defect::ViewBatchFollowsLinks => StdFs.abilities(),
            _ => Some(self),
        }
    }
}

/// Clones are made by path, as copies.
impl FsAbilities for View<'_> {
    fn attributes(&self) -> Option<&dyn FsAttributes> {
        self.inner.abilities()?.attributes()
    }
}
