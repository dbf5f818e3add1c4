//! [`restore`]: a live directory from a checkpoint; and [`CheckpointDir`], a checkpoint as a source.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::{Fs, FsExt};
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    BoxError, Capture, Catalog, CatalogFile, CatalogTree, Change, Checkpoint, CheckpointInfo,
    CheckpointSource, DeletionPause, Error, FileKind, ManifestTarget, Method, Policy, Result, Snapshot,
    SourceFile, SourceRoot,
};

/// A checkpoint that is open for reading. It is a [`CheckpointSource`] in turn: [`Checkpoint::create`] makes a
/// checkpoint of a checkpoint, on another filesystem for instance.
#[derive(Clone, Debug)]
pub struct CheckpointDir {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    catalog: Catalog,
}

impl CheckpointDir {
    /// Reads the catalog of a checkpoint.
    ///
    /// # Errors
    ///
    /// Those of [`Catalog::read`].
    pub fn open(fs: Arc<dyn Fs>, dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        let catalog = Catalog::read(&*fs, &dir)?;
        Ok(Self { fs, dir, catalog })
    }

    /// What the checkpoint holds.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }
}

/// Makes a live directory from a checkpoint, of files that are independent of it.
///
/// # Contract
///
/// The target holds the files of the catalog and nothing else: no catalog, so that nobody takes a directory that an
/// engine writes to for a checkpoint. Files are clones where the filesystem can, and copies otherwise. Every file is
/// held against the catalog's length first, and copies against its checksums on their way; a clone has the bytes that
/// the checkpoint has, so that [`verify`](crate::verify()) beforehand says what it is worth. The checkpoint is only
/// read.
///
/// [`Checkpoint::restore`] does it with progress, a limit and another policy.
///
/// # Crash semantics
///
/// As [`Checkpoint::create`]: the target is absent or complete, and complete after `Ok`. What a dead process left is
/// cleared by the next attempt or by [`sweep`](crate::sweep()).
///
/// # Errors
///
/// As [`Checkpoint::create`]; what is said of the source is said of the checkpoint.
///
/// # Examples
///
/// ```
/// use lsm_checkpoint::{CheckpointDir, restore, run_checkpoint};
/// use lsm_fs::{FsExt, StdFs};
/// use std::sync::Arc;
/// # use lsm_checkpoint::{
/// #     BoxError, Capture, CheckpointSource, DeletionPause, FileKind, ManifestTarget, Snapshot, SourceFile,
/// #     SourceRoot,
/// # };
/// # struct Engine;
/// # impl CheckpointSource for Engine {
/// #     fn roots(&self) -> Vec<SourceRoot> { Vec::new() }
/// #     fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> { None }
/// #     fn visible_seqno(&self) -> u64 { 7 }
/// #     fn flush(&self) -> Result<(), BoxError> { Ok(()) }
/// #     fn capture(&self) -> Result<Capture<'_>, BoxError> { Ok(Capture::one(Version)) }
/// # }
/// # struct Version;
/// # impl Snapshot for Version {
/// #     fn version_id(&self) -> u64 { 1 }
/// #     fn files(&self) -> Result<Vec<SourceFile>, BoxError> {
/// #         Ok(vec![SourceFile::bytes(FileKind::Table, "1", *b"rows")])
/// #     }
/// #     fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
/// #         Ok(target.write("CURRENT", b"1")?)
/// #     }
/// # }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (engine, dir) = (Engine, tempfile::tempdir()?);
/// # let dir = dir.path();
/// run_checkpoint(&engine, &StdFs, &dir.join("monday"))?;
///
/// let monday = CheckpointDir::open(Arc::new(StdFs), dir.join("monday"))?;
/// let info = restore(&monday, &StdFs, &dir.join("live"))?;
/// assert_eq!((info.sst_files, info.seqno), (1, 7));
/// assert_eq!(StdFs.read_to_vec(&dir.join("live/tables/1"), 100)?, b"rows");
/// # Ok(())
/// # }
/// ```
pub fn restore(checkpoint: &CheckpointDir, fs: &dyn Fs, target: &Path) -> Result<CheckpointInfo> {
    Checkpoint::new().policy(Policy::Independent).restore(checkpoint, fs, target)
}

