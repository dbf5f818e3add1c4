//! A disk of a few file names. Other threads can act between its calls, as far as loom can see.

use std::{
    collections::BTreeSet,
    fmt, io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use loom::sync::Mutex;
use lsm_fs::{
    DirectorySync, Error, Fs, FsCapabilities, FsDirEntry, FsDirLock, FsFile, FsFileType, FsMetadata,
    FsOpenOptions, Op, Result, SyncMode,
};

pub(crate) struct Disk {
    files: Mutex<(BTreeSet<PathBuf>, usize)>,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disk")
    }
}

impl Disk {
    pub(crate) fn new<const N: usize>(files: [&str; N]) -> Self {
        Self { files: Mutex::new((files.into_iter().map(PathBuf::from).collect(), 0)) }
    }

    pub(crate) fn has(&self, file: &str) -> bool {
        self.files.lock().unwrap().0.contains(Path::new(file))
    }

    /// The number of attempts to remove a missing file.
    pub(crate) fn misses(&self) -> usize {
        self.files.lock().unwrap().1
    }
}

fn missing<T>(op: Op, path: &Path) -> Result<T> {
    Err(Error::new(op, path, io::Error::from(io::ErrorKind::NotFound)))
}

fn never<T>(op: Op, path: &Path) -> Result<T> {
    Err(Error::new(op, path, io::Error::from(io::ErrorKind::Unsupported)))
}

impl Fs for Disk {
    fn remove_file(&self, path: &Path) -> Result<()> {
        let mut files = self.files.lock().unwrap();
        if files.0.remove(path) {
            return Ok(());
        }
        files.1 += 1;
        missing(Op::RemoveFile, path)
    }

    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        let there = self.files.lock().unwrap().0.contains(path);
        if there { Ok(FsMetadata::new(FsFileType::File, 1)) } else { missing(Op::Metadata, path) }
    }

    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.metadata(path)
    }

    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        never(Op::Beneath, root)
    }

    fn open(&self, path: &Path, _: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        never(Op::Open, path)
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        never(Op::CreateDir, path)
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        never(Op::ReadDir, path)
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        never(Op::RemoveDir, path)
    }

    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        never(Op::RemoveDirAll, path)
    }

    fn rename(&self, from: &Path, _: &Path) -> Result<()> {
        never(Op::Rename, from)
    }

    fn rename_noreplace(&self, from: &Path, _: &Path) -> Result<()> {
        never(Op::RenameNoreplace, from)
    }

    fn hard_link(&self, from: &Path, _: &Path) -> Result<()> {
        never(Op::HardLink, from)
    }

    fn reflink_file(&self, from: &Path, _: &Path) -> Result<()> {
        never(Op::ReflinkFile, from)
    }

    fn sync_directory(&self, path: &Path, _: SyncMode) -> Result<DirectorySync> {
        never(Op::SyncDirectory, path)
    }

    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        never(Op::TryLockDirectory, path)
    }

    fn backend_id(&self) -> Option<u64> {
        None
    }

    fn volume_id(&self, path: &Path) -> Result<u64> {
        never(Op::VolumeId, path)
    }

    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        never(Op::Capabilities, path)
    }

    fn available_space(&self, path: &Path) -> Result<u64> {
        never(Op::AvailableSpace, path)
    }

    fn punch_hole(&self, path: &Path, _: u64, _: u64) -> Result<()> {
        never(Op::PunchHole, path)
    }

    fn truncate_file(&self, path: &Path, _: u64) -> Result<()> {
        never(Op::TruncateFile, path)
    }

    fn concurrency(&self) -> NonZeroUsize {
        NonZeroUsize::MIN
    }
}
