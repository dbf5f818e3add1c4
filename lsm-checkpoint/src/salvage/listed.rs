//! [`CheckpointDir::salvage_listed`]: the files of a checkpoint without its catalog, as its manifest lists them.

use std::{
    collections::{BTreeSet, HashSet},
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::{Fs, FsFileType, FsMetadata};
use lsm_manifest::{ReadOptions, Recovered};
use xxhash_rust::xxh3::xxh3_128;

use super::{SalvageReport, Search, recovered};
use crate::{
    BoxError, CATALOG_FILE, Catalog, CatalogFile, Change, CheckpointDir, Error, FileKind, Method, Result,
    SnapshotProblem, SourceFile, layout, source::Content, view::beneath_checkpoint,
};

impl CheckpointDir {
    /// Opens a checkpoint **without its catalog**, with the files that the engine's adapter reads from the manifest.
    ///
    /// # Contract
    ///
    /// As [`salvage`](Self::salvage), with these differences. The manifest is read with `options`, which hold the key
    /// if it is encrypted. `list` gets the verified manifest, and returns the files that the version consists of, as
    /// [`Snapshot::files`](crate::Snapshot::files) does. Only their kinds, names, lengths and checksums are used. Their
    /// paths are not opened. Each file must be a regular file of its length at its place in the checkpoint.
    ///
    /// A file with a checksum is compared with it, so it is copied under every policy. A checkpoint that is made of the
    /// result keeps this rule for its own restores. A file without a checksum may be cloned or linked, unless its
    /// constructor forbids that.
    ///
    /// The manifest, the log of edits of the version and CURRENT are included without being listed. Every other file
    /// that is not listed is left out, and the report lists it.
    ///
    /// # Errors
    ///
    /// As [`salvage`](Self::salvage), and these:
    ///
    /// - [`SourceChanged`](Error::SourceChanged): a listed file is missing, has another length or is not a regular
    ///   file. The checkpoint is damaged beyond its catalog. Use another one, or [`salvage`](Self::salvage) the rest.
    /// - [`InvalidSnapshot`](Error::InvalidSnapshot): a name is impossible, or is listed twice. The adapter is wrong,
    ///   or it read a manifest of another engine.
    /// - [`Source`](Error::Source): the error of `list`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use lsm_checkpoint::{BoxError, CheckpointDir, FileKind, SourceFile, restore};
    /// use lsm_fs::{Fs, StdFs};
    /// use lsm_manifest::ReadOptions;
    /// use std::{path::Path, sync::Arc};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (fs, dir): (Arc<dyn Fs>, _) = (Arc::new(StdFs), Path::new("/backup/monday"));
    /// let options = ReadOptions::new();
    /// let (monday, report) = CheckpointDir::salvage_listed(Arc::clone(&fs), dir, &options, |recovered| {
    ///     let tables = recovered.archive.read_section("tables")?.payload;
    ///     let names = std::str::from_utf8(&tables)?.split_whitespace();
    ///     let path = |name: &str| dir.join("tables").join(name);
    ///     let table = |name| SourceFile::immutable(FileKind::Table, Arc::clone(&fs), path(name), None);
    ///     Ok::<_, BoxError>(names.map(table).collect())
    /// })?;
    /// eprintln!("version {}, {} files unchecked", report.version_id, report.unchecked_files);
    /// let _ = restore(&monday, &StdFs, Path::new("/srv/db"))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn salvage_listed(
        fs: Arc<dyn Fs>,
        dir: impl Into<PathBuf>,
        manifest: &ReadOptions,
        list: impl FnOnce(&Recovered) -> Result<Vec<SourceFile>, BoxError>,
    ) -> Result<(Self, SalvageReport)> {
        let dir = dir.into();
        let (catalog, report) = {
            let view = beneath_checkpoint(&*fs, &dir)?;
            let recovered = recovered(&*view, &dir, manifest)?;
            let files = list(&recovered).map_err(Error::from_source)?;
            Search::new(&*view, &dir, recovered).run_listed(files)?
        };
        Ok((Self::assumed(fs, dir, catalog), report))
    }
}

