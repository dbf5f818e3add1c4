//! [`Known`]: the objects that the backups of a state need.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
};

use crate::{
    error::{Error, Result},
    format::Head,
    key::{Key, ObjectName},
    session::Session,
};

/// A list of fewer than twice as many fingerprints may have duplicates while it grows.
const FEW: usize = 1 << 12;

/// A key for fingerprints, and the fingerprints of all objects that are needed.
///
/// A fingerprint has 64 bits. If a needed object and garbage have the same one, the garbage stays, and nothing is lost.
/// Objects of a backup that was dropped meanwhile stay until the next collect.
#[derive(Debug, Default)]
pub(super) struct Known {
    hasher: RandomState,
    /// The catalogs by object name, because a push that heals can write the same catalog again under another name.
    catalogs: BTreeSet<ObjectName>,
    fingerprints: Fingerprints,
}

impl Known {
    /// Adds the backups of a state. The inner error names a catalog that is missing or damaged.
    pub(super) async fn add(&mut self, session: &Session, head: &Head) -> Result<Result<(), Error>> {
        let outcome = self.add_backups(session, head).await;
        // Compact in every case. An earlier call may have failed after it added fingerprints, and this one may add
        // none.
        self.fingerprints.compact();
        outcome
    }

    async fn add_backups(&mut self, session: &Session, head: &Head) -> Result<Result<(), Error>> {
        for backup in head.referenced() {
            if self.catalogs.contains(&backup.catalog.name) {
                continue;
            }
            // The references may all be in the state directory, so no request would ask the caller.
            session.access.ask()?;
            let refs = match session.refs(backup).await? {
                Ok(refs) => refs,
                Err(defect) => return Ok(Err(Error::defect(Key::Catalog(backup.catalog.name), defect))),
            };
            let names = refs.iter().map(|object| object.name).chain([backup.catalog.name]);
            self.fingerprints.extend(names.map(|name| self.hasher.hash_one(name)));
            self.catalogs.insert(backup.catalog.name);
        }
        Ok(Ok(()))
    }

    pub(super) fn contains(&self, name: ObjectName) -> bool {
        self.fingerprints.contains(self.hasher.hash_one(name))
    }
}

/// A set of fingerprints in 8 bytes each. Backups share most of their objects, so duplicates are removed whenever the
/// list has doubled. It never holds more than one backup beside the larger of twice the set and 8,192 fingerprints.
#[derive(Debug, Default)]
struct Fingerprints {
    list: Vec<u64>,
    /// The length of the part in front, which is sorted and without duplicates.
    compacted: usize,
}

impl Fingerprints {
    fn extend(&mut self, more: impl Iterator<Item = u64>) {
        self.list.extend(more);
        if self.list.len() / 2 >= self.compacted.max(FEW) {
            self.compact();
        }
    }

    fn compact(&mut self) {
        if self.list.len() > self.compacted {
            self.list.sort_unstable();
            self.list.dedup();
            self.compacted = self.list.len();
        }
    }

    /// Looks only into the part that was compacted.
    fn contains(&self, fingerprint: u64) -> bool {
        self.list.get(..self.compacted).is_some_and(|list| list.binary_search(&fingerprint).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_that_share_their_objects_take_no_memory_each() {
        let mut fingerprints = Fingerprints::default();
        let objects = 2 * FEW as u64;
        for backup in 0..20 {
            fingerprints.extend((backup..backup + objects).rev());
            assert!(fingerprints.list.len() as u64 <= 3 * (objects + backup), "{}", fingerprints.list.len());
        }
        fingerprints.compact();
        assert_eq!(fingerprints.list.len() as u64, objects + 19);
        assert!((0..objects + 19).all(|object| fingerprints.contains(object)));
        assert!(!fingerprints.contains(objects + 19));
    }
}
