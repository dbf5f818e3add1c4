//! The parts that a live tree must supply: [`CheckpointSource`], [`Capture`], [`Snapshot`], [`SourceFile`].

mod by_ref;
mod capture;
mod pinned;

use std::{
    borrow::Cow,
    collections::HashMap,
    ffi::{OsStr, OsString},
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::{Fs, FsMetadata, Permissions};
use lsm_manifest::{BLOBS_FOLDER, TABLES_FOLDER};

use crate::{BoxError, DeletionPause, ManifestTarget};

pub use capture::Capture;
pub use pinned::PinnedSnapshot;

/// A live engine from which checkpoints can be taken: one tree, or a database of several.
///
/// # Contract
///
/// A checkpoint calls each method at most once, in this order: [`roots`](Self::roots), [`identity`](Self::identity),
/// [`check`](Self::check), [`deletion_pause`](Self::deletion_pause), [`visible_seqno`](Self::visible_seqno),
/// [`flush`](Self::flush), [`capture`](Self::capture). Writers, flushes and compactions continue meanwhile.
///
/// A version names a file only after the file's own sync and its directory's sync have returned `Ok`, each at its first
/// attempt.
pub trait CheckpointSource {
    /// Returns the directories that the engine writes to, each with its filesystem. A checkpoint inside one of them is
    /// refused. If a folder inside one of them may be a symbolic link, also return that folder, so that a checkpoint in
    /// the place that it leads to is refused, too.
    ///
    /// The checkpoint's directory, its manifests and its catalog get the mode and the owner of the first directory.
    /// Without a directory, they are private to the user of the process.
    fn roots(&self) -> Vec<SourceRoot>;

    /// Returns the pause that the engine asks before every unlink. `None` if a snapshot keeps its files alive by
    /// itself.
    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>>;

    /// Returns the sequence number of the last write that readers see, or `None` if nothing was written yet. Readers
    /// must also see all writes before it. The checkpoint holds every write up to this number, and perhaps later ones.
    /// A replay starts after this number, or at the first write if there is no number.
    ///
    /// If the engine's counter holds the *next* number, return `counter.checked_sub(1)`.
    fn visible_seqno(&self) -> Option<u64>;

    /// Makes every write that is visible now part of a version, by writing memtables to tables. The flush must not
    /// discard anything that an older reader needs.
    ///
    /// # Errors
    ///
    /// The engine's own error, which ends the checkpoint.
    fn flush(&self) -> Result<(), BoxError>;

    /// Captures the current version of every tree, as of one moment.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    fn capture(&self) -> Result<Capture<'_>, BoxError>;

    /// Returns the identity of this database, such as an id that it stores. The identity is the same at every call and
    /// after every open, and no other database has it. Catalogs record it, and backup tools group checkpoints by it
    /// when they delete old ones. If two databases share an identity, a backup of one can cause checkpoints of the
    /// other to be deleted.
    ///
    /// The identity is 1 to 255 bytes of text without control characters, and without white space at its ends.
    fn identity(&self) -> String;

    /// Refuses a database with an option or in a state that this adapter does not support. The call comes before
    /// anything is flushed or made. The default accepts every database.
    ///
    /// # Errors
    ///
    /// The engine's own error, which ends the checkpoint. It names the option or the file, and the remedy.
    fn check(&self) -> Result<(), BoxError> {
        Ok(())
    }
}

/// The captured version of one tree. Dropping it releases the files that it pins.
///
/// [`PinnedSnapshot`] is a ready-made implementation for engines that know all files and metadata when they capture.
pub trait Snapshot {
    /// Returns the number of the version.
    fn version_id(&self) -> u64;

    /// Returns every file of the version, of every kind, except the files that [`write_manifest`](Self::write_manifest)
    /// writes.
    ///
    /// # Errors
    ///
    /// The engine's own error, which ends the checkpoint.
    fn files(&self) -> Result<Vec<SourceFile>, BoxError>;

    /// Returns the kinds whose folders are made even if they hold no file. Some engines expect to find these folders.
    fn folders(&self) -> Vec<FileKind> {
        vec![FileKind::Table]
    }

    /// Writes the metadata that makes a tree of this version out of a directory with these files: the manifest and
    /// CURRENT, or the engine's own equivalent. Do not copy the metadata of the live directory, which may belong to a
    /// later version by now.
    ///
    /// # Contract
    ///
    /// The file that makes the tree readable gets its name last. Syncs may be left out, because everything that is made
    /// through the target is synced before the checkpoint is published.
    ///
    /// # Errors
    ///
    /// As [`files`](Self::files).
    fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError>;
}

/// A directory of the engine.
#[derive(Clone, Debug)]
pub struct SourceRoot {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) path: PathBuf,
    /// `true` for a checkpoint, in which another user may have put links. `false` for a live directory.
    pub(crate) is_untrusted: bool,
    /// The permissions that a checkpoint's catalog records for its directories, by their paths.
    folders: Arc<HashMap<String, KnownPermissions>>,
}

