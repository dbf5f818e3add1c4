//! [`Catalog`]: the file that says what a checkpoint holds.

mod budget;
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

use crate::{Error, FileKind, Method, Result};

/// Name of the file that says what a checkpoint holds.
pub const CATALOG_FILE: &str = "CHECKPOINT";

/// The format that is written, and the only one that is read.
pub const CATALOG_FORMAT: u32 = 1;

/// What a checkpoint holds, by name.
///
/// It is stored as an archive of the same format as a manifest, in the section `checkpoint` and as many sections
/// `files.{n}` as it takes; every block has its checksum.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Catalog {
    /// What the source calls itself, in at most 1,024 bytes; may be empty.
    pub identity: String,
    /// Every write up to this number is in the checkpoint.
    pub seqno: u64,
    /// When it was made: time since the Unix epoch, by the clock of the maker.
    pub created: Duration,
    /// Its trees. One with the folder `""` lies in the checkpoint's directory itself.
    pub trees: Vec<CatalogTree>,
    /// Its files, tree by tree. The metadata files of a tree come last and in the order in which they got their names:
    /// the last one is what makes the tree readable.
    pub files: Vec<CatalogFile>,
}

/// A tree of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogTree {
    /// Its folder in the checkpoint, one path component; empty for the only tree of an engine.
    pub folder: String,
    /// The version that was captured.
    pub version_id: u64,
    /// The folders in it, whether or not they hold a file; each is one path component.
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
    /// How it came here.
    pub method: Method,
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
    /// [`UnsupportedFormat`](Error::UnsupportedFormat); [`Manifest`](Error::Manifest) if it is damaged;
    /// [`Fs`](Error::Fs).
    pub fn read(fs: &dyn Fs, dir: &Path) -> Result<Self> {
        let file = dir.join(CATALOG_FILE);
        let none = || Error::NotACheckpoint { dir: dir.to_path_buf() };
        let mut budget = Budget::new(fs, dir);
        let refuse = |refusal: codec::Refusal| {
            let file = file.clone();
            match refusal {
                codec::Refusal::Format(found) => Error::UnsupportedFormat { file, found },
                codec::Refusal::Defect(what) => Error::BadCatalog { file, what },
            }
        };
        match fs.metadata(&file) {
            Ok(there) if there.is_file() => {
                budget.check_len(there.len).map_err(|what| refuse(what.into()))?;
            }
            // To open a pipe would wait for a writer.
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
        let mut catalog = codec::decode_head(&head, &mut take).map_err(refuse)?;
        drop(head);
        // One section is in memory at a time.
        let parts = archive.footer().sections().iter();
        for part in parts.filter(|entry| entry.name.starts_with(codec::FILES_SECTION)) {
            let part = archive.read_section(&part.name)?.payload;
            codec::decode_files(&mut catalog, &part, &mut take).map_err(|what| refuse(what.into()))?;
        }
        codec::check(&catalog).map_err(|what| refuse(what.into()))?;
        Ok(catalog)
    }

    /// The path of one of its files, relative to the checkpoint.
    #[must_use]
    pub fn path_of(&self, file: &CatalogFile) -> PathBuf {
        let tree = usize::try_from(file.tree).ok().and_then(|at| self.trees.get(at));
        let (tree, folder) = (tree.map_or("", |tree| tree.folder.as_str()), file.kind.folder());
        let mut path = PathBuf::with_capacity(tree.len() + folder.len() + file.name.len() + 2);
        path.push(tree);
        path.push(folder);
        path.push(&file.name);
        path
    }

    /// The files that make its trees readable: the last metadata file of each.
    pub(crate) fn pointers(&self) -> Vec<PathBuf> {
        let of_tree = |tree: usize| {
            let files = self.files_of(tree);
            crate::tally::steps(files.len());
            files.iter().rev().find(|file| file.kind == FileKind::Metadata)
        };
        (0..self.trees.len()).filter_map(of_tree).map(|file| self.path_of(file)).collect()
    }

    /// The files of a tree. The list is ordered by tree, so they lie together.
    pub(crate) fn files_of(&self, tree: usize) -> &[CatalogFile] {
        let tree_of = |file: &CatalogFile| usize::try_from(file.tree).unwrap_or(usize::MAX);
        let start = self.files.partition_point(|file| tree_of(file) < tree);
        let end = self.files.partition_point(|file| tree_of(file) <= tree);
        self.files.get(start..end).unwrap_or_default()
    }

    /// The lengths of all files together.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.len))
    }

    /// Writes it into a directory that has none.
    pub(crate) fn write(&self, fs: &dyn Fs, dir: &Path) -> Result<()> {
        let file = dir.join(CATALOG_FILE);
        if let Err(what) = codec::check_identity(&self.identity) {
            return Err(Error::BadCatalog { file, what });
        }
        let mut writer = ManifestArchiveWriter::create(fs, &file, WriteOptions::new())?;
        writer.add_section(codec::HEAD_SECTION, &codec::encode_head(self))?;
        for (n, part) in codec::encode_files(self).iter().enumerate() {
            writer.add_section(&format!("{}{n}", codec::FILES_SECTION), part)?;
        }
        let _ = writer.finish()?;
        Ok(())
    }
}
