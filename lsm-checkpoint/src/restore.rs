//! [`restore`], which makes a live directory from a checkpoint, and [`CheckpointDir`], a checkpoint as a source.

mod metadata;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::{Fs, Permissions};

use crate::{
    BoxError, Capture, Catalog, CatalogFile, CatalogTree, Change, Checkpoint, CheckpointInfo,
    CheckpointSource, DeletionPause, Error, FileKind, ManifestTarget, Policy, Result, Snapshot, SourceFile,
    SourceRoot, target_life::Target, view::beneath_checkpoint,
};

/// A checkpoint that is open for reading. It is itself a [`CheckpointSource`], so [`Checkpoint::create`] can make a
/// checkpoint of it, for instance on another filesystem.
#[derive(Clone, Debug)]
pub struct CheckpointDir {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    catalog: Catalog,
    identity: String,
}

impl CheckpointDir {
    /// Reads the catalog of a checkpoint.
    ///
    /// # Errors
    ///
    /// As [`Catalog::read`].
    pub fn open(fs: Arc<dyn Fs>, dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        let catalog = Catalog::read(&*fs, &dir)?;
        let identity = catalog.identity.clone();
        Ok(Self { fs, dir, catalog, identity })
    }

    /// Opens a checkpoint with a catalog that was reconstructed from its files.
    pub(crate) fn assumed(fs: Arc<dyn Fs>, dir: PathBuf, catalog: Catalog) -> Self {
        let identity = catalog.identity.clone();
        Self { fs, dir, catalog, identity }
    }

    /// Sets the identity of checkpoints that are made of this checkpoint, in place of the catalog's identity. No
    /// checkpoint can be made without an identity, which a catalog of format 1 may lack.
    #[must_use]
    pub fn with_identity(mut self, identity: impl Into<String>) -> Self {
        self.identity = identity.into();
        self
    }

    /// Returns the catalog, which lists every file that belongs to the checkpoint.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }
}

/// Makes a live directory from a checkpoint. Its files share no inode with the checkpoint.
///
/// # Contract
///
/// The target holds the files of the catalog and nothing else. It has no catalog, so that a directory that an engine
/// writes to is not mistaken for a checkpoint. Files are clones where the filesystem can clone, and copies otherwise.
/// The length of every file is first compared with the catalog. Copies are compared with its checksums as they are
/// made. Clones are not read, so run [`verify`](crate::verify()) before the restore to check their bytes. The
/// checkpoint is only read.
///
/// Files and directories get the modes and owners that the catalog records. The catalog records none for linked files,
/// and a catalog of format 1 none at all. Files without a record get the mode and the owner that they have in the
/// checkpoint. [`Method`](crate::Method) lists everything that is not kept. A process that is not root cannot give
/// files to the engine's user, so run the restore as root or as that user.
///
/// [`Checkpoint::restore`] adds progress, a limit and another policy. [`Checkpoint::restore_into`] restores into a
/// directory that exists.
///
/// # Crash semantics
///
/// As [`Checkpoint::create`]: the target is absent or complete, and complete after `Ok`. The next attempt or
/// [`sweep`](crate::sweep()) clears the leftovers of a dead process.
///
/// # Errors
///
/// As [`Checkpoint::create`], where the checkpoint is the source.
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
/// #     fn identity(&self) -> String { "an engine".to_owned() }
/// #     fn visible_seqno(&self) -> Option<u64> { Some(7) }
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
/// assert_eq!((info.sst_files, info.seqno), (1, Some(7)));
/// assert_eq!(StdFs.read_to_vec(&dir.join("live/tables/1"), 100)?, b"rows");
/// # Ok(())
/// # }
/// ```
pub fn restore(checkpoint: &CheckpointDir, fs: &dyn Fs, target: &Path) -> Result<CheckpointInfo> {
    Checkpoint::new().policy(Policy::Independent).restore(checkpoint, fs, target)
}

