//! [`CheckpointDir::salvage`]: a checkpoint whose catalog is damaged or gone, as a source.

mod listed;

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use lsm_fs::{Fs, FsDirEntry, FsFileType};
use lsm_manifest::{
    CURRENT_VERSION_FILE, Error as ManifestError, ReadOptions, Recovered, edits_file_name, recover,
    version_file_name,
};

use crate::{
    CATALOG_FILE, CATALOG_FORMAT, Catalog, CatalogFile, CatalogTree, CheckpointDir, Error, FileKind, Method,
    Result, layout, view::beneath_checkpoint,
};

/// The report of opening a checkpoint without its catalog.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "the report counts the files that were not checked"]
pub struct SalvageReport {
    /// The version that CURRENT names. The digest of its archive and the checksum of every section were checked.
    pub version_id: u64,
    /// Manifest sections that are damaged on disk and were restored by their parity. A copy has them as they are on
    /// disk. Run [`repair`](lsm_manifest::repair()) on its manifest to make the repair permanent.
    pub healed: Vec<String>,
    /// The number of tables, blob files, dictionaries and logs of edits. **Nothing was checked** in them. The engine's
    /// own checksums show if their bytes are right, and its manifest shows if a file is missing.
    ///
    /// [`salvage_listed`](CheckpointDir::salvage_listed) counts only files without a checksum.
    pub unchecked_files: u64,
    /// Entries that are left out, relative to the directory. They are no regular files of a known name, or not listed.
    pub left_out: Vec<PathBuf>,
    /// The number of further entries that are left out.
    pub unlisted: u64,
}

/// The number of entries that a report lists, so that its memory has a bound.
const LEFT_OUT_MAX: usize = 1 << 16;

impl CheckpointDir {
    /// Opens a checkpoint **without its catalog**, if the catalog is damaged or gone. This is a last resort. Use
    /// another checkpoint if there is one.
    ///
    /// # Contract
    ///
    /// The directory holds one tree, whose manifest is an archive of `lsm-manifest`. Its files are the regular files in
    /// `tables`, `blobs` and `dicts`, the archive that CURRENT names, the log of edits of that version, and CURRENT.
    /// Everything else is left out, and the report lists it. Restore the result, and let the engine check it before it
    /// is used. A log of another kind is not restored.
    ///
    /// CURRENT's digest and every section of the manifest are checked here. Nothing else can be checked. Without a
    /// catalog, the files of the checkpoint, their lengths and their checksums are unknown. If the engine's adapter can
    /// read them from the manifest, use [`salvage_listed`](Self::salvage_listed).
    ///
    /// The result has no [identity](crate::CheckpointSource::identity).
    /// [`with_identity`](Self::with_identity) gives it one, which [`Checkpoint::create`](crate::Checkpoint::create)
    /// needs to make a checkpoint of it.
    ///
    /// # Errors
    ///
    /// [`NotACheckpoint`](Error::NotACheckpoint) if there is no CURRENT. [`Manifest`](Error::Manifest) if CURRENT or
    /// the manifest is damaged, because nothing can be done without them, or if the manifest is encrypted. For an
    /// encrypted manifest use [`salvage_listed`](Self::salvage_listed), which takes the key. [`Fs`](Error::Fs).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use lsm_checkpoint::{CheckpointDir, restore};
    /// use lsm_fs::StdFs;
    /// use std::{path::Path, sync::Arc};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (monday, report) = CheckpointDir::salvage(Arc::new(StdFs), "/backup/monday")?;
    /// eprintln!("version {}, {} files unchecked", report.version_id, report.unchecked_files);
    /// let _ = restore(&monday, &StdFs, Path::new("/srv/db"))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn salvage(fs: Arc<dyn Fs>, dir: impl Into<PathBuf>) -> Result<(Self, SalvageReport)> {
        let dir = dir.into();
        let (catalog, report) = {
            let view = beneath_checkpoint(&*fs, &dir)?;
            let recovered = recovered(&*view, &dir, &ReadOptions::new())?;
            Search::new(&*view, &dir, recovered).run()?
        };
        Ok((Self::assumed(fs, dir, catalog), report))
    }
}

/// Opens and verifies the manifest.
fn recovered(fs: &dyn Fs, dir: &Path, options: &ReadOptions) -> Result<Recovered> {
    let none = || Error::NotACheckpoint { dir: dir.to_path_buf() };
    match recover(fs, dir, options) {
        // These errors advise a writer that wants to use the directory. Here it may be the last copy.
        Err(ManifestError::MissingCurrent { .. } | ManifestError::ForeignDirectory { .. }) => Err(none()),
        recovered => recovered?.ok_or_else(none),
    }
}

