//! [`ManifestTarget`]: the directory that an engine writes its metadata to.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use lsm_fs::{Fs, FsFile, Permissions};

use super::StagedFs;
use crate::space::SpaceCheck;

/// The directory of one tree in a checkpoint, to which the engine writes the metadata of the tree.
///
/// # Contract
///
/// Every file that is made through [`fs`](Self::fs) in [`dir`](Self::dir) becomes part of the checkpoint. It is listed
/// in the catalog with its checksum, and synced before the checkpoint is published. A sync through `fs` returns `Ok` at
/// once and is deferred, at most until all files are made. If the deferred sync fails, the checkpoint fails.
///
/// Through `fs`, only files that were made through it can be changed, and nothing can be linked.
///
/// # Examples
///
/// An engine that writes its manifests through `lsm-manifest` makes the same calls as for its live manifest:
///
/// ```
/// use lsm_checkpoint::{BoxError, ManifestTarget};
/// use lsm_manifest::{ManifestArchiveWriter, WriteOptions, publish_current, version_file_name};
///
/// fn write_manifest(version: u64, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
///     let path = target.dir().join(version_file_name(version));
///     let mut writer = ManifestArchiveWriter::create(target.fs(), &path, WriteOptions::new())?;
///     writer.add_section("tables", b"...")?;
///     publish_current(&writer.finish()?)?;
///     Ok(())
/// }
/// ```
///
/// An engine with its own formats passes the bytes of its files. The file that makes the tree readable comes last:
///
/// ```
/// use lsm_checkpoint::{BoxError, ManifestTarget};
///
/// fn write_manifest(target: &ManifestTarget<'_>) -> Result<(), BoxError> {
///     target.write("MANIFEST-000005", b"...")?;
///     target.write("CURRENT", b"MANIFEST-000005\n")?;
///     Ok(())
/// }
/// ```
pub struct ManifestTarget<'a> {
    fs: &'a StagedFs<'a>,
    dir: PathBuf,
    space: SpaceCheck,
}

impl fmt::Debug for ManifestTarget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManifestTarget").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl<'a> ManifestTarget<'a> {
    pub(crate) fn new(fs: &'a StagedFs<'a>, dir: PathBuf, space: SpaceCheck) -> Self {
        Self { fs, dir, space }
    }

    /// Returns the check of the free space that the caller requested.
    pub(crate) fn space(&self) -> SpaceCheck {
        self.space
    }

    /// Returns the filesystem to write through.
    #[must_use]
    pub fn fs(&self) -> &'a dyn Fs {
        self.fs
    }

    /// Returns the directory of the tree, which holds the folders with its files. The directory gets another name when
    /// the checkpoint is published, so no written file may contain its path.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes a new file in the directory, with these permissions.
    pub(crate) fn create(
        &self,
        name: &str,
        permissions: Option<Permissions>,
    ) -> lsm_fs::Result<Box<dyn FsFile>> {
        self.fs.create_with(&self.dir.join(name), permissions)
    }

    /// Writes a new file into the directory.
    ///
    /// # Errors
    ///
    /// The errors of [`FsExt::write_new`](lsm_fs::FsExt::write_new).
    pub fn write(&self, name: &str, bytes: &[u8]) -> lsm_fs::Result<()> {
        self.fs.write(&self.dir.join(name), bytes)
    }
}
