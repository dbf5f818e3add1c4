//! [`PinnedKeyspace`]: the captured version of one keyspace.

use std::{any::Any, fmt, sync::Arc};

use fjall::Keyspace;
use lsm_checkpoint::{FileKind, PinnedSnapshot, SourceFile};
use lsm_fs::{Fs, Op, StdFs};
use lsm_tree::{AbstractTree, AnyTree, coding::Encode};

use crate::{
    Error, Result,
    journal::Persisted,
    manifest::{self, CURRENT, Listed, Manifest, RUNS_MAX},
};

/// A keyspace with its captured version. The version keeps its tables from deletion. The handle keeps the folder,
/// because fjall removes the folder of a deleted keyspace with its last handle.
pub(crate) struct PinnedKeyspace {
    pub(crate) keyspace: Keyspace,
    pub(crate) version_id: u64,
    describe: Describe,
}

/// Lists the files of the captured version. The closure owns that version.
type Describe = Box<dyn FnOnce(&Keyspace) -> Result<Described> + Send>;

/// The files of a captured version.
struct Described {
    manifest: Manifest,
    files: Vec<SourceFile>,
    persisted: Persisted,
    version: Box<dyn Any + Send>,
}

/// A keyspace that is ready for a backup.
pub(crate) struct CapturedKeyspace {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) persisted: Persisted,
    pub(crate) snapshot: PinnedSnapshot<Pin>,
}

/// The handle and the version, which keep the files from deletion.
pub(crate) type Pin = (Option<Keyspace>, Box<dyn Any + Send>);

impl fmt::Debug for PinnedKeyspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinnedKeyspace")
            .field("name", self.keyspace.name())
            .field("version_id", &self.version_id)
            .finish_non_exhaustive()
    }
}

impl PinnedKeyspace {
    /// Pins the current version. This is fast, because the files are listed later.
    pub(crate) fn new(keyspace: &Keyspace) -> Self {
        // The type of a version has no public name, so a closure has to hold it.
        let version = keyspace.tree.current_version();
        let version_id = version.id();
        let describe = Box::new(move |keyspace: &Keyspace| {
            let fs: Arc<dyn Fs> = Arc::new(StdFs);
            let file = |kind, path, sum| SourceFile::immutable(kind, fs.clone(), path, None).checksum(sum);
            let (mut files, mut blobs, mut levels) = (Vec::new(), Vec::new(), Vec::new());
            for blob in version.blob_files.iter() {
                let listed = Listed { id: blob.id(), checksum: blob.checksum().into_u128(), global_seqno: 0 };
                files.push(file(FileKind::Blob, blob.path().to_path_buf(), listed.checksum));
                blobs.push(listed);
            }
            for (level, content) in version.iter_levels().enumerate() {
                if content.run_count() > RUNS_MAX {
                    let (keyspace, runs) = (keyspace.name().to_string(), content.run_count());
                    return Err(Error::TooManyRuns { keyspace, level, runs });
                }
                let mut runs = Vec::with_capacity(content.run_count());
                for run in content.iter() {
                    let table = |table: &lsm_tree::Table| {
                        let (checksum, global_seqno) = (table.checksum().into_u128(), table.global_seqno());
                        files.push(file(FileKind::Table, table.path.to_path_buf(), checksum));
                        Listed { id: table.id(), checksum, global_seqno }
                    };
                    runs.push(run.iter().map(table).collect());
                }
                levels.push(runs);
            }
            let highest = version.iter_tables().map(lsm_tree::Table::get_highest_seqno).max();
            let persisted = highest.map_or(Persisted::NoTables, Persisted::UpTo);
            let manifest = Manifest {
                version_id,
                is_blob_tree: matches!(keyspace.tree, AnyTree::Blob(_)),
                levels,
                blobs,
                gc_stats: version.gc_stats().encode_into_vec(),
            };
            Ok(Described { manifest, files, persisted, version: Box::new(version) })
        });
        Self { keyspace: keyspace.clone(), version_id, describe }
    }

    /// Returns `true` if the keyspace still has this version.
    pub(crate) fn is_current(&self) -> bool {
        self.keyspace.tree.current_version().id() == self.version_id
    }

    /// Lists the files. `holds` is `false` only in a test that turns the safeguard `hold_keyspaces` off.
    pub(crate) fn capture(self, holds: bool) -> Result<CapturedKeyspace> {
        let Self { keyspace, version_id, describe } = self;
        let Described { manifest, files, persisted, version } = describe(&keyspace)?;
        let path = keyspace.path().join(manifest::file_name(version_id));
        let (archive, current) = manifest.encode().map_err(|error| Error::io(Op::Write, &path, error))?;
        let (id, name) = (keyspace.id(), keyspace.name().to_string());
        let pin = (holds.then_some(keyspace), version);
        let snapshot = PinnedSnapshot::new(version_id, pin)
            .files(files)
            .folders(manifest.is_blob_tree.then_some(FileKind::Blob))
            .metadata(manifest::file_name(version_id), archive)
            .metadata(CURRENT, current);
        Ok(CapturedKeyspace { id, name, persisted, snapshot })
    }
}
