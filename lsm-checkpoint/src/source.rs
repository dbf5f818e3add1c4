//! What a live tree must supply: [`CheckpointSource`], [`Capture`], [`Snapshot`], [`SourceFile`].

mod by_ref;
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

pub use pinned::PinnedSnapshot;

/// A live engine that checkpoints can be taken of: one tree, or a database of several.
///
/// # Contract
///
/// The calls come once each, in this order: [`roots`](Self::roots), [`identity`](Self::identity),
/// [`deletion_pause`](Self::deletion_pause), [`visible_seqno`](Self::visible_seqno), [`flush`](Self::flush),
/// [`capture`](Self::capture). Writers, flushes and compactions go on meanwhile.
///
/// A file is captured only after its own sync and that of its directory returned `Ok`, the first time each.
pub trait CheckpointSource {
    /// The directories that the engine writes to, each with its filesystem. No checkpoint may lie in one of them.
    ///
    /// The checkpoint's directory, its manifests and its catalog take the mode and the owner of the first. Without one,
    /// they can be used by the process's user alone.
    fn roots(&self) -> Vec<SourceRoot>;

    /// The pause that every unlink of the engine asks. `None` if a snapshot keeps its files alive by itself.
    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>>;

    /// The number of the last write that readers see, with all before it; `None` if nothing was written yet. The
    /// checkpoint holds these writes, and perhaps later ones. A replay starts behind this number, or at the first
    /// write.
    ///
    /// A counter that holds the *next* number is one too high, and 0 means `None`: `counter.checked_sub(1)`.
    fn visible_seqno(&self) -> Option<u64>;

    /// Brings every write that is visible now into a version: memtables become tables. It must not make garbage of
    /// anything that an older reader needs.
    ///
    /// # Errors
    ///
    /// The engine's own; it ends the checkpoint.
    fn flush(&self) -> Result<(), BoxError>;

    /// Captures the current version of every tree, as of one moment.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    fn capture(&self) -> Result<Capture<'_>, BoxError>;

    /// The name of this database in catalogs, such as an id that it keeps: the same at every call and after every open,
    /// and no other database's. Checkpoints are grouped by it when old ones are deleted, so two databases of one name
    /// lose checkpoints to each other.
    ///
    /// It is 1 to 255 bytes of text without control characters, and without white space at its ends.
    fn identity(&self) -> String;
}

/// The captured version of one tree. Dropping it releases what it pins.
///
/// [`PinnedSnapshot`] is one for engines that have everything at hand when they capture.
pub trait Snapshot {
    /// The number of the version.
    fn version_id(&self) -> u64;

    /// Every file of the version, of every kind, except what [`write_manifest`](Self::write_manifest) writes.
    ///
    /// # Errors
    ///
    /// The engine's own; it ends the checkpoint.
    fn files(&self) -> Result<Vec<SourceFile>, BoxError>;

    /// The kinds whose folders are made even if no file is of them, for an engine that expects to find them.
    fn folders(&self) -> Vec<FileKind> {
        vec![FileKind::Table]
    }

    /// Writes the metadata that makes a directory with those files a tree of this version: the manifest and CURRENT, or
    /// whatever the engine has. It is written anew for the captured version; the live directory may have moved on.
    ///
    /// # Contract
    ///
    /// The file that makes the tree readable gets its name last. Syncs may be left out: all that is made through the
    /// target is synced before the checkpoint is published.
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
    /// Somebody else may have put links into it: a checkpoint, as opposed to a live directory.
    pub(crate) is_untrusted: bool,
    /// The permissions that a checkpoint's catalog knows of its directories, by their paths.
    folders: Arc<HashMap<String, KnownPermissions>>,
}

impl SourceRoot {
    /// The directory at this path of this filesystem.
    pub fn new(fs: Arc<dyn Fs>, path: impl Into<PathBuf>) -> Self {
        Self { fs, path: path.into(), is_untrusted: false, folders: Arc::default() }
    }

    /// The directory of a checkpoint. Nothing below it is reached through a symbolic link or another mount.
    pub(crate) fn of_checkpoint(
        fs: Arc<dyn Fs>,
        path: &Path,
        folders: HashMap<String, KnownPermissions>,
    ) -> Self {
        Self { fs, path: path.to_path_buf(), is_untrusted: true, folders: Arc::new(folders) }
    }

    /// The permissions that a copy of one of its directories gets: those that a catalog says, or else those that are
    /// there.
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
    /// Fills in the permissions that are there for the unknown ones.
    pub(crate) fn over(self, there: Option<Permissions>) -> Option<Permissions> {
        Some(Permissions {
            mode: self.mode.or(there.map(|there| there.mode))?,
            owner: self.owner.or(there.map(|there| there.owner))?,
            group: self.group.or(there.map(|there| there.group))?,
        })
    }
}

/// What was captured at one moment: the snapshot of each tree.
#[derive(Default)]
pub struct Capture<'a> {
    pub(crate) trees: Vec<(String, Box<dyn Snapshot + 'a>)>,
}

impl<'a> Capture<'a> {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Of an engine that is one tree: its files lie in the target itself.
    pub fn one(snapshot: impl Snapshot + 'a) -> Self {
        Self::new().tree("", snapshot)
    }

