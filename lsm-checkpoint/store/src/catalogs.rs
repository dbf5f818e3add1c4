//! Reads catalogs, and compares them with their digests in the state.

use crate::{
    defect::Defect,
    error::{Error, Result},
    format::{Backup, BackupCatalog, CATALOG_MAX, ObjectRef, sha256},
    id::BackupId,
    key::Key,
    session::Session,
};

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

/// Separates the damage of an object from a failure of the store.
fn damage<T>(error: Error) -> Result<Result<T, Defect>> {
    match error {
        Error::Corrupt { what, .. } | Error::Unsupported { what, .. } => Ok(Err(what)),
        error => Err(error),
    }
}
