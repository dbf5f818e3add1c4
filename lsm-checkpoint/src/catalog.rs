//! [`Catalog`]: the file that says what a checkpoint holds.

mod budget;
mod check;
mod codec;

use std::{
    fmt,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use lsm_fs::Fs;
use lsm_manifest::{ManifestArchiveReader, ManifestArchiveWriter, ReadOptions, WriteOptions};

use budget::Budget;

use crate::{CATALOG_FILE, CatalogDefect, Error, FileKind, Method, Result, view::beneath_checkpoint};

/// The format that is written. Format 1 is read as well.
pub const CATALOG_FORMAT: u32 = 2;

/// Takes the memory of a name, whose text is so long, from what a catalog may take.
pub(crate) type Take<'t> = &'t mut dyn FnMut(usize) -> Result<(), CatalogDefect>;

/// What a checkpoint holds, by name.
///
/// It is stored as an archive of the same format as a manifest, whose blocks have checksums each. `FORMAT.md` in the
/// crate's directory describes every byte.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Catalog {
    /// The format that it was read from, or is written in.
    pub format: u32,
    /// The source's name for itself. It is empty only in a catalog of format 1 whose source had none: such checkpoints
    /// may be of different sources, so nothing should be deleted by it. It has at most 255 bytes.
    pub identity: String,
    /// Every write up to this number is in the checkpoint. `None` if the source knew of no write, or not which; and in
    /// a catalog of format 1 that says 0, which stands there for no write and for one of that number.
    pub seqno: Option<u64>,
    /// When it was made: time since the Unix epoch, by the clock of the maker.
    pub created: Duration,
    /// Its trees. One with the folder `""` lies in the checkpoint's directory itself.
    pub trees: Vec<CatalogTree>,
    /// Its files, tree by tree. The metadata files of a tree come last and in the order in which they got their names:
    /// the last one is what makes the tree readable.
    pub files: Vec<CatalogFile>,
    /// The attributes of its directories, as far as they are known; the directories are those of the trees, the folders
    /// in them, and the ones that lead there.
    pub attributes: Vec<CatalogFolder>,
}

/// A tree of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogTree {
    /// Its folder in the checkpoint: up to four path components with `/` between them, or none.
    pub folder: String,
    /// The version that was captured.
    pub version_id: u64,
    /// The folders in it, whether or not they hold a file; each has one to four path components.
    pub folders: Vec<String>,
}

/// A file of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogFile {
    /// The position of its tree in [`Catalog::trees`].
    pub tree: u32,
    /// What it is.
    pub kind: FileKind,
    /// Its name, one path component.
    pub name: String,
    /// Its length.
    pub len: u64,
    /// Its XXH3-128, where that was known or came out of copying.
    pub checksum: Option<u128>,
    /// Its SHA-256, where somebody has computed it.
    pub sha256: Option<[u8; 32]>,
    /// How it came here.
    pub method: Method,
    /// `true` if a restore may link it, because nobody writes to it any more. Otherwise it must be copied.
    pub linkable: bool,
    /// The bytes of storage that it takes in the source, where that is known: less than its length where there are
    /// holes.
    pub allocated_bytes: Option<u64>,
    /// Its mode and owners in the source, as far as they are known.
    pub attributes: Attributes,
}

/// A directory of a checkpoint whose attributes are known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogFolder {
    /// Its path in the checkpoint, with `/` between the components; empty for the checkpoint's own directory.
    pub path: String,
    /// Its mode and owners in the source.
    pub attributes: Attributes,
}

/// The mode, the owner and the group of a file or a directory, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attributes {
    /// Its permission bits, with setuid, setgid and sticky: at most `0o7777`.
    pub mode: Option<u32>,
    /// The number of its owner.
    pub owner: Option<u32>,
    /// The number of its group.
    pub group: Option<u32>,
}