    /// Adds a tree of several; its files lie in this folder of the target, which has up to four components with `/`
    /// between them. One of the trees may lie in the target itself, in `""`.
    #[must_use]
    pub fn tree(mut self, folder: impl Into<String>, snapshot: impl Snapshot + 'a) -> Self {
        self.trees.push((folder.into(), Box::new(snapshot)));
        self
    }
}

impl fmt::Debug for Capture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.trees.iter().map(|(folder, _)| folder)).finish()
    }
}

/// What a file is, which decides the folder it lies in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// A table, in `tables`.
    Table,
    /// A blob file, in `blobs`.
    Blob,
    /// Another kind of data file, in the folder of this name: up to four path components with `/` between them.
    Other(Cow<'static, str>),
    /// A manifest, a pointer, options: beside the folders.
    Metadata,
}

impl FileKind {
    /// The kind of data file that lies in the folder of this name: tables and blobs by the names of theirs.
    pub fn other(folder: impl Into<Cow<'static, str>>) -> Self {
        match folder.into() {
            folder if folder == TABLES_FOLDER => Self::Table,
            folder if folder == BLOBS_FOLDER => Self::Blob,
            folder => Self::Other(folder),
        }
    }

    /// The kind that goes by the folder, however it was spelled.
    pub(crate) fn canonical(self) -> Self {
        match self {
            Self::Other(folder) => Self::other(folder),
            kind => kind,
        }
    }

    /// The folder, empty for metadata.
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

/// A file of a snapshot, with what may be done with it. A file that can still change has no way to be linked.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub(crate) kind: FileKind,
    pub(crate) name: OsString,
    pub(crate) content: Content,
    pub(crate) checksum: Option<u128>,
    /// The directory beneath which its path is resolved. `None` for a file of a live source, which is trusted.
    pub(crate) root: Option<Arc<Path>>,
    /// The permissions that a copy of it gets. `None`: those that it has.
    pub(crate) permissions: Option<Permissions>,
}

/// Where a file's bytes come from.
#[derive(Clone)]
pub(crate) enum Content {
    /// Never written again: may be linked, cloned or copied.
    Immutable { fs: Arc<dyn Fs>, path: PathBuf, len: Option<u64> },
    /// Appended to: the first `len` bytes are copied.
    Prefix { fs: Arc<dyn Fs>, path: PathBuf, len: u64 },
    /// At hand.
    Bytes(Arc<[u8]>),
}

impl SourceFile {
    /// A file that is never written again and may be shared: a finished table or blob file. It is a regular file, not a
    /// symbolic link. `len` where it is known, which is believed unless the file is copied; otherwise it is looked up.
    pub fn immutable(
        kind: FileKind,
        fs: Arc<dyn Fs>,
        path: impl Into<PathBuf>,
        len: impl Into<Option<u64>>,
    ) -> Self {
        let path = path.into();
        Self::new(kind, file_name(&path), Content::Immutable { fs, path, len: len.into() })
    }

    /// The first `len` bytes of a file that is appended to, such as a log. They are copied, whatever the policy.
    pub fn prefix(kind: FileKind, fs: Arc<dyn Fs>, path: impl Into<PathBuf>, len: u64) -> Self {
        let path = path.into();
        Self::new(kind, file_name(&path), Content::Prefix { fs, path, len })
    }

    /// A file with these bytes.
    pub fn bytes(kind: FileKind, name: impl Into<OsString>, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::new(kind, name.into(), Content::Bytes(bytes.into()))
    }

    /// Gives it another name than it has in the source.
    #[must_use]
    pub fn named(mut self, name: impl Into<OsString>) -> Self {
        self.name = name.into();
        self
    }

    /// Its XXH3-128, where the version knows it: copies are held against it, and the catalog keeps it.
    #[must_use]
    pub fn checksum(mut self, xxh3_128: impl Into<Option<u128>>) -> Self {
        self.checksum = xxh3_128.into();
        self
    }

    fn new(kind: FileKind, name: OsString, content: Content) -> Self {
        Self { kind, name, content, checksum: None, root: None, permissions: None }
    }

    /// Says which permissions a copy of it gets.
    pub(crate) const fn permissions(mut self, permissions: Option<Permissions>) -> Self {
        self.permissions = permissions;
        self
    }

    /// Has its path resolved beneath the directory of the checkpoint that it belongs to.
    pub(crate) fn beneath(mut self, root: &Arc<Path>) -> Self {
        self.root = Some(Arc::clone(root));
        self
    }
}

impl Content {
    /// The path in the source.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Immutable { path, .. } | Self::Prefix { path, .. } => Some(path),
            Self::Bytes(_) => None,
        }
    }

    /// The length, as far as the snapshot knows it.
    pub(crate) fn known_len(&self) -> Option<u64> {
        match self {
            Self::Immutable { len, .. } => *len,
            Self::Prefix { len, .. } => Some(*len),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Immutable { path, len, .. } => write!(f, "Immutable({}, {len:?})", path.display()),
            Self::Prefix { path, len, .. } => write!(f, "Prefix({}, {len})", path.display()),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
        }
    }
}

fn file_name(path: &Path) -> OsString {
    // The plan refuses an empty name.
    path.file_name().map_or_else(OsString::new, OsStr::to_os_string)
}
