//! [`Catalog`]: the file that lists the contents of a checkpoint.

mod budget;
mod check;
mod codec;

use std::{
    fmt,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use lsm_fs::{Fs, Permissions};
use lsm_manifest::{ManifestArchiveReader, ManifestArchiveWriter, ReadOptions, WriteOptions};

use budget::Budget;

use crate::{
    CATALOG_FILE, CatalogDefect, Error, FileKind, Method, Result, source::KnownPermissions,
    view::beneath_checkpoint,
};

/// The catalog format that this version writes. It also reads format 1.
pub const CATALOG_FORMAT: u32 = 2;

/// A callback that charges the memory of a name of this length to the budget of a catalog.
pub(crate) type TakeMemory<'t> = &'t mut dyn FnMut(usize) -> Result<(), CatalogDefect>;

/// The contents of a checkpoint, by name.
///
/// It is stored as an archive of `lsm-manifest`, in which every block has a checksum. `FORMAT.md` in the directory of
/// the crate specifies every byte.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Catalog {
    /// The format that the catalog was read from, or is written in.
    pub format: u32,
    /// The identity of the source, of at most 255 bytes. It is empty only in a catalog of format 1 whose source had
    /// none. Such checkpoints may belong to different sources, so do not base deletions on an empty identity.
    pub identity: String,
    /// The sequence number: the checkpoint holds every write up to it. `None` if the source had no write or did not
    /// know its number. In format 1, the stored 0 is ambiguous and is read as `None`.
    pub seqno: Option<u64>,
    /// The creation time since the Unix epoch, by the clock of the maker.
    pub created: Duration,
    /// The trees. A tree with the folder `""` lies in the checkpoint's own directory.
    pub trees: Vec<CatalogTree>,
    /// The files, tree by tree. Within a tree, metadata comes last, in the order in which the files got their names.
    /// The last metadata file makes the tree readable.
    pub files: Vec<CatalogFile>,
    /// The known attributes of directories. A listed directory is the directory of a tree, a folder of a tree, or a
    /// parent of one of these.
    pub attributes: Vec<CatalogFolder>,
}

/// A tree of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogTree {
    /// The folder of the tree in the checkpoint: empty, or up to four path components separated by `/`.
    pub folder: String,
    /// The captured version.
    pub version_id: u64,
    /// The folders in the tree, including empty ones. Each has one to four path components.
    pub folders: Vec<String>,
}

/// A file of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogFile {
    /// The position of the file's tree in [`Catalog::trees`].
    pub tree: u32,
    /// The kind of the file.
    pub kind: FileKind,
    /// The name, one path component.
    pub name: String,
    /// The length in bytes.
    pub len: u64,
    /// The XXH3-128 of the file, if the source knew it or copying computed it.
    pub checksum: Option<u128>,
    /// The SHA-256 of the file, if it was computed.
    pub sha256: Option<[u8; 32]>,
    /// The method by which the file came into the checkpoint.
    pub method: Method,
    /// `true` if a restore may link the file, because it is never written to again. Otherwise a restore must copy it.
    pub linkable: bool,
    /// The bytes of storage that the file takes in the source, if known. A file with holes takes less than its length.
    pub allocated_bytes: Option<u64>,
    /// The known mode and owners of the file in the source.
    pub attributes: Attributes,
}

/// A directory of a checkpoint whose attributes are known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogFolder {
    /// The path in the checkpoint, with `/` between the components. It is empty for the checkpoint's own directory.
    pub path: String,
    /// The known mode and owners of the directory in the source.
    pub attributes: Attributes,
}

/// The known mode, owner and group of a file or a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attributes {
    /// The permission bits, including setuid, setgid and sticky: at most `0o7777`.
    pub mode: Option<u32>,
    /// The number of the owner.
    pub owner: Option<u32>,
    /// The number of the group.
    pub group: Option<u32>,
}

impl Attributes {
    /// Returns the attributes of a file or directory whose permissions may be unknown.
    pub(crate) fn of(permissions: Option<Permissions>) -> Self {
        permissions.map_or(Self { mode: None, owner: None, group: None }, Self::from)
    }