impl Checkpoint<'_> {
    /// As [`restore`], with these options and this policy.
    ///
    /// A policy that links gives the engine inodes that the checkpoint has too: only for one that never writes to a
    /// finished file. Files that were not linked into the checkpoint may be ones that are written to, and are never
    /// linked out of it, except tables and blobs.
    ///
    /// # Errors
    ///
    /// As [`restore`].
    pub fn restore(&self, checkpoint: &CheckpointDir, fs: &dyn Fs, target: &Path) -> Result<CheckpointInfo> {
        self.uncatalogued().create(checkpoint, fs, target)
    }
}

impl CheckpointSource for CheckpointDir {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::clone(&self.fs), &self.dir)]
    }

    /// Nobody deletes single files of a checkpoint.
    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn visible_seqno(&self) -> u64 {
        self.catalog.seqno
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let trees = self.catalog.trees.iter().enumerate();
        Ok(trees.fold(Capture::new(), |capture, (at, tree)| {
            capture.tree(tree.folder.clone(), CapturedTree { checkpoint: self, at, tree })
        }))
    }

    fn identity(&self) -> String {
        self.catalog.identity.clone()
    }
}

/// One tree of a checkpoint.
#[derive(Debug)]
struct CapturedTree<'a> {
    checkpoint: &'a CheckpointDir,
    at: usize,
    tree: &'a CatalogTree,
}

impl CapturedTree<'_> {
    fn catalogued(&self) -> impl Iterator<Item = &CatalogFile> {
        let files = self.checkpoint.catalog.files_of(self.at);
        crate::tally::steps(files.len());
        files.iter()
    }

    fn path_of(&self, file: &CatalogFile) -> PathBuf {
        self.checkpoint.dir.join(self.checkpoint.catalog.path_of(file))
    }

    /// Whether a file is what the catalog says, as far as a look tells.
    fn check(&self, file: &CatalogFile) -> Result<()> {
        let path = self.path_of(file);
        let what = match self.checkpoint.fs.symlink_metadata(&path) {
            Ok(there) if !there.is_file() => Change::Type,
            Ok(there) if there.len == file.len => return Ok(()),
            Ok(there) => Change::Length { expected: file.len, found: there.len },
            Err(e) if e.kind() == io::ErrorKind::NotFound => Change::Gone,
            Err(e) => return Err(e.into()),
        };
        Err(Error::SourceChanged { path, what })
    }
}

/// Metadata that was written from memory, and is written from memory again.
fn is_written_metadata(file: &CatalogFile) -> bool {
    file.kind == FileKind::Metadata && file.method == Method::Written
}

impl Snapshot for CapturedTree<'_> {
    fn version_id(&self) -> u64 {
        self.tree.version_id
    }

    /// Looks at each file first: what lies in a checkpoint may have come from anywhere, and a clone takes whatever
    /// length it finds.
    fn files(&self) -> Result<Vec<SourceFile>, BoxError> {
        self.catalogued().try_for_each(|file| self.check(file))?;
        let source_file = |file: &CatalogFile| {
            let (kind, fs, path) = (file.kind.clone(), Arc::clone(&self.checkpoint.fs), self.path_of(file));
            // What was copied may be a log that the engine goes on to write to: nothing says that it may be shared.
            let is_shareable = match file.kind {
                FileKind::Table | FileKind::Blob => true,
                FileKind::Metadata => false,
                FileKind::Other(_) => !matches!(file.method, Method::Copy | Method::Written),
            };
            let source = match is_shareable {
                true => SourceFile::immutable(kind, fs, path, file.len),
                false => SourceFile::prefix(kind, fs, path, file.len),
            };
            source.checksum(file.checksum)
        };
        Ok(self.catalogued().filter(|file| !is_written_metadata(file)).map(source_file).collect())
    }

    fn folders(&self) -> Vec<FileKind> {
        self.tree.folders.iter().map(|folder| FileKind::other(folder.clone())).collect()
    }

    /// The catalog has the files in the order in which they got their names.
    fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
        for file in self.catalogued().filter(|file| is_written_metadata(file)) {
            let path = self.path_of(file);
            let bytes = self.checkpoint.fs.read_to_vec(&path, file.len.saturating_add(1))?;
            let found = xxh3_128(&bytes);
            if bytes.len() as u64 != file.len {
                let what = Change::Length { expected: file.len, found: bytes.len() as u64 };
                return Err(Error::SourceChanged { path, what }.into());
            }
            if let Some(expected) = file.checksum.filter(|&expected| expected != found) {
                return Err(Error::SourceCorrupt { path, expected, found }.into());
            }
            target.write(&file.name, &bytes)?;
        }
        Ok(())
    }
}