impl SourceRoot {
    /// Creates a root for the directory at this path of this filesystem.
    pub fn new(fs: Arc<dyn Fs>, path: impl Into<PathBuf>) -> Self {
        Self { fs, path: path.into(), is_untrusted: false, folders: Arc::default() }
    }

    /// Creates a root for the directory of a checkpoint. Nothing below it is reached through a symbolic link or another
    /// mount.
    pub(crate) fn of_checkpoint(
        fs: Arc<dyn Fs>,
        path: &Path,
        folders: HashMap<String, KnownPermissions>,
    ) -> Self {
        Self { fs, path: path.to_path_buf(), is_untrusted: true, folders: Arc::new(folders) }
    }

    /// Returns the permissions that a copy of one of its directories gets. Permissions in a catalog take precedence
    /// over the permissions on disk.
    pub(crate) fn keeps(&self, dir: &str, there: &FsMetadata) -> Option<Permissions> {
        match self.folders.get(dir) {
            Some(known) => known.over(there.permissions),
            None => there.permissions,
        }
    }
}

/// The mode, the owner and the group that a copy gets, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownPermissions {
    pub(crate) mode: Option<u32>,
    pub(crate) owner: Option<u32>,
    pub(crate) group: Option<u32>,
}

impl KnownPermissions {
    /// Fills in unknown permissions from the existing ones.
    pub(crate) fn over(self, there: Option<Permissions>) -> Option<Permissions> {
        Some(Permissions {
            mode: self.mode.or(there.map(|there| there.mode))?,
            owner: self.owner.or(there.map(|there| there.owner))?,
            group: self.group.or(there.map(|there| there.group))?,
        })
    }
}

/// The kind of a file, which decides the folder that it lies in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// A table, in `tables`.
    Table,
    /// A blob file, in `blobs`.
    Blob,
    /// Another kind of data file, in the folder of this name: up to four path components with `/` between them.
    Other(Cow<'static, str>),
    /// A manifest, a pointer or options, which lie beside the folders.
    Metadata,
}

impl FileKind {
    /// Returns the kind of data file that lies in the folder of this name: [`Table`](Self::Table) for `tables`,
    /// [`Blob`](Self::Blob) for `blobs`, and [`Other`](Self::Other) otherwise.
    pub fn other(folder: impl Into<Cow<'static, str>>) -> Self {
        match folder.into() {
            folder if folder == TABLES_FOLDER => Self::Table,
            folder if folder == BLOBS_FOLDER => Self::Blob,
            folder => Self::Other(folder),
        }
    }

    /// Returns the kind that the folder's name decides. For example, `Other` with the folder of the tables becomes
    /// `Table`.
    pub(crate) fn canonical(self) -> Self {
        match self {
            Self::Other(folder) => Self::other(folder),
            kind => kind,
        }
    }

    /// Returns the folder, which is empty for metadata.
    #[must_use]
    pub fn folder(&self) -> &str {
        match self {
            Self::Table => TABLES_FOLDER,
            Self::Blob => BLOBS_FOLDER,
            Self::Other(folder) => folder,
            Self::Metadata => "",
        }
    }
}

/// A file of a snapshot. Its constructor decides how the file may be used: only an [`immutable`](Self::immutable) file
/// may be linked or cloned.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub(crate) kind: FileKind,
    pub(crate) name: OsString,
    pub(crate) content: Content,
    pub(crate) checksum: Option<u128>,
    /// The directory beneath which its path is resolved. `None` for a file of a live source, which is trusted.
    pub(crate) root: Option<Arc<Path>>,
    /// The permissions that a copy of it gets. `None` means the permissions of the file itself.
    pub(crate) permissions: Option<Permissions>,
}

