//! [`Known`]: the objects that the backups of a state need.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
};

use crate::{
    defect::Defect,
    error::{Error, Result},
    format::{Backup, Head},
    key::{Key, ObjectName},
    session::Session,
};

/// A key for fingerprints, and the fingerprints of all objects that are needed.
///
/// A fingerprint has 64 bits. Two objects with the same fingerprint keep garbage, and lose nothing. Objects of a backup
/// that was dropped meanwhile stay until the next collect.
#[derive(Debug, Default)]
pub(super) struct Known {
    hasher: RandomState,
    /// By name: a push that heals can write the same catalog again under another name.
    catalogs: BTreeSet<ObjectName>,
    /// Sorted.
    fingerprints: Vec<u64>,
}

impl Known {
    /// Adds the backups of a state. The inner error names a catalog that is missing or damaged.
    pub(super) async fn add(&mut self, session: &Session, head: &Head) -> Result<Result<(), Error>> {
        let mut is_new = false;
        for backup in head.referenced() {
            if self.catalogs.contains(&backup.catalog.name) {
                continue;
            }
            if let Err(defect) = self.add_backup(session, backup).await? {
                return Ok(Err(Error::defect(Key::Catalog(backup.catalog.name), defect)));
            }
            self.catalogs.insert(backup.catalog.name);
            is_new = true;
        }
        if is_new {
            self.fingerprints.sort_unstable();
            self.fingerprints.dedup();
        }
        Ok(Ok(()))
    }

    async fn add_backup(&mut self, session: &Session, backup: &Backup) -> Result<Result<(), Defect>> {
        let refs = match session.refs(backup).await? {
            Ok(refs) => refs,
            Err(defect) => return Ok(Err(defect)),
        };
        self.fingerprints.push(self.hasher.hash_one(backup.catalog.name));
        self.fingerprints.extend(refs.iter().map(|object| self.hasher.hash_one(object.name)));
        Ok(Ok(()))
    }

    pub(super) fn contains(&self, name: ObjectName) -> bool {
        self.fingerprints.binary_search(&self.hasher.hash_one(name)).is_ok()
    }
}
