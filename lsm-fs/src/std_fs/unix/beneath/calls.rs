//! The calls of a view. Paths outside its roots are handled as in [`StdFs`].

use std::{
    ffi::OsStr,
    io,
    num::NonZeroUsize,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstatvfs, mkdirat, renameat, statat, unlinkat};

use super::{DIRECTORY, LISTING, Resolver, View, link};
use crate::{
    DirectorySync, Fs, FsAbilities, FsCapabilities, FsDirEntry, FsDirLock, FsFile, FsFileType, FsMetadata,
    FsOpenOptions, Op, Result, StdFs, SyncMode,
    std_fs::{
        between,
        file::StdFile,
        names, on,
        platform::unix::{
            at::created_with,
            clone::reflink_at,
            disable_cow, disable_cow_at,
            link::{link_at, rename_noreplace_at},
            remove::remove_tree,
            stat,
            sync::sync_open_directory,
        },
    },
};

impl View {
    fn read_listing(&self, path: &Path) -> io::Result<Vec<FsDirEntry>> {
        let (dir, _) = self.open_dir(path, LISTING)?;
        let mut entries = Vec::new();
        for entry in Dir::read_from(&dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let file_type = match entry.file_type() {
                _ if matches!(name.to_bytes(), b"." | b"..") => continue,
                FileType::RegularFile => FsFileType::File,
                FileType::Directory => FsFileType::Directory,
                FileType::Symlink => FsFileType::Symlink,
                FileType::Unknown => stat::file_type(&statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)?),
                _ => FsFileType::Other,
            };
            entries.push(FsDirEntry::new(OsStr::from_bytes(name.to_bytes()), file_type));
        }
        names::sort(&mut entries);
        Ok(entries)
    }

    fn describe(&self, path: &Path, follows: bool) -> io::Result<FsMetadata> {
        let found = match self.in_root(path)? {
            Some(in_root) => in_root.stat()?,
            None if follows => super::super::metadata(path)?,
            None => super::super::symlink_metadata(path)?,
        };
        if follows && found.file_type.is_symlink() { Err(link()) } else { Ok(found) }
    }

    fn open_file(&self, path: &Path, options: &FsOpenOptions) -> io::Result<std::fs::File> {
        options.validate()?;
        let Some(in_root) = self.in_root(path)? else { return super::super::open_file(path, options) };
        if in_root.below.wants_dir {
            let found = in_root.stat();
            if !(options.create || options.create_new) {
                found?;
            }
            return Err(io::Error::from_raw_os_error(crate::errno::EISDIR));
        }
        if options.create_new && in_root.below.rest.as_os_str().is_empty() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        in_root.at().open_file(options)
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        remove_tree(&self.name(path)?.at(), self.resolution)
    }

    pub(in crate::std_fs::platform) fn disable_cow(&self, path: &Path) -> io::Result<bool> {
        match self.in_root(path)? {
            Some(in_root) => disable_cow_at(&in_root.at()),
            None => disable_cow(path),
        }
    }

    pub(in crate::std_fs::platform) fn make_dir(&self, path: &Path, mode: Mode) -> io::Result<()> {
        let name = self.name(path)?;
        let at = name.at();
        Ok(mkdirat(at.dir, at.name, mode)?)
    }

    /// Opens a directory with these flags.
    pub(in crate::std_fs::platform) fn open_directory(
        &self,
        path: &Path,
        flags: OFlags,
    ) -> io::Result<OwnedFd> {
        self.open_dir(path, flags).map(|(dir, _)| dir)
    }

    /// Opens a directory in which names will be looked up.
    pub(in crate::std_fs::platform) fn open_dir_to_search(
        &self,
        path: &Path,
    ) -> io::Result<(OwnedFd, Option<Resolver>)> {
        self.open_dir(path, DIRECTORY)
    }
}

