//! Small checkpoints in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lsm_checkpoint::{
    BoxError, CATALOG_FILE, Capture, Checkpoint, CheckpointSource, Clock, DeletionPause, FileKind,
    PinnedSnapshot, SourceFile, SourceRoot,
};
use lsm_checkpoint_store::BackupId;
use lsm_fs::{Fs, FsExt};
use lsm_fs_mem::MemFs;
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_128;

/// A checkpoint on a filesystem.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) dir: PathBuf,
    /// The identifier of its backup.
    pub(crate) backup: BackupId,
}

/// An engine whose tables are in memory.
struct Engine {
    fs: Arc<dyn Fs>,
    identity: String,
    seqno: u64,
    tables: Vec<SourceFile>,
    pause: Arc<DeletionPause>,
}

impl CheckpointSource for Engine {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::clone(&self.fs), "/db")]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        Some(&self.pause)
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn visible_seqno(&self) -> Option<u64> {
        Some(self.seqno)
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        // The metadata is empty, so that a push sends the tables alone.
        Ok(Capture::one(PinnedSnapshot::new(1, ()).files(self.tables.clone()).metadata("CURRENT", *b"")))
    }
}

/// A clock that stands still. Each checkpoint has its own time.
#[derive(Debug)]
struct At(u64);

impl Clock for At {
    fn now(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn wait(&self, _: Duration) {}

    fn unix_time(&self) -> Duration {
        Duration::from_secs(self.0)
    }
}

/// Takes a checkpoint of an engine with these tables. A table is named after its content.
pub(crate) fn checkpoint(identity: &str, seqno: u64, tables: &[&[u8]]) -> Source {
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let dir = PathBuf::from("/checkpoint");
    fs.create_dir_all(Path::new("/db")).unwrap();
    let table = |content: &&[u8]| {
        let name = format!("{:032x}", xxh3_128(content));
        SourceFile::bytes(FileKind::Table, name, content.to_vec()).checksum(xxh3_128(content))
    };
    let engine = Engine {
        fs: Arc::clone(&fs),
        identity: identity.to_owned(),
        seqno,
        tables: tables.iter().map(table).collect(),
        pause: Arc::new(DeletionPause::new()),
    };
    Checkpoint::new().clock(&At(1_700_000_000 + seqno)).create(&engine, &*fs, &dir).unwrap();
    let catalog = fs.read_to_vec(&dir.join(CATALOG_FILE), 1 << 20).unwrap();
    let digest = Sha256::digest(&catalog);
    let backup = BackupId(digest[..16].try_into().unwrap());
    Source { fs, dir, backup }
}