    /// Returns the same attributes as permissions for a copy.
    pub(crate) const fn known(&self) -> KnownPermissions {
        let Self { mode, owner, group } = *self;
        KnownPermissions { mode, owner, group }
    }

    /// Returns these attributes as permissions. Unknown fields are taken from `there`, the permissions on disk.
    pub(crate) fn over(&self, there: Option<Permissions>) -> Option<Permissions> {
        self.known().over(there)
    }
}

impl From<Permissions> for Attributes {
    fn from(permissions: Permissions) -> Self {
        let Permissions { mode, owner, group } = permissions;
        Self { mode: Some(mode), owner: Some(owner), group: Some(group) }
    }
}

impl CatalogFile {
    /// Creates an entry without optional fields. The file must be copied.
    pub(crate) fn new(tree: u32, kind: FileKind, name: String, len: u64, method: Method) -> Self {
        let (checksum, sha256, allocated_bytes) = (None, None, None);
        let attributes = Attributes::default();
        Self { tree, kind, name, len, checksum, sha256, method, linkable: false, allocated_bytes, attributes }
    }

    /// Returns `true` for metadata that was written from memory. A restore writes it anew.
    pub(crate) fn is_written_metadata(&self) -> bool {
        self.kind == FileKind::Metadata && self.method == Method::Written
    }

    /// Returns the position of the tree, or an invalid position if `usize` is too small.
    pub(crate) fn tree_index(&self) -> usize {
        usize::try_from(self.tree).unwrap_or(usize::MAX)
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog")
            .field("identity", &self.identity)
            .field("seqno", &self.seqno)
            .field("trees", &self.trees)
            .field("files", &self.files.len())
            .finish_non_exhaustive()
    }
}

impl Catalog {
    /// Reads the catalog of a checkpoint, and verifies every section that it reads.
    ///
    /// The memory that a catalog takes is bounded by the real contents of its directory. A catalog may list about
    /// 60,000 names of ordinary length that its directory lacks. A catalog that lists more is refused before more
    /// memory is allocated. A catalog of more than 16 MiB is refused if its directory holds too few entries for a
    /// catalog of this length.
    ///
    /// # Errors
    ///
    /// - [`NotACheckpoint`](Error::NotACheckpoint): the directory has no catalog.
    /// - [`BadCatalog`](Error::BadCatalog), [`UnsupportedFormat`](Error::UnsupportedFormat),
    ///   [`UnsupportedFeatures`](Error::UnsupportedFeatures): the catalog has other contents than this version accepts.
    /// - [`Manifest`](Error::Manifest): the archive is damaged.
    /// - [`Fs`](Error::Fs): the catalog cannot be read.
    pub fn read(fs: &dyn Fs, dir: &Path) -> Result<Self> {
        let file = dir.join(CATALOG_FILE);
        let none = || Error::NotACheckpoint { dir: dir.to_path_buf() };
        let fs = &*beneath_checkpoint(fs, dir)?;
        let mut budget = Budget::new(fs, dir);
        match fs.symlink_metadata(&file) {
            Ok(there) if there.is_file() => {
                budget.check_len(there.len).map_err(|what| refused(&file, what.into()))?;
            }
            // A symbolic link can lead out of the checkpoint.
            Ok(_) => return Err(none()),
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(none()),
            Err(e) => return Err(e.into()),
        }
        let archive = match ManifestArchiveReader::open(fs, &file, &ReadOptions::new()) {
            Ok(archive) => archive,
            Err(lsm_manifest::Error::Fs(e)) if e.kind() == ErrorKind::NotFound => return Err(none()),
            Err(error) => return Err(error.into()),
        };
        Self::decode(&archive, budget)
    }