#[deny(clippy::missing_trait_methods)]
impl Fs for View {
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        on(Op::Beneath, root, self.with_root(root)).map(|view| Box::new(view) as _)
    }

    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        let file = on(Op::Open, path, self.open_file(path, options))?;
        Ok(Box::new(StdFile::opened(file, path, options)))
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        on(Op::CreateDir, path, self.make_dir(path, Mode::from_raw_mode(0o777)))
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        on(Op::ReadDir, path, self.read_listing(path))
    }

    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        on(Op::Metadata, path, self.describe(path, true))
    }

    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        on(Op::SymlinkMetadata, path, self.describe(path, false))
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        let removed = self.name(path).and_then(|name| {
            let at = name.at();
            Ok(unlinkat(at.dir, at.name, AtFlags::empty())?)
        });
        on(Op::RemoveFile, path, removed)
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        let removed = self.name(path).and_then(|name| {
            let at = name.at();
            Ok(unlinkat(at.dir, at.name, AtFlags::REMOVEDIR)?)
        });
        on(Op::RemoveDir, path, removed)
    }

    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        on(Op::RemoveDirAll, path, self.remove_tree(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let renamed = self.name(from).and_then(|source| {
            let target = self.name(to)?;
            let (source, target) = (source.at(), target.at());
            Ok(renameat(source.dir, source.name, target.dir, target.name)?)
        });
        between(Op::Rename, from, to, renamed)
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        let renamed = self.name(from).and_then(|source| {
            let target = self.name(to)?;
            rename_noreplace_at(&source.at(), &target.at(), || {
                let has_nul = |path: &Path| path.as_os_str().as_encoded_bytes().contains(&0);
                to.starts_with(from) || has_nul(from) || has_nul(to)
            })
        });
        between(Op::RenameNoreplace, from, to, renamed)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        let linked = self.name(from).and_then(|source| {
            let target = self.name(to)?.for_new_file()?;
            link_at(&source.at(), &target.at())
        });
        between(Op::HardLink, from, to, linked)
    }

    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()> {
        let names = self.name(from).and_then(|source| Ok((source, self.name(to)?.for_new_file()?)));
        let (source, target) = between(Op::ReflinkFile, from, to, names)?;
        reflink_at((&source.at(), || from.into()), (&target.at(), || to.into()), created_with(None)).map(drop)
    }

    fn sync_directory(&self, path: &Path, mode: SyncMode) -> Result<DirectorySync> {
        let opened = self.open_dir(path, LISTING);
        on(Op::SyncDirectory, path, opened.and_then(|(dir, _)| sync_open_directory(&dir, mode)))
    }

    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        let locked = on(Op::TryLockDirectory, path, self.lock(path))?;
        Ok(locked.map(|lock| Box::new(lock) as _))
    }

    fn backend_id(&self) -> Option<u64> {
        StdFs.backend_id()
    }

    fn volume_id(&self, path: &Path) -> Result<u64> {
        let id = self.describe(path, true).map(|found| found.file_id.map_or(0, |id| id.volume));
        on(Op::VolumeId, path, id)
    }

    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        if on(Op::Capabilities, path, self.in_root(path))?.is_none() {
            return StdFs.capabilities(path);
        }
        let (dir, _) = on(Op::Capabilities, path, self.open_dir(path, DIRECTORY))?;
        super::super::capabilities::capabilities_in(self, path, &dir)
    }

    fn available_space(&self, path: &Path) -> Result<u64> {
        let Some(in_root) = on(Op::AvailableSpace, path, self.in_root(path))? else {
            return StdFs.available_space(path);
        };
        // On Linux, a handle opened with `O_PATH` is enough (`open(2)`).
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let stat = in_root.open(flags).and_then(|file| Ok(fstatvfs(&file)?));
        on(Op::AvailableSpace, path, stat.and_then(|stat| super::super::free_bytes(&stat)))
    }

    fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        let punched = names::punch_hole(|options| self.open_file(path, options), offset, len);
        on(Op::PunchHole, path, punched)
    }

    fn truncate_file(&self, path: &Path, len: u64) -> Result<()> {
        on(Op::TruncateFile, path, names::truncate_file(|options| self.open_file(path, options), len))
    }

    fn concurrency(&self) -> NonZeroUsize {
        StdFs.concurrency()
    }

    fn abilities(&self) -> Option<&dyn FsAbilities> {
        Some(self)
    }
}
