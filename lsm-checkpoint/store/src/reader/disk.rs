//! [`DiskCache`]: verified pieces on the local disk, by their SHA-256.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use lsm_fs::{Fs, FsExt, FsOpenOptions, StdFs};

use crate::{
    error::Result,
    format::{PIECE, Sha256, sha256},
    hex,
};

/// Pieces in a directory within a limit of bytes. At the limit, the oldest file is removed. The name of a file is the
/// SHA-256 of its piece. A read compares both, so a piece whose file a crash has torn is fetched again.
#[derive(Clone, Debug)]
pub(super) struct DiskCache(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    limit: u64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    files: VecDeque<(Sha256, u64)>,
    bytes: u64,
    next_temporary: u64,
}

impl DiskCache {
    /// Opens a directory, and removes unfinished files of a dead process.
    pub(super) fn open(dir: PathBuf, limit: u64) -> Result<Self> {
        StdFs.create_dir_all(&dir)?;
        let mut kept = Kept::default();
        for entry in StdFs.read_dir(&dir)? {
            let Some(name) = entry.name.to_str() else { continue };
            let path = dir.join(name);
            if name.starts_with("new-") {
                StdFs.remove_file(&path)?;
            } else if let Some(digest) = hex::decode::<32>(name) {
                let len = StdFs.metadata(&path)?.len;
                kept.files.push_back((digest, len));
                kept.bytes += len;
            }
        }
        let cache = Self(Arc::new(Shared { dir, limit, kept: Mutex::new(kept) }));
        cache.make_room(0);
        Ok(cache)
    }

    /// Returns pieces if all of them are there.
    pub(super) fn get_all(&self, digests: &[Sha256]) -> Option<Vec<Bytes>> {
        let get = |digest: &Sha256| {
            let bytes = StdFs.read_to_vec(&self.path(&hex::encode(digest)), PIECE).ok()?;
            (sha256(&bytes) == *digest).then(|| Bytes::from(bytes))
        };
        digests.iter().map(get).collect()
    }

    /// Adds a piece. A failure only costs a later request.
    pub(super) fn put(&self, digest: Sha256, bytes: &[u8]) {
        let len = bytes.len() as u64;
        if len > self.0.limit || StdFs.exists(&self.path(&hex::encode(&digest))).unwrap_or(true) {
            return;
        }
        self.make_room(len);
        let number = {
            let mut kept = self.lock();
            kept.next_temporary += 1;
            kept.next_temporary
        };
        let (temporary, path) = (self.path(&format!("new-{number}")), self.path(&hex::encode(&digest)));
        match write(&temporary, bytes).and_then(|()| StdFs.rename(&temporary, &path)) {
            Ok(()) => {
                let mut kept = self.lock();
                kept.files.push_back((digest, len));
                kept.bytes += len;
            }
            Err(_) => drop(StdFs.remove_file(&temporary)),
        }
    }

    fn make_room(&self, len: u64) {
        let mut kept = self.lock();
        while kept.bytes.saturating_add(len) > self.0.limit
            && let Some((digest, oldest)) = kept.files.pop_front()
        {
            kept.bytes = kept.bytes.saturating_sub(oldest);
            drop(StdFs.remove_file(&self.path(&hex::encode(&digest))));
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.dir.join(name)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a file without a sync. A torn file does not match its name.
fn write(path: &Path, bytes: &[u8]) -> lsm_fs::Result<()> {
    StdFs.open(path, &FsOpenOptions::new().write(true).create_new(true))?.write_at(bytes, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_stay_within_the_limit_and_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let cache = DiskCache::open(dir.path().join("cache"), 10).unwrap();
        let pieces = [&b"1111"[..], b"2222", b"3333"];
        let digests = pieces.map(sha256);
        pieces.iter().for_each(|piece| cache.put(sha256(piece), piece));
        assert_eq!(cache.get_all(&digests[..1]), None);
        assert_eq!(cache.get_all(&digests[1..]).unwrap(), pieces[1..]);
        drop(cache);
        let cache = DiskCache::open(dir.path().join("cache"), 10).unwrap();
        assert_eq!(cache.get_all(&digests[1..]).unwrap(), pieces[1..]);
        let path = cache.path(&hex::encode(&digests[2]));
        StdFs.remove_file(&path).unwrap();
        write(&path, b"33x3").unwrap();
        assert_eq!(cache.get_all(&digests[2..]), None);
    }
}