impl Checkpoint<'_> {
    /// Restores as [`restore`] does, with these options and this policy.
    ///
    /// With a policy that links, the engine and the checkpoint share inodes. Use it only for an engine that never
    /// writes to a finished file. A file that the catalog does not mark as [linkable](CatalogFile::linkable) is copied
    /// under every policy, because the engine may go on to write to it.
    ///
    /// # Errors
    ///
    /// As [`restore`].
    pub fn restore(&self, checkpoint: &CheckpointDir, fs: &dyn Fs, target: &Path) -> Result<CheckpointInfo> {
        self.uncatalogued().create(checkpoint, fs, target)
    }

    /// Restores as [`restore`](Self::restore) does, into a directory that exists and is empty, such as the mount point
    /// of a volume. A directory `lost+found` in it does not count as an entry.
    ///
    /// # Contract
    ///
    /// The directory keeps its own mode and owner, because this call has not made it. No other process may put anything
    /// into it during the call. Its owner lock is held, so a second restore into it fails with
    /// [`InProgress`](Error::InProgress).
    ///
    /// Files are made in `.checkpoint-staged` in the directory. Then a file `.checkpoint-unpublished` marks the
    /// directory, and the files move out one by one. The files that make the trees readable come last, after all others
    /// are durable.
    ///
    /// # Crash semantics
    ///
    /// A crash leaves a directory that lacks some or all of the files that make its trees readable, or a complete one.
    /// **The directory itself exists in any case.** If an engine creates a new database wherever it finds none, do not
    /// start it while `.checkpoint-staged` exists.
    ///
    /// The next call for the directory removes the debris of a dead call, with everything in the top-level folders that
    /// the dead call has made. If another entry was put into the directory since, the next call removes nothing and
    /// fails with [`NotEmpty`](Error::NotEmpty). It also does so if the top-level names of the checkpoint take more
    /// than 1 MiB. A [sweep](crate::sweep()) does not find this debris.
    ///
    /// # Errors
    ///
    /// [`NotEmpty`](Error::NotEmpty), [`Undecided`](Error::Undecided), and [`Fs`](Error::Fs) with `NotFound` or
    /// `NotADirectory`. Otherwise as [`restore`], except that an error leaves the directory empty instead of absent.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use lsm_checkpoint::{Checkpoint, CheckpointDir, Policy};
    /// use lsm_fs::StdFs;
    /// use std::{path::Path, sync::Arc};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let monday = CheckpointDir::open(Arc::new(StdFs), "/backup/monday")?;
    /// Checkpoint::new().policy(Policy::Independent).restore_into(&monday, &StdFs, Path::new("/var/lib/db"))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn restore_into(
        &self,
        checkpoint: &CheckpointDir,
        fs: &dyn Fs,
        dir: &Path,
    ) -> Result<CheckpointInfo> {
        self.uncatalogued().make(checkpoint, fs, &Target::inside(dir))
    }
}

impl CheckpointSource for CheckpointDir {
    fn roots(&self) -> Vec<SourceRoot> {
        let known = self.catalog.attributes.iter();
        let known = known.map(|folder| (folder.path.clone(), folder.attributes.known())).collect();
        vec![SourceRoot::of_checkpoint(Arc::clone(&self.fs), &self.dir, known)]
    }

    /// Returns `None`, because single files of a checkpoint are never deleted.
    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn visible_seqno(&self) -> Option<u64> {
        self.catalog.seqno
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        Ok(self.catalog.files_by_tree(|_| true).into_iter().fold(Capture::new(), |capture, (tree, files)| {
            capture.tree(tree.folder.clone(), CapturedTree { checkpoint: self, tree, files })
        }))
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }
}

/// One tree of a checkpoint.
#[derive(Debug)]
struct CapturedTree<'a> {
    checkpoint: &'a CheckpointDir,
    tree: &'a CatalogTree,
    files: Vec<&'a CatalogFile>,
}

impl CapturedTree<'_> {
    fn path_of(&self, file: &CatalogFile) -> PathBuf {
        self.checkpoint.dir.join(self.checkpoint.catalog.path_of(file))
    }

    /// Compares the type and the length of a file with the catalog. Returns the permissions that a copy of it gets.
    fn check(&self, fs: &dyn Fs, file: &CatalogFile) -> Result<Option<Permissions>> {
        let path = self.path_of(file);
        let what = match fs.symlink_metadata(&path) {
            Ok(there) if !there.is_file() => Change::Type,
            Ok(there) if there.len == file.len => return Ok(file.attributes.over(there.permissions)),
            Ok(there) => Change::Length { expected: file.len, found: there.len },
            Err(e) if e.kind() == io::ErrorKind::NotFound => Change::Gone,
            Err(e) => return Err(e.into()),
        };
        Err(Error::SourceChanged { path, what })
    }
}

impl Snapshot for CapturedTree<'_> {
    fn version_id(&self) -> u64 {
        self.tree.version_id
    }

    /// Compares the type and length of each file with the catalog first, because a checkpoint is not trusted, and a
    /// clone does not check the length of its file.
    fn files(&self) -> Result<Vec<SourceFile>, BoxError> {
        let fs = beneath_checkpoint(&*self.checkpoint.fs, &self.checkpoint.dir)?;
        let root: Arc<Path> = Arc::from(self.checkpoint.dir.as_path());
        let source_file = |(file, permissions): (&CatalogFile, Option<Permissions>)| {
            let (kind, fs, path) = (file.kind.clone(), Arc::clone(&self.checkpoint.fs), self.path_of(file));
            let source = match file.linkable {
                true => SourceFile::immutable(kind, fs, path, file.len),
                false => SourceFile::prefix(kind, fs, path, file.len),
            };
            source.checksum(file.checksum).beneath(&root).permissions(permissions)
        };
        let mut files = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let permissions = self.check(&*fs, file)?;
            if !file.is_written_metadata() {
                files.push(source_file((file, permissions)));
            }
        }
        Ok(files)
    }

    fn folders(&self) -> Vec<FileKind> {
        self.tree.folders.iter().map(|folder| FileKind::other(folder.clone())).collect()
    }

    /// Copies the files in the catalog's order, in which they got their names.
    fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
        let fs = beneath_checkpoint(&*self.checkpoint.fs, &self.checkpoint.dir)?;
        for file in self.files.iter().filter(|file| file.is_written_metadata()) {
            metadata::copy(&*fs, self.path_of(file), file, target)?;
        }
        Ok(())
    }
}
