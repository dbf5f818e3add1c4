//! [`BackupCatalog`]: the files of one backup.

mod codec;
mod length;

use std::collections::BTreeSet;

use lsm_fs::Permissions;

use super::{ObjectRef, RefsPlace, Sha256, paths, pieces};
use crate::{
    defect::Defect,
    id::{BackupId, RepositoryId},
};

pub(crate) use length::CatalogLength;

/// The catalog of a backup: its files, and the objects that hold their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupCatalog {
    /// The repository that it belongs to.
    pub repository: RepositoryId,
    /// The backup that it describes.
    pub backup: BackupId,
    /// The bytes of the file `CHECKPOINT`.
    pub checkpoint: Vec<u8>,
    /// The objects, in the order of their files.
    pub refs: Vec<ObjectRef>,
    /// The files, except `CHECKPOINT`.
    pub files: Vec<StoredFile>,
    /// The directories. A push lists the parents of all files. A reader also accepts a catalog that lacks some.
    pub folders: Vec<StoredFolder>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its path in the checkpoint, with `/` between the names.
    pub path: String,
    /// Its length.
    pub len: u64,
    /// The position of its object in the references. An empty file has none.
    pub object: Option<u32>,
    /// The engine's own checksum of the file, the XXH3-128 in the checkpoint's catalog. By it the next push recognises
    /// the file.
    pub checksum: Option<u128>,
    /// The SHA-256 of each piece.
    pub pieces: Vec<Sha256>,
    /// Its mode, owner and group in the checkpoint, if known.
    pub permissions: Option<Permissions>,
}

/// A directory of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFolder {
    /// Its path in the checkpoint. The checkpoint's own directory has the empty path.
    pub path: String,
    /// Its mode, owner and group in the checkpoint, if known.
    pub permissions: Option<Permissions>,
}

impl BackupCatalog {
    /// Encodes the object, and returns the place of its references.
    ///
    /// # Errors
    ///
    /// There are more files than an archive can hold.
    pub fn encode(&self) -> Result<(Vec<u8>, RefsPlace), Defect> {
        codec::encode(self)
    }

    /// Decodes an object. The caller has compared its SHA-256.
    ///
    /// # Errors
    ///
    /// The bytes are damaged, a newer version wrote them, or a path leads out of the checkpoint.
    pub fn decode(bytes: Vec<u8>) -> Result<Self, Defect> {
        let catalog = codec::decode(bytes)?;
        catalog.check()?;
        Ok(catalog)
    }

    /// Returns the object of a file. An empty file has none.
    #[must_use]
    pub fn object_of(&self, file: &StoredFile) -> Option<ObjectRef> {
        self.refs.get(usize::try_from(file.object?).ok()?).copied()
    }

    fn check(&self) -> Result<(), Defect> {
        // The catalog of the checkpoint is a file, too, but has no record.
        let mut files = BTreeSet::from([lsm_checkpoint::CATALOG_FILE]);
        for file in &self.files {
            paths::check(&file.path)?;
            let object = self.object_of(file).map(|object| object.len);
            let fits = if file.len == 0 { file.object.is_none() } else { object == Some(file.len) };
            if !fits || !files.insert(file.path.as_str()) {
                return Err(Defect::Records);
            }
            debug_assert_eq!(file.pieces.len() as u64, pieces(file.len), "the decoder hands out the pieces");
        }
        let mut folders = BTreeSet::new();
        for folder in &self.folders {
            if !folder.path.is_empty() {
                paths::check(&folder.path)?;
            }
            if !folders.insert(folder.path.as_str()) || files.contains(folder.path.as_str()) {
                return Err(Defect::Records);
            }
        }
        let is_below_a_file = |path: &str| {
            path.match_indices('/').any(|(at, _)| files.contains(path.get(..at).unwrap_or(path)))
        };
        let mut all = files.iter().chain(&folders);
        if all.any(|path| is_below_a_file(path)) { Err(Defect::Records) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