    /// Decodes the bytes of a file `CHECKPOINT`, for example of one that was downloaded.
    ///
    /// `file` appears only in errors. `memory` limits the bytes that the names of trees, folders and files may take.
    /// Each name counts as 400 bytes and twice the length of its path. The bytes themselves and the section that is
    /// being decoded come on top.
    ///
    /// # Errors
    ///
    /// The errors of [`read`](Self::read) except [`NotACheckpoint`](Error::NotACheckpoint) and [`Fs`](Error::Fs). A
    /// catalog that needs more memory is a [`BadCatalog`](Error::BadCatalog).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use lsm_checkpoint::{CATALOG_FILE, Catalog};
    /// use std::path::Path;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let file = Path::new("/backups/daily").join(CATALOG_FILE);
    /// let catalog = Catalog::from_bytes(&file, std::fs::read(&file)?, 64 << 20)?;
    /// println!("{} files", catalog.files.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_bytes(file: &Path, bytes: Vec<u8>, memory: u64) -> Result<Self> {
        let archive = ManifestArchiveReader::from_bytes(file, bytes, &ReadOptions::new())?;
        Self::decode(&archive, Budget::of_memory(memory))
    }

    fn decode(archive: &ManifestArchiveReader, mut budget: Budget<'_>) -> Result<Self> {
        let refuse = |refusal| refused(archive.path(), refusal);
        let mut take = |text_len: usize| budget.take(text_len);
        let head = archive.read_section(codec::HEAD_SECTION)?.payload;
        let mut decoder = codec::Decoder::new(&head, &mut take).map_err(refuse)?;
        drop(head);
        // Only one section is in memory at a time.
        for name in decoder.sections(archive.footer().sections().iter().map(|entry| entry.name.as_str())) {
            decoder.section(name, &archive.read_section(name)?.payload, &mut take).map_err(refuse)?;
        }
        decoder.finish(&mut take).map_err(refuse)
    }

    /// Returns the path of one of its files, relative to the checkpoint.
    #[must_use]
    pub fn path_of(&self, file: &CatalogFile) -> PathBuf {
        let tree = self.trees.get(file.tree_index());
        let (tree, folder) = (tree.map_or("", |tree| tree.folder.as_str()), file.kind.folder());
        let mut path = PathBuf::with_capacity(tree.len() + folder.len() + file.name.len() + 2);
        path.extend(tree.split('/').chain(folder.split('/')).filter(|name| !name.is_empty()));
        path.push(&file.name);
        path
    }

    /// Returns every tree with its wanted files, in the order of the catalog.
    pub(crate) fn files_by_tree(
        &self,
        is_wanted: impl Fn(&CatalogFile) -> bool,
    ) -> Vec<(&CatalogTree, Vec<&CatalogFile>)> {
        let mut trees: Vec<_> = self.trees.iter().map(|tree| (tree, Vec::new())).collect();
        crate::tally::steps(self.files.len());
        for file in self.files.iter().filter(|file| is_wanted(file)) {
            match trees.get_mut(file.tree_index()) {
                Some((_, files)) => files.push(file),
                None => debug_assert!(false, "the decoder refuses {file:?}, which has no tree"),
            }
        }
        trees
    }

    /// Returns the files that make the trees readable: the last metadata file of each tree.
    pub(crate) fn pointers(&self) -> Vec<PathBuf> {
        let trees = self.files_by_tree(|file| file.kind == FileKind::Metadata);
        trees.iter().filter_map(|(_, metadata)| metadata.last()).map(|file| self.path_of(file)).collect()
    }

    /// Returns the total length of all files.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.len))
    }

    /// Writes the catalog into a directory that has none.
    pub(crate) fn write(&self, fs: &dyn Fs, dir: &Path) -> Result<()> {
        let mut writer = ManifestArchiveWriter::create(fs, &dir.join(CATALOG_FILE), WriteOptions::new())?;
        for (name, payload) in codec::encode(self) {
            writer.add_section(&name, &payload)?;
        }
        let _ = writer.finish()?;
        Ok(())
    }
}

/// Makes the error of a catalog that is refused.
fn refused(file: &Path, refusal: codec::Refusal) -> Error {
    let file = file.to_path_buf();
    match refusal {
        codec::Refusal::Format(found) => Error::UnsupportedFormat { file, found },
        codec::Refusal::Features(features) => Error::UnsupportedFeatures { file, features },
        codec::Refusal::Defect(what) => Error::BadCatalog { file, what },
    }
}

#[cfg(test)]
mod tests;
