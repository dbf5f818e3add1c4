//! Reads catalogs, and compares them with their digests in the state and with their `CHECKPOINT`.

use std::path::Path;

use lsm_checkpoint::{CATALOG_FILE, Catalog, CatalogFile};

use crate::{
    defect::Defect,
    error::{Error, Result},
    format::{Backup, BackupCatalog, CATALOG_MAX, ObjectRef, StoredFile, path_text, sha256},
    id::BackupId,
    key::Key,
    session::Session,
};

/// The memory that the names in a `CHECKPOINT` may take, beyond the names that the catalog itself lists.
const FREE_MEMORY: u64 = 24 << 20;
/// The memory of a name without its text, as [`Catalog::from_bytes`] counts it.
const NAME_MEMORY: u64 = 400;

impl Session {
    /// Reads the references of a backup. The inner error is the damage of its catalog.
    pub(crate) async fn refs(&self, backup: &Backup) -> Result<Result<Vec<ObjectRef>, Defect>> {
        let (catalog, place) = (&backup.catalog, backup.catalog.refs);
        if place.len > CATALOG_MAX {
            return Ok(Err(Defect::TooLong { limit: CATALOG_MAX, found: place.len }));
        }
        if place.len == 0 {
            return Ok(place.decode(&[]));
        }
        if let Some(refs) = self.memory.refs(catalog.sha256, place).await? {
            return Ok(Ok(refs));
        }
        let blocks = match self.access.get_range(Key::Catalog(catalog.name), place.offset, place.len).await {
            Ok(Some(blocks)) => blocks,
            Ok(None) => return Ok(Err(Defect::Missing)),
            Err(error) => return damage(error),
        };
        let refs = place.decode(&blocks);
        if refs.is_ok() {
            self.memory.keep_refs(catalog.sha256, blocks.into()).await;
        }
        Ok(refs)
    }

    /// Reads a catalog as [`catalog`](Self::catalog) does, and compares its list of files with `CHECKPOINT`. Callers
    /// that use the files of a backup call this one.
    pub(crate) async fn proved_catalog(&self, backup: &Backup) -> Result<Result<BackupCatalog, Defect>> {
        Ok(self.catalog(backup).await?.and_then(compare))
    }

    /// Reads the whole catalog of a backup. The inner error is its damage.
    pub(crate) async fn catalog(&self, backup: &Backup) -> Result<Result<BackupCatalog, Defect>> {
        let place = &backup.catalog;
        let bytes = match self.access.get(Key::Catalog(place.name), CATALOG_MAX).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Err(Defect::Missing)),
            Err(error) => return damage(error),
        };
        if bytes.len() as u64 != place.len {
            return Ok(Err(Defect::Length { expected: place.len, found: bytes.len() as u64 }));
        }
        if sha256(&bytes) != place.sha256 {
            return Ok(Err(Defect::Digest));
        }
        let catalog = match BackupCatalog::decode(bytes) {
            Ok(catalog) => catalog,
            Err(defect) => return Ok(Err(defect)),
        };
        if catalog.repository != self.constants.id {
            return Ok(Err(Defect::OtherRepository));
        }
        // A forged state has digests that match its objects. An identifier that a person has written down proves the
        // bytes of `CHECKPOINT`: the names and lengths of all files, and the checksums that are known.
        let is_its_own =
            catalog.backup == backup.id && BackupId::of_checkpoint(&catalog.checkpoint) == backup.id;
        Ok(if is_its_own { Ok(catalog) } else { Err(Defect::OtherBackup) })
    }
}

/// Compares the list of files with the list in `CHECKPOINT`, whose bytes the identifier of the backup proves.
///
/// A restore follows `CHECKPOINT`. Without this comparison, a verification would read the files of a forged list and
/// report no damage.
fn compare(catalog: BackupCatalog) -> Result<BackupCatalog, Defect> {
    let proved =
        Catalog::from_bytes(Path::new(CATALOG_FILE), catalog.checkpoint.clone(), memory_of(&catalog));
    let proved = proved.map_err(|error| match error {
        lsm_checkpoint::Error::UnsupportedFormat { found, .. } => Defect::Format(found),
        lsm_checkpoint::Error::UnsupportedFeatures { features, .. } => Defect::Features(features),
        error => Defect::Checkpoint(Box::new(error)),
    })?;
    let is_listed = |(file, listed): (&CatalogFile, &StoredFile)| {
        (listed.len, listed.checksum) == (file.len, file.checksum)
            && listed.path == path_text(&proved.path_of(file))
    };
    let is_same =
        proved.files.len() == catalog.files.len() && proved.files.iter().zip(&catalog.files).all(is_listed);
    if is_same { Ok(catalog) } else { Err(Defect::OtherFiles) }
}

/// Returns the memory that the names in `CHECKPOINT` may take: for the names of this catalog, which are in memory
/// already, and a fixed amount. A directory can have two records in `CHECKPOINT`, its own and one for its attributes.
fn memory_of(catalog: &BackupCatalog) -> u64 {
    let of_name = |path: &str| NAME_MEMORY.saturating_add(2 * path.len() as u64);
    let files = catalog.files.iter().map(|file| of_name(&file.path));
    let folders = catalog.folders.iter().map(|folder| 2 * of_name(&folder.path));
    files.chain(folders).fold(FREE_MEMORY, u64::saturating_add)
}

/// Separates the damage of an object from a failure of the store.
fn damage<T>(error: Error) -> Result<Result<T, Defect>> {
    match error {
        Error::Corrupt { what, .. } | Error::Unsupported { what, .. } => Ok(Err(what)),
        error => Err(error),
    }
}

#[cfg(test)]
mod tests;
