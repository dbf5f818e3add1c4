//! [`Seed`]: local files that may already hold bytes of a backup.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use lsm_fs::{Fs, FsOpenOptions};

use crate::format::{PIECE, Sha256, sha256};

/// A directory whose files have the names of the backup's. Its bytes are used only if they match their SHA-256.
#[derive(Clone, Debug)]
pub(super) struct Seed {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) dir: PathBuf,
}

impl Seed {
    /// Returns neighbouring pieces of a file if all of them are there with the right bytes.
    pub(super) fn get_all(&self, path: &str, first: u64, digests: &[Sha256]) -> Option<Vec<Bytes>> {
        let view = self.fs.beneath(&self.dir).ok()?;
        let file = view.open(&self.dir.join(Path::new(path)), &FsOpenOptions::new().read(true)).ok()?;
        let mut pieces = Vec::with_capacity(digests.len());
        for (number, digest) in (first..).zip(digests) {
            let mut bytes = vec![0; usize::try_from(PIECE).ok()?];
            let read = file.read_at(&mut bytes, number.checked_mul(PIECE)?).ok()?;
            bytes.truncate(read);
            if sha256(&bytes) != *digest {
                return None;
            }
            pieces.push(Bytes::from(bytes));
        }
        Some(pieces)
    }
}
