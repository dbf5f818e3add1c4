//! [`Seed`]: local files that may already hold bytes of a backup.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use lsm_fs::{Fs, FsMetadata, FsOpenOptions};

use crate::format::{PIECE, Sha256, sha256};

/// A directory whose files have the names of the backup's files. Their bytes are used only if they match their SHA-256.
#[derive(Clone, Debug)]
pub(super) struct Seed {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    is_shrinking: bool,
}

impl Seed {
    pub(super) const fn new(fs: Arc<dyn Fs>, dir: PathBuf) -> Self {
        Self { fs, dir, is_shrinking: false }
    }

    /// Removes each file once it was read to its end, to make room for the next copies.
    pub(super) fn shrinking(self) -> Self {
        Self { is_shrinking: true, ..self }
    }

    /// Returns the space that these files occupy, or their length if that is less.
    pub(super) fn held_bytes<'a>(&self, files: impl Iterator<Item = &'a str>) -> u64 {
        let Ok(view) = self.fs.beneath(&self.dir) else { return 0 };
        let found = files.filter_map(|file| view.symlink_metadata(&self.dir.join(file)).ok());
        let bytes = found.filter(FsMetadata::is_file).map(|file| match file.allocated_bytes {
            Some(allocated) => file.len.min(allocated),
            None => file.len,
        });
        bytes.fold(0, u64::saturating_add)
    }

    /// Removes a file that was read to its end, if the seed is shrinking. A file that stays costs only space.
    pub(super) fn is_read(&self, path: &str) {
        if self.is_shrinking
            && let Ok(view) = self.fs.beneath(&self.dir)
        {
            let _ = view.remove_file(&self.dir.join(path));
        }
    }

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

#[cfg(test)]
mod tests {
    use lsm_fs::{FsExt, SyncMode};
    use lsm_fs_mem::MemFs;

    use super::*;

    /// A dead restore leaves any part of a file on disk.
    #[test]
    fn only_pieces_with_the_right_bytes_are_returned() {
        let piece = usize::try_from(PIECE).unwrap();
        let sound = [vec![1; piece], vec![2; 9]].concat();
        let digests: Vec<_> = sound.chunks(piece).map(sha256).collect();
        let get_all = |bytes: &[u8]| {
            let fs = Arc::new(MemFs::new());
            fs.write_new(Path::new("/table"), bytes, SyncMode::Normal).unwrap();
            Seed::new(fs, "/".into()).get_all("table", 0, &digests)
        };
        assert_eq!(get_all(&sound).unwrap().concat(), sound);
        for at in [0, piece] {
            let mut damaged = sound.clone();
            damaged[at] ^= 1;
            assert!(get_all(&damaged).is_none(), "byte {at}");
        }
        for len in [0, piece, sound.len() - 1] {
            assert!(get_all(&sound[..len]).is_none(), "{len} bytes");
        }
    }
}