impl Search<'_> {
    fn run_listed(mut self, files: Vec<SourceFile>) -> Result<(Catalog, SalvageReport)> {
        for file in files {
            self.add_listed(file)?;
        }
        self.folders = self.look_at_others()?.into_iter().collect();
        let (catalog, report) = self.finish();
        catalog.check(|_| true, &mut |_| Ok(())).map_err(|(path, defect)| Error::InvalidSnapshot {
            path,
            problem: SnapshotProblem::of(defect),
        })?;
        Ok((catalog, report))
    }

    /// Adds a file, which must be as it is listed.
    fn add_listed(&mut self, file: SourceFile) -> Result<()> {
        let SourceFile { kind, name, content, checksum, .. } = file;
        let kind = kind.canonical();
        let name = checked_name(&kind, name)?;
        let path = layout::path_of(kind.folder()).join(&name);
        let len = self.len_of(&path, content.known_len())?;
        let (method, checksum) = match &content {
            Content::Bytes(bytes) => (Method::Written, Some(xxh3_128(bytes))),
            _ => (Method::Copy, checksum),
        };
        self.report.unchecked_files += u64::from(checksum.is_none());
        // A clone or a link is not read, and nothing else can vouch for the bytes.
        let linkable = checksum.is_none() && matches!(content, Content::Immutable { .. });
        let entry = CatalogFile::new(0, kind, name, len, method);
        let entry = CatalogFile { checksum, linkable, ..entry };
        let files = if entry.kind == FileKind::Metadata { &mut self.metadata } else { &mut self.data };
        files.push(entry);
        Ok(())
    }

    /// Returns the length of a file, which must have the expected length if that is known.
    fn len_of(&self, path: &Path, expected: Option<u64>) -> Result<u64> {
        let path = self.dir.join(path);
        let what = match self.fs.symlink_metadata(&path) {
            Ok(there) if !there.is_file() => Change::Type,
            Ok(FsMetadata { len: found, .. }) => match expected {
                Some(expected) if expected != found => Change::Length { expected, found },
                _ => return Ok(found),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => Change::Gone,
            Err(e) => return Err(e.into()),
        };
        Err(Error::SourceChanged { path, what })
    }

    /// Adds the manifest, and leaves out all other entries that are not listed. Returns the folders.
    fn look_at_others(&mut self) -> Result<BTreeSet<String>> {
        let files = self.data.iter().chain(&self.metadata);
        let listed: HashSet<PathBuf> =
            files.map(|file| layout::path_of(file.kind.folder()).join(&file.name)).collect();
        let mut folders: BTreeSet<String> =
            self.data.iter().map(|file| file.kind.folder().to_owned()).collect();
        let paths: Vec<PathBuf> = folders.iter().map(|folder| layout::path_of(folder)).collect();
        let ways: HashSet<&Path> = paths.iter().flat_map(|path| path.ancestors()).collect();
        let mut dirs = vec![PathBuf::new()];
        while let Some(dir) = dirs.pop() {
            for entry in self.fs.read_dir(&self.dir.join(&dir))? {
                let path = dir.join(&entry.name);
                let is_dir = entry.file_type == FsFileType::Directory;
                let data = layout::DATA_FOLDERS.iter().find(|folder| is_dir && path == Path::new(folder));
                folders.extend(data.map(|&folder| folder.to_owned()));
                let is_listed = listed.contains(&path);
                if data.is_some() || is_dir && ways.contains(&*path) {
                    dirs.push(path);
                } else if dir.as_os_str().is_empty() && self.is_metadata(&entry) && !is_listed {
                    self.add(FileKind::Metadata, &entry)?;
                } else if !is_listed && path != Path::new(CATALOG_FILE) {
                    self.leave_out(path);
                }
            }
        }
        Ok(folders)
    }
}

/// Checks a name and its folder before anything is looked up there. Names that collide are found later.
fn checked_name(kind: &FileKind, name: OsString) -> Result<String> {
    let folder = kind.folder();
    match name.to_str() {
        Some(text) if layout::is_component(text) && layout::is_spelled(folder) => Ok(text.to_owned()),
        _ => {
            Err(Error::InvalidSnapshot { path: Path::new(folder).join(name), problem: SnapshotProblem::Name })
        }
    }
}