/// A search through the directories.
struct Search<'a> {
    fs: &'a dyn Fs,
    dir: &'a Path,
    archive: String,
    edits: String,
    data: Vec<CatalogFile>,
    metadata: Vec<CatalogFile>,
    folders: Vec<String>,
    report: SalvageReport,
}

impl<'a> Search<'a> {
    fn new(fs: &'a dyn Fs, dir: &'a Path, recovered: Recovered) -> Self {
        let version_id = recovered.current.version_id;
        Self {
            fs,
            dir,
            archive: version_file_name(version_id),
            edits: edits_file_name(version_id),
            data: Vec::new(),
            metadata: Vec::new(),
            folders: Vec::new(),
            report: SalvageReport {
                version_id,
                healed: recovered.healed,
                unchecked_files: 0,
                left_out: Vec::new(),
                unlisted: 0,
            },
        }
    }

    fn run(mut self) -> Result<(Catalog, SalvageReport)> {
        for entry in self.fs.read_dir(self.dir)? {
            let kind = entry.name.to_str().map(|name| FileKind::other(name.to_owned()));
            match kind.filter(|kind| layout::DATA_FOLDERS.contains(&kind.folder())) {
                Some(kind) if entry.file_type == FsFileType::Directory => self.look_into(&kind)?,
                _ if self.is_metadata(&entry) => self.add(FileKind::Metadata, &entry)?,
                _ if entry.name == CATALOG_FILE => {}
                _ => self.leave_out(PathBuf::from(entry.name)),
            }
        }
        Ok(self.finish())
    }

    fn finish(mut self) -> (Catalog, SalvageReport) {
        // The file that makes the tree readable comes last.
        self.metadata.sort_by_key(|file| file.name == CURRENT_VERSION_FILE);
        let Self { data, metadata, folders, report, .. } = self;
        let tree = CatalogTree { folder: String::new(), version_id: report.version_id, folders };
        let catalog = Catalog {
            format: CATALOG_FORMAT,
            identity: String::new(),
            seqno: None,
            created: Duration::ZERO,
            trees: vec![tree],
            files: data.into_iter().chain(metadata).collect(),
            attributes: Vec::new(),
        };
        (catalog, report)
    }

    fn look_into(&mut self, kind: &FileKind) -> Result<()> {
        self.folders.push(kind.folder().to_owned());
        for entry in self.fs.read_dir(&self.dir.join(kind.folder()))? {
            if entry.file_type == FsFileType::File && is_name(&entry.name) {
                self.add(kind.clone(), &entry)?;
            } else {
                self.leave_out(Path::new(kind.folder()).join(&entry.name));
            }
        }
        Ok(())
    }

    fn is_metadata(&self, entry: &FsDirEntry) -> bool {
        let names = [self.archive.as_str(), self.edits.as_str(), CURRENT_VERSION_FILE];
        entry.file_type == FsFileType::File && names.iter().any(|name| entry.name == *name)
    }

    fn add(&mut self, kind: FileKind, entry: &FsDirEntry) -> Result<()> {
        let path = Path::new(kind.folder()).join(&entry.name);
        let len = match self.fs.symlink_metadata(&self.dir.join(&path)) {
            Ok(there) if there.is_file() => there.len,
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
            // The entry changed after it was listed.
            _ => {
                self.leave_out(path);
                return Ok(());
            }
        };
        let name = entry.name.to_string_lossy().into_owned();
        if kind == FileKind::Metadata {
            self.report.unchecked_files += u64::from(name == self.edits);
            self.metadata.push(CatalogFile::new(0, kind, name, len, Method::Written));
        } else {
            self.report.unchecked_files += 1;
            let file = CatalogFile::new(0, kind, name, len, Method::Copy);
            self.data.push(CatalogFile { linkable: true, ..file });
        }
        Ok(())
    }

    fn leave_out(&mut self, path: PathBuf) {
        if self.report.left_out.len() < LEFT_OUT_MAX {
            self.report.left_out.push(path);
        } else {
            self.report.unlisted += 1;
        }
    }
}

fn is_name(name: &OsStr) -> bool {
    name.to_str().is_some_and(layout::is_component)
}
