//! [`ExcerptFs`]: a filesystem whose only files are excerpts of journals.

use std::{collections::BTreeMap, io, num::NonZeroUsize, path::Path};

use lsm_fs::{
    DirectorySync, Error, Fs, FsCapabilities, FsDirEntry, FsDirLock, FsFile, FsMetadata, FsOpenOptions, Op,
    Result, SyncMode,
};

use super::excerpt::Excerpt;

/// Excerpts of journals, by name. A checkpoint copies them as it copies any file, with progress and a rate limit. It
/// cannot copy the journal by its path in the database, because fjall may remove that name during the copy.
#[derive(Debug)]
pub(crate) struct ExcerptFs {
    files: BTreeMap<String, Excerpt>,
}

impl ExcerptFs {
    pub(crate) fn new(excerpts: Vec<Excerpt>) -> Self {
        Self { files: excerpts.into_iter().map(|excerpt| (excerpt.name().to_owned(), excerpt)).collect() }
    }

    /// Returns the names and the lengths of the files.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, u64)> {
        self.files.iter().map(|(name, excerpt)| (name.as_str(), excerpt.len()))
    }

    fn find(&self, op: Op, path: &Path) -> Result<&Excerpt> {
        let found = path.to_str().and_then(|name| self.files.get(name));
        found.ok_or_else(|| Error::new(op, path, io::Error::from(io::ErrorKind::NotFound)))
    }
}

fn refuse<T>(op: Op, path: &Path) -> Result<T> {
    Err(Error::new(op, path, io::Error::from(io::ErrorKind::Unsupported)))
}

impl Fs for ExcerptFs {
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        refuse(Op::Beneath, root)
    }

    fn open(&self, path: &Path, _: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        Ok(Box::new(self.find(Op::Open, path)?.open()))
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        refuse(Op::CreateDir, path)
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        refuse(Op::ReadDir, path)
    }

    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.find(Op::Metadata, path)?.metadata()
    }

    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.find(Op::SymlinkMetadata, path)?.metadata()
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        refuse(Op::RemoveFile, path)
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        refuse(Op::RemoveDir, path)
    }

    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        refuse(Op::RemoveDirAll, path)
    }

    fn rename(&self, from: &Path, _: &Path) -> Result<()> {
        refuse(Op::Rename, from)
    }

    fn rename_noreplace(&self, from: &Path, _: &Path) -> Result<()> {
        refuse(Op::RenameNoreplace, from)
    }

    fn hard_link(&self, from: &Path, _: &Path) -> Result<()> {
        refuse(Op::HardLink, from)
    }

    fn reflink_file(&self, from: &Path, _: &Path) -> Result<()> {
        refuse(Op::ReflinkFile, from)
    }

    fn sync_directory(&self, path: &Path, _: SyncMode) -> Result<DirectorySync> {
        refuse(Op::SyncDirectory, path)
    }

    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        refuse(Op::TryLockDirectory, path)
    }

    fn backend_id(&self) -> Option<u64> {
        None
    }

    fn volume_id(&self, path: &Path) -> Result<u64> {
        refuse(Op::VolumeId, path)
    }

    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        refuse(Op::Capabilities, path)
    }

    fn available_space(&self, path: &Path) -> Result<u64> {
        refuse(Op::AvailableSpace, path)
    }

    fn punch_hole(&self, path: &Path, _: u64, _: u64) -> Result<()> {
        refuse(Op::PunchHole, path)
    }

    fn truncate_file(&self, path: &Path, _: u64) -> Result<()> {
        refuse(Op::TruncateFile, path)
    }

    fn concurrency(&self) -> NonZeroUsize {
        NonZeroUsize::MIN
    }
}