impl CatalogFile {
    /// A file of which nothing more is known; it must be copied.
    pub(crate) fn new(tree: u32, kind: FileKind, name: String, len: u64, method: Method) -> Self {
        let (checksum, sha256, allocated_bytes) = (None, None, None);
        let attributes = Attributes::default();
        Self { tree, kind, name, len, checksum, sha256, method, linkable: false, allocated_bytes, attributes }
    }

    /// Tells if it was written from memory, and is written anew by a restore.
    pub(crate) fn is_written_metadata(&self) -> bool {
        self.kind == FileKind::Metadata && self.method == Method::Written
    }

    /// The position of its tree, if the platform can count that far.
    fn tree_index(&self) -> usize {
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
    /// Reads the catalog of a checkpoint, every byte of it verified.
    ///
    /// A catalog may list some 60,000 names that its directory lacks. One that lists more is refused before it takes
    /// more memory. So is one that is longer than 16 MiB and longer than its directory explains.
    ///
    /// # Errors
    ///
    /// [`NotACheckpoint`](Error::NotACheckpoint) if there is none; [`BadCatalog`](Error::BadCatalog),
    /// [`UnsupportedFormat`](Error::UnsupportedFormat), [`UnsupportedFeatures`](Error::UnsupportedFeatures);
    /// [`Manifest`](Error::Manifest) if it is damaged; [`Fs`](Error::Fs).
    pub fn read(fs: &dyn Fs, dir: &Path) -> Result<Self> {
        let file = dir.join(CATALOG_FILE);
        let none = || Error::NotACheckpoint { dir: dir.to_path_buf() };
        let fs = &*beneath_checkpoint(fs, dir)?;
        let refuse = |refusal| match refusal {
            codec::Refusal::Format(found) => Error::UnsupportedFormat { file: file.clone(), found },
            codec::Refusal::Features(features) => Error::UnsupportedFeatures { file: file.clone(), features },
            codec::Refusal::Defect(what) => Error::BadCatalog { file: file.clone(), what },
        };
        let mut budget = Budget::new(fs, dir);
        match fs.symlink_metadata(&file) {
            Ok(there) if there.is_file() => {
                budget.check_len(there.len).map_err(|what| refuse(what.into()))?;
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
        let mut take = |text_len: usize| budget.take(text_len);
        let head = archive.read_section(codec::HEAD_SECTION)?.payload;
        let mut decoder = codec::Decoder::new(&head, &mut take).map_err(refuse)?;
        drop(head);
        // One section is in memory at a time.
        for name in decoder.sections(archive.footer().sections().iter().map(|entry| entry.name.as_str())) {
            decoder.section(name, &archive.read_section(name)?.payload, &mut take).map_err(refuse)?;
        }
        decoder.finish(&mut take).map_err(refuse)
    }

    /// The path of one of its files, relative to the checkpoint.
    #[must_use]
    pub fn path_of(&self, file: &CatalogFile) -> PathBuf {
        let tree = self.trees.get(file.tree_index());
        let (tree, folder) = (tree.map_or("", |tree| tree.folder.as_str()), file.kind.folder());
        let mut path = PathBuf::with_capacity(tree.len() + folder.len() + file.name.len() + 2);
        path.extend(tree.split('/').chain(folder.split('/')).filter(|name| !name.is_empty()));
        path.push(&file.name);
        path
    }

    /// Its trees, each with those of its files that are wanted, in the catalog's order.
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

    /// The files that make its trees readable: the last metadata file of each.
    pub(crate) fn pointers(&self) -> Vec<PathBuf> {
        let trees = self.files_by_tree(|file| file.kind == FileKind::Metadata);
        trees.iter().filter_map(|(_, metadata)| metadata.last()).map(|file| self.path_of(file)).collect()
    }

    /// The lengths of all files together.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.len))
    }

    /// Writes it into a directory that has none.
    pub(crate) fn write(&self, fs: &dyn Fs, dir: &Path) -> Result<()> {
        let mut writer = ManifestArchiveWriter::create(fs, &dir.join(CATALOG_FILE), WriteOptions::new())?;
        for (name, payload) in codec::encode(self) {
            writer.add_section(&name, &payload)?;
        }
        let _ = writer.finish()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
