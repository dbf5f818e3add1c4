//! [`PinnedSnapshot`]: a snapshot that is assembled at the moment of the capture.

use std::{fmt, sync::Arc};

use lsm_manifest::{ManifestArchiveWriter, WriteOptions, publish_current, version_file_name};

use super::{FileKind, Snapshot, SourceFile};
use crate::{BoxError, ManifestTarget};

/// A ready-made [`Snapshot`] for engines that list their files and encode their manifest at the moment of the capture.
///
/// # Contract
///
/// The snapshot holds the pin until it is dropped. The pin is any value that keeps the files alive: a version of the
/// engine, a guard, or `()` if deletions wait for a [`DeletionPause`](crate::DeletionPause). Metadata is written in the
/// order in which it was added. The file that makes the tree readable must be added last.
///
/// # Examples
///
/// An engine with metadata files of its own:
///
/// ```
/// use lsm_checkpoint::{Capture, FileKind, PinnedSnapshot, SourceFile};
/// # use std::{path::Path, sync::Arc};
/// # struct Version { id: u64, tables: Vec<&'static str>, encoded: Vec<u8> }
///
/// fn capture(dir: &Path, version: Arc<Version>) -> Capture<'static> {
///     let fs: Arc<dyn lsm_fs::Fs> = Arc::new(lsm_fs::StdFs);
///     let table =
///         |name: &&str| SourceFile::immutable(FileKind::Table, fs.clone(), dir.join("tables").join(name), None);
///     let (id, tables) = (version.id, version.tables.iter().map(table).collect::<Vec<_>>());
///     let (name, encoded) = (format!("MANIFEST-{id:06}"), version.encoded.clone());
///     Capture::one(
///         PinnedSnapshot::new(id, version)
///             .files(tables)
///             .folders([FileKind::Blob])
///             .metadata(name.clone(), encoded)
///             .metadata("CURRENT", name.into_bytes()),
///     )
/// }
/// # let version = Version { id: 7, tables: vec!["1", "2"], encoded: vec![0; 9] };
/// # assert_eq!(format!("{:?}", capture(Path::new("db"), Arc::new(version))), r#"[""]"#);
/// ```
///
/// An engine whose manifest is an archive of `lsm-manifest`:
///
/// ```
/// # use lsm_checkpoint::PinnedSnapshot;
/// # use lsm_manifest::WriteOptions;
/// let snapshot = PinnedSnapshot::new(7, ()).archive(WriteOptions::new(), [("tables", b"1 2".to_vec())]);
/// ```
pub struct PinnedSnapshot<P> {
    version_id: u64,
    files: Vec<SourceFile>,
    folders: Vec<FileKind>,
    metadata: Vec<Metadata>,
    _pin: P,
}

/// A piece of metadata, which is written beside the folders.
enum Metadata {
    File(String, Arc<[u8]>),
    Archive(WriteOptions, Vec<(String, Vec<u8>)>),
}

impl<P> PinnedSnapshot<P> {
    /// Creates a snapshot of the version of this number. The pin keeps its files from going away.
    pub const fn new(version_id: u64, pin: P) -> Self {
        Self { version_id, files: Vec::new(), folders: Vec::new(), metadata: Vec::new(), _pin: pin }
    }

    /// Adds files.
    #[must_use]
    pub fn files(mut self, files: impl IntoIterator<Item = SourceFile>) -> Self {
        self.files.extend(files);
        self
    }

    /// Adds kinds whose folders are made even if they hold no file. The folder of the tables is made in any case.
    #[must_use]
    pub fn folders(mut self, kinds: impl IntoIterator<Item = FileKind>) -> Self {
        self.folders.extend(kinds);
        self
    }

    /// Adds a metadata file with these bytes.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        self.metadata.push(Metadata::File(name.into(), bytes.into()));
        self
    }

    /// Adds the archive of the version, `v{N}`, with these sections, and the CURRENT that names it.
    #[must_use]
    pub fn archive<N: Into<String>>(
        mut self,
        options: WriteOptions,
        sections: impl IntoIterator<Item = (N, Vec<u8>)>,
    ) -> Self {
        let sections = sections.into_iter().map(|(name, payload)| (name.into(), payload)).collect();
        self.metadata.push(Metadata::Archive(options, sections));
        self
    }
}

impl<P> fmt::Debug for PinnedSnapshot<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinnedSnapshot")
            .field("version_id", &self.version_id)
            .field("files", &self.files.len())
            .finish_non_exhaustive()
    }
}

impl<P> Snapshot for PinnedSnapshot<P> {
    fn version_id(&self) -> u64 {
        self.version_id
    }

    fn files(&self) -> Result<Vec<SourceFile>, BoxError> {
        Ok(self.files.clone())
    }

    fn folders(&self) -> Vec<FileKind> {
        std::iter::once(&FileKind::Table).chain(&self.folders).cloned().collect()
    }

    fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
        for metadata in &self.metadata {
            match metadata {
                Metadata::File(name, bytes) => target.write(name, bytes)?,
                Metadata::Archive(options, sections) => {
                    let path = target.dir().join(version_file_name(self.version_id));
                    let mut writer = ManifestArchiveWriter::create(target.fs(), &path, options.clone())?;
                    for (name, payload) in sections {
                        writer.add_section(name, payload)?;
                    }
                    let _ = publish_current(&writer.finish()?)?;
                }
            }
        }
        Ok(())
    }
}
