//! The calls of a filesystem.

use std::{io, num::NonZeroUsize, path::Path, sync::Arc};

use lsm_fs::{
    DirectorySync, Error, Fs, FsCapabilities, FsDirEntry, FsDirLock, FsFile, FsMetadata, FsOpenOptions, Op,
    Result, SyncMode,
};

use super::{RepositoryFs, file::RemoteFile, tree::Node};

fn read_only<T>(op: Op, path: &Path) -> Result<T> {
    Err(Error::new(op, path, io::ErrorKind::ReadOnlyFilesystem))
}

fn unsupported<T>(op: Op, path: &Path) -> Result<T> {
    Err(Error::new(op, path, io::ErrorKind::Unsupported))
}

impl RepositoryFs {
    fn node(&self, op: Op, path: &Path) -> Result<Node> {
        self.inner.tree.find(path).map_err(|error| Error::new(op, path, error))
    }
}

impl Fs for RepositoryFs {
    /// Returns the filesystem itself, because it has no symbolic links and no mounts that could lead out of `root`.
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        match self.node(Op::Beneath, root)? {
            Node::Root | Node::Folder(_) => Ok(Box::new(self.clone())),
            _ => Err(Error::new(Op::Beneath, root, io::ErrorKind::NotADirectory)),
        }
    }

    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        options.validate().map_err(|error| Error::new(Op::Open, path, error))?;
        if options.write || options.append {
            return read_only(Op::Open, path);
        }
        let fetcher = Arc::clone(&self.inner.fetcher);
        match self.node(Op::Open, path)? {
            Node::Root | Node::Folder(_) => Err(Error::new(Op::Open, path, io::ErrorKind::IsADirectory)),
            node => Ok(Box::new(RemoteFile::new(path, node, fetcher))),
        }
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        read_only(Op::CreateDir, path)
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        self.inner.tree.list(path).map_err(|error| Error::new(Op::ReadDir, path, error))
    }

    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.node(Op::Metadata, path).map(|node| node.metadata())
    }

    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.node(Op::SymlinkMetadata, path).map(|node| node.metadata())
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        read_only(Op::RemoveFile, path)
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        read_only(Op::RemoveDir, path)
    }

    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        read_only(Op::RemoveDirAll, path)
    }

    fn rename(&self, from: &Path, _: &Path) -> Result<()> {
        read_only(Op::Rename, from)
    }

    fn rename_noreplace(&self, from: &Path, _: &Path) -> Result<()> {
        read_only(Op::RenameNoreplace, from)
    }

    fn hard_link(&self, from: &Path, _: &Path) -> Result<()> {
        read_only(Op::HardLink, from)
    }

    fn reflink_file(&self, from: &Path, _: &Path) -> Result<()> {
        unsupported(Op::ReflinkFile, from)
    }

    fn sync_directory(&self, path: &Path, _: SyncMode) -> Result<DirectorySync> {
        read_only(Op::SyncDirectory, path)
    }

    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        unsupported(Op::TryLockDirectory, path)
    }

    fn backend_id(&self) -> Option<u64> {
        None
    }

    fn volume_id(&self, path: &Path) -> Result<u64> {
        unsupported(Op::VolumeId, path)
    }

    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        self.node(Op::Capabilities, path).map(|_| FsCapabilities::default())
    }

    fn available_space(&self, path: &Path) -> Result<u64> {
        unsupported(Op::AvailableSpace, path)
    }

    fn punch_hole(&self, path: &Path, _: u64, _: u64) -> Result<()> {
        read_only(Op::PunchHole, path)
    }

    fn truncate_file(&self, path: &Path, _: u64) -> Result<()> {
        read_only(Op::TruncateFile, path)
    }

    /// Calls in parallel hide the latency of a store, up to the number of requests that may be under way.
    fn concurrency(&self) -> NonZeroUsize {
        self.inner.fetcher.concurrency()
    }
}
