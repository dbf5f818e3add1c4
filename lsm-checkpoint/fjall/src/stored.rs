//! [`StoredTree`]: a tree that is read from its files. Keyspace 0 and closed databases can be read in no other way.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{FileKind, PinnedSnapshot, SourceFile};
use lsm_fs::{Fs, FsExt, FsFile, FsOpenOptions, StdFs};
use lsm_manifest::{BLOBS_FOLDER, TABLES_FOLDER};
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    Error, Result,
    manifest::{self, CURRENT, Listed, Manifest},
};

/// The length of `current`.
const CURRENT_LEN: u64 = 25;

/// The maximum length of a manifest. A million tables take less.
const MANIFEST_MAX: u64 = 256 << 20;

/// The maximum length of a table of keyspace 0, which has a few dozen short entries for each keyspace.
const META_TABLE_MAX: u64 = 1 << 30;

/// A tree whose manifest was read.
#[derive(Debug)]
pub(crate) struct StoredTree {
    dir: PathBuf,
    manifest: Manifest,
    archive: Vec<u8>,
    current: Vec<u8>,
}

/// A tree whose files are open. They stay readable if fjall removes their names.
#[derive(Debug)]
pub(crate) struct OpenTree {
    tree: StoredTree,
    tables: Vec<(Listed, PathBuf, Box<dyn FsFile>)>,
}

impl StoredTree {
    /// Reads the manifest of the tree in a directory. Returns `None` if there is no tree.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(CURRENT);
        let current = match StdFs.read_to_vec(&path, CURRENT_LEN) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            current => current?,
        };
        let decoded = manifest::decode_current(&current);
        let (version_id, checksum) =
            decoded.ok_or_else(|| Error::damaged(&path, "it does not name a version"))?;
        let path = dir.join(manifest::file_name(version_id));
        let archive = StdFs.read_to_vec(&path, MANIFEST_MAX)?;
        if xxh3_128(&archive) != checksum {
            return Err(Error::damaged(&path, "its checksum differs from the one in `current`"));
        }
        let manifest = Manifest::decode(version_id, &archive, &path)?;
        Ok(Some(Self { dir: dir.to_path_buf(), manifest, archive, current }))
    }

    /// Returns a snapshot whose tables may be linked.
    pub(crate) fn snapshot(self) -> PinnedSnapshot<()> {
        let fs: Arc<dyn Fs> = Arc::new(StdFs);
        let file = |kind: FileKind, listed: &Listed| {
            let path = self.dir.join(kind.folder()).join(listed.id.to_string());
            SourceFile::immutable(kind, fs.clone(), path, None).checksum(listed.checksum)
        };
        let tables = self.manifest.tables().map(|table| file(FileKind::Table, table));
        let files: Vec<_> =
            tables.chain(self.manifest.blobs.iter().map(|blob| file(FileKind::Blob, blob))).collect();
        self.sealed(files)
    }

    /// Opens all tables.
    pub(crate) fn open(self) -> Result<OpenTree> {
        if let Some(blob) = self.manifest.blobs.first() {
            let path = self.dir.join(BLOBS_FOLDER).join(blob.id.to_string());
            return Err(Error::damaged(&path, "keyspace 0 has a blob file"));
        }
        let folder = self.dir.join(TABLES_FOLDER);
        let open = |table: &Listed| {
            let path = folder.join(table.id.to_string());
            let file = StdFs.open(&path, &FsOpenOptions::new().read(true))?;
            Ok((*table, path, file))
        };
        let tables = self.manifest.tables().map(open).collect::<Result<_>>()?;
        Ok(OpenTree { tree: self, tables })
    }

    fn sealed(self, files: Vec<SourceFile>) -> PinnedSnapshot<()> {
        let Self { manifest, archive, current, .. } = self;
        PinnedSnapshot::new(manifest.version_id, ())
            .files(files)
            .folders(manifest.is_blob_tree.then_some(FileKind::Blob))
            .metadata(manifest::file_name(manifest.version_id), archive)
            .metadata(CURRENT, current)
    }
}

impl OpenTree {
    /// Reads all tables, and returns a snapshot that shares no file.
    pub(crate) fn snapshot(self) -> Result<PinnedSnapshot<()>> {
        let mut files = Vec::with_capacity(self.tables.len());
        for (table, path, file) in &self.tables {
            let bytes = read(&**file, path)?;
            let source = SourceFile::bytes(FileKind::Table, table.id.to_string(), bytes);
            files.push(source.checksum(table.checksum));
        }
        Ok(self.tree.sealed(files))
    }
}

fn read(file: &dyn FsFile, path: &Path) -> Result<Vec<u8>> {
    let len = file.metadata()?.len;
    let len = usize::try_from(len).ok().filter(|_| len <= META_TABLE_MAX);
    let mut bytes = vec![0; len.ok_or_else(|| Error::damaged(path, "too long for a table of keyspace 0"))?];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let read = file.read_at(rest, filled as u64)?;
        if read == 0 {
            return Err(Error::damaged(path, "the table became shorter"));
        }
        filled += read;
    }
    Ok(bytes)
}
