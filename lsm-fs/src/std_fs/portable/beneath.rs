//! [`View`] with std alone. Each component is checked before the call, so a concurrent change of the directory can
//! still lead the call out of it. Mounts are not distinguished.

use std::{
    io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use crate::{
    DirectorySync, Fs, FsAbilities, FsCapabilities, FsDirEntry, FsDirLock, FsFile, FsMetadata, FsOpenOptions,
    Op, Result, StdFs, SyncMode, errno,
    std_fs::{between, lexical::strip_root, not_a_file, on, platform},
};

/// The host's filesystem with any number of roots.
#[derive(Clone, Debug)]
pub(in crate::std_fs) struct View {
    roots: Vec<PathBuf>,
}

/// The treatment of a symbolic link in the last component of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastComponent {
    /// The call would follow the link, so the path is refused.
    Followed,
    /// The call works on the name itself, so the path is allowed.
    Name,
}

impl View {
    pub(in crate::std_fs) fn plain() -> Self {
        Self { roots: Vec::new() }
    }

    pub(in crate::std_fs) fn with_root(&self, path: &Path) -> io::Result<Self> {
        self.check(path, LastComponent::Followed)?;
        if !platform::metadata(path)?.is_dir() {
            return Err(io::Error::from_raw_os_error(errno::ENOTDIR));
        }
        let mut view = self.clone();
        view.roots.push(path.to_path_buf());
        Ok(view)
    }

    /// Refuses a path with a symbolic link below the longest root that the path starts with.
    fn check(&self, path: &Path, last: LastComponent) -> io::Result<()> {
        let mut found: Option<(&Path, &Path, bool)> = None;
        for root in &self.roots {
            let Some(below) = strip_root(root, path) else { continue };
            let below = below?;
            if found.is_none_or(|(_, rest, _)| below.rest.as_os_str().len() <= rest.as_os_str().len()) {
                found = Some((root, below.rest, below.wants_dir));
            }
        }
        let Some((root, rest, wants_dir)) = found else { return Ok(()) };
        let mut at = root.to_path_buf();
        let mut names = rest.iter().peekable();
        while let Some(name) = names.next() {
            at.push(name);
            if names.peek().is_none() && last == LastComponent::Name && !wants_dir {
                return Ok(());
            }
            match std::fs::symlink_metadata(&at) {
                Ok(found) if found.is_symlink() => return Err(io::Error::from_raw_os_error(errno::ELOOP)),
                Ok(_) => {}
                // The call itself reports the missing file.
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn checked(&self, op: Op, path: &Path, last: LastComponent) -> Result<StdFs> {
        on(op, path, self.check(path, last))?;
        Ok(StdFs)
    }

    fn checked_pair(&self, op: Op, from: &Path, to: &Path) -> Result<StdFs> {
        let checked =
            self.check(from, LastComponent::Name).and_then(|()| self.check(to, LastComponent::Name));
        between(op, from, to, checked)?;
        Ok(StdFs)
    }

    /// Refuses a symbolic link or a special file below a root as the source of a link or a clone. A directory passes,
    /// because the call itself refuses it.
    fn check_source(&self, op: Op, from: &Path, to: &Path) -> Result<()> {
        if !self.roots.iter().any(|root| strip_root(root, from).is_some()) {
            return Ok(());
        }
        let checked = std::fs::symlink_metadata(from).and_then(|found| {
            if found.is_symlink() {
                return Err(io::Error::from_raw_os_error(errno::ELOOP));
            }
            if found.is_file() || found.is_dir() { Ok(()) } else { Err(not_a_file()) }
        });
        between(op, from, to, checked)
    }
}

#[deny(clippy::missing_trait_methods)]
impl Fs for View {
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        on(Op::Beneath, root, self.with_root(root)).map(|view| Box::new(view) as _)
    }

    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        on(Op::Open, path, options.validate())?;
        let last = if options.create_new { LastComponent::Name } else { LastComponent::Followed };
        self.checked(Op::Open, path, last)?.open(path, options)
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        self.checked(Op::CreateDir, path, LastComponent::Name)?.create_dir(path)
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        self.checked(Op::ReadDir, path, LastComponent::Followed)?.read_dir(path)
    }

    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.checked(Op::Metadata, path, LastComponent::Followed)?.metadata(path)
    }

    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.checked(Op::SymlinkMetadata, path, LastComponent::Name)?.symlink_metadata(path)
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        self.checked(Op::RemoveFile, path, LastComponent::Name)?.remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        self.checked(Op::RemoveDir, path, LastComponent::Name)?.remove_dir(path)
    }

    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        self.checked(Op::RemoveDirAll, path, LastComponent::Name)?.remove_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.checked_pair(Op::Rename, from, to)?.rename(from, to)
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        self.checked_pair(Op::RenameNoreplace, from, to)?.rename_noreplace(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        let fs = self.checked_pair(Op::HardLink, from, to)?;
        self.check_source(Op::HardLink, from, to)?;
        fs.hard_link(from, to)
    }

    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()> {
        let fs = self.checked_pair(Op::ReflinkFile, from, to)?;
        self.check_source(Op::ReflinkFile, from, to)?;
        fs.reflink_file(from, to)
    }

    fn sync_directory(&self, path: &Path, mode: SyncMode) -> Result<DirectorySync> {
        self.checked(Op::SyncDirectory, path, LastComponent::Followed)?.sync_directory(path, mode)
    }

    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        self.checked(Op::TryLockDirectory, path, LastComponent::Followed)?.try_lock_directory(path)
    }

    fn backend_id(&self) -> Option<u64> {
        StdFs.backend_id()
    }

    fn volume_id(&self, path: &Path) -> Result<u64> {
        self.checked(Op::VolumeId, path, LastComponent::Followed)?.volume_id(path)
    }

    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        self.checked(Op::Capabilities, path, LastComponent::Followed)?.capabilities(path)
    }

    fn available_space(&self, path: &Path) -> Result<u64> {
        self.checked(Op::AvailableSpace, path, LastComponent::Followed)?.available_space(path)
    }

    fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        self.checked(Op::PunchHole, path, LastComponent::Followed)?.punch_hole(path, offset, len)
    }

    fn truncate_file(&self, path: &Path, len: u64) -> Result<()> {
        self.checked(Op::TruncateFile, path, LastComponent::Followed)?.truncate_file(path, len)
    }

    fn concurrency(&self) -> NonZeroUsize {
        StdFs.concurrency()
    }

    fn abilities(&self) -> Option<&dyn FsAbilities> {
        None
    }
}