/// The origin of a file's bytes.
#[derive(Clone)]
pub(crate) enum Content {
    /// A file that is never written again. It may be linked, cloned or copied.
    Immutable { fs: Arc<dyn Fs>, path: PathBuf, len: Option<u64> },
    /// A file that may change after the checkpoint. All of it is copied and compared with its checksum.
    Mutable { fs: Arc<dyn Fs>, path: PathBuf, len: Option<u64> },
    /// A file that is appended to. The first `len` bytes are copied.
    Prefix { fs: Arc<dyn Fs>, path: PathBuf, len: u64 },
    /// Bytes in memory.
    Bytes(Arc<[u8]>),
}

impl SourceFile {
    /// Creates a file that is never written again and may be shared, such as a finished table or blob file. It must be
    /// a regular file, not a symbolic link. If `len` is given, it is checked only if the file is copied. Otherwise the
    /// length is looked up.
    pub fn immutable(
        kind: FileKind,
        fs: Arc<dyn Fs>,
        path: impl Into<PathBuf>,
        len: impl Into<Option<u64>>,
    ) -> Self {
        let path = path.into();
        Self::new(kind, file_name(&path), Content::Immutable { fs, path, len: len.into() })
    }

    /// Creates a file that may change later, such as a table that a compaction cuts in place. It is copied under every
    /// policy, so that it shares no inode with the source, and a restore copies it, too. The copy is compared with the
    /// checksum of the captured state. If the file has changed before it is copied, the checkpoint fails with
    /// [`SourceCorrupt`](crate::Error::SourceCorrupt) or [`SourceChanged`](crate::Error::SourceChanged).
    pub fn mutable(
        kind: FileKind,
        fs: Arc<dyn Fs>,
        path: impl Into<PathBuf>,
        len: impl Into<Option<u64>>,
        xxh3_128: u128,
    ) -> Self {
        let path = path.into();
        let content = Content::Mutable { fs, path: path.clone(), len: len.into() };
        Self::new(kind, file_name(&path), content).checksum(xxh3_128)
    }

    /// Creates a file from the first `len` bytes of a file that the engine still appends to, such as a log. These bytes
    /// are copied under every policy.
    pub fn prefix(kind: FileKind, fs: Arc<dyn Fs>, path: impl Into<PathBuf>, len: u64) -> Self {
        let path = path.into();
        Self::new(kind, file_name(&path), Content::Prefix { fs, path, len })
    }

    /// Creates a file with these bytes.
    pub fn bytes(kind: FileKind, name: impl Into<OsString>, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::new(kind, name.into(), Content::Bytes(bytes.into()))
    }

    /// Sets the name in the checkpoint. Default: the name in the source.
    #[must_use]
    pub fn named(mut self, name: impl Into<OsString>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the XXH3-128 of the file's bytes, if the version knows it. Copies are compared with it, and the catalog
    /// records it.
    #[must_use]
    pub fn checksum(mut self, xxh3_128: impl Into<Option<u128>>) -> Self {
        self.checksum = xxh3_128.into();
        self
    }

    fn new(kind: FileKind, name: OsString, content: Content) -> Self {
        Self { kind, name, content, checksum: None, root: None, permissions: None }
    }

    /// Sets the permissions that a copy of it gets.
    pub(crate) const fn permissions(mut self, permissions: Option<Permissions>) -> Self {
        self.permissions = permissions;
        self
    }

    /// Makes its path resolve beneath the directory of the checkpoint that it belongs to.
    pub(crate) fn beneath(mut self, root: &Arc<Path>) -> Self {
        self.root = Some(Arc::clone(root));
        self
    }
}

impl Content {
    /// Returns the path in the source.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Immutable { path, .. } | Self::Mutable { path, .. } | Self::Prefix { path, .. } => {
                Some(path)
            }
            Self::Bytes(_) => None,
        }
    }

    /// Returns the length, if the snapshot knows it.
    pub(crate) fn known_len(&self) -> Option<u64> {
        match self {
            Self::Immutable { len, .. } | Self::Mutable { len, .. } => *len,
            Self::Prefix { len, .. } => Some(*len),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Immutable { path, len, .. } => write!(f, "Immutable({}, {len:?})", path.display()),
            Self::Mutable { path, len, .. } => write!(f, "Mutable({}, {len:?})", path.display()),
            Self::Prefix { path, len, .. } => write!(f, "Prefix({}, {len})", path.display()),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
        }
    }
}

fn file_name(path: &Path) -> OsString {
    // The plan refuses an empty name.
    path.file_name().map_or_else(OsString::new, OsStr::to_os_string)
}
