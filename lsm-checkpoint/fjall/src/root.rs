//! [`Root`]: the files in a database's own directory, and the checkpoint of a whole database.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{BoxError, Capture, FileKind, ManifestTarget, Snapshot, SourceFile};
use lsm_fs::Fs;

use crate::journal::{Excerpt, ExcerptFs};

/// The folder of the keyspaces.
pub(crate) const KEYSPACES: &str = "keyspaces";

/// The file that a process locks while it has the database open. Each backup and each restored database gets its own.
pub(crate) const LOCK: &str = "lock";

/// The file that marks a database. In a directory without it, fjall makes a new database.
pub(crate) const VERSION: &str = "version";

/// The contents of [`VERSION`]: format 3.
pub(crate) const FORMAT: [u8; 4] = *b"FJL\x03";

/// Returns the folder of a keyspace in a database.
pub(crate) fn folder_of(id: u64) -> String {
    format!("{KEYSPACES}/{id}")
}

/// The journals, `lock` and `version`. fjall writes to all of them, so none is shared by a hard link.
#[derive(Debug)]
pub(crate) struct Root {
    journals: Arc<ExcerptFs>,
    version_id: u64,
}

impl Root {
    /// Makes the root. A whole database has no version. `number` serves as one: the cut, or 0 for a closed database.
    pub(crate) fn new(journals: Vec<Excerpt>, number: u64) -> Self {
        Self { journals: Arc::new(ExcerptFs::new(journals)), version_id: number }
    }

    /// Adds the root to the capture of the keyspaces. The root comes last, because its [`VERSION`] marks the directory
    /// as a database.
    pub(crate) fn complete(self, keyspaces: Capture<'_>) -> Capture<'_> {
        keyspaces.tree("", self)
    }
}

impl Snapshot for Root {
    fn version_id(&self) -> u64 {
        self.version_id
    }

    fn files(&self) -> Result<Vec<SourceFile>, BoxError> {
        let fs: Arc<dyn Fs> = Arc::clone(&self.journals) as _;
        let journal = |(name, len)| SourceFile::prefix(FileKind::Metadata, fs.clone(), Path::new(name), len);
        Ok(self.journals.files().map(journal).collect())
    }

    fn folders(&self) -> Vec<FileKind> {
        Vec::new()
    }

    fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
        target.write(LOCK, b"")?;
        target.write(VERSION, &FORMAT)?;
        Ok(())
    }
}
