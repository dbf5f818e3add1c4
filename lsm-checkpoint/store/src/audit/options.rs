//! [`VerifyOptions`] and [`CheckReport`].

use std::{collections::BTreeMap, fmt};

use crate::{
    defect::Defect,
    id::BackupId,
    key::{Key, ObjectName},
    meter::OnProgress,
};

/// The options of a check.
#[derive(Clone, Default)]
pub struct CheckOptions {
    pub(super) progress: Option<OnProgress>,
}

impl CheckOptions {
    /// Creates the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reports progress, and cancels if the callback returns `Break`. A file is an object that was found in the lists.
    #[must_use]
    pub fn progress(mut self, progress: OnProgress) -> Self {
        self.progress = Some(progress);
        self
    }
}

impl fmt::Debug for CheckOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckOptions").finish_non_exhaustive()
    }
}

/// The options of a verification.
#[derive(Clone, Default)]
pub struct VerifyOptions {
    pub(super) backups: Option<Vec<BackupId>>,
    pub(super) part: Option<(u32, u32)>,
    pub(super) progress: Option<OnProgress>,
}

impl VerifyOptions {
    /// Creates the default options: all files of all backups that are not forgotten.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Verifies only these backups. They may be forgotten ones.
    #[must_use]
    pub fn backups(mut self, backups: impl IntoIterator<Item = BackupId>) -> Self {
        self.backups = Some(backups.into_iter().collect());
        self
    }

    /// Reads only part `k` of `n` of the objects, with `k` from 1 to `n`. An object always belongs to the same part, so
    /// the parts 1 to `n` together cover all objects.
    #[must_use]
    pub fn part(mut self, k: u32, n: u32) -> Self {
        let n = n.max(1);
        self.part = Some((k.clamp(1, n) - 1, n));
        self
    }

    /// Reports progress, and cancels if the callback returns `Break`.
    #[must_use]
    pub fn progress(mut self, progress: OnProgress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Returns `true` if the object is in the part. Names are random, so the parts are about equal.
    pub(super) fn includes(&self, name: ObjectName) -> bool {
        let Some((k, n)) = self.part else { return true };
        let [a, b, c, d, ..] = name.nonce.0;
        u32::from_le_bytes([a, b, c, d]) % n == k
    }
}

impl fmt::Debug for VerifyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyOptions")
            .field("backups", &self.backups)
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

/// The result of a check or a verification.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct CheckReport {
    /// The number of backups that were checked.
    pub backups: u64,
    /// The number of objects that they need and that are there.
    pub objects: u64,
    /// The bytes of these objects.
    pub bytes: u64,
    /// The total length of the objects that were read. A damaged or missing object counts in full.
    pub read_bytes: u64,
    /// The objects that are missing or damaged.
    pub damaged: Vec<DamagedObject>,
    /// The number of objects that none of the checked backups needs. They belong to other backups or to pushes under
    /// way, or they are garbage.
    pub other_objects: u64,
    /// The bytes of these objects.
    pub other_bytes: u64,
    /// The number of objects below `data/` and `backup/` with names that no repository makes.
    pub strangers: u64,
}

/// An object that is missing or damaged.
#[derive(Debug)]
#[non_exhaustive]
pub struct DamagedObject {
    /// The object.
    pub key: Key,
    /// The damage.
    pub what: Defect,
    /// The backups that need the object. If a verification found the damage by reading, only the first of them.
    pub backups: Vec<BackupId>,
}

impl CheckReport {
    /// Returns `true` if nothing is damaged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty()
    }

    /// Returns the damaged objects, for [`PushOptions::distrust`](crate::PushOptions::distrust).
    pub fn damaged_objects(&self) -> impl Iterator<Item = ObjectName> {
        self.damaged.iter().filter_map(|damaged| damaged.key.object())
    }
}

/// Damaged objects in the order in which they were found, each once.
#[derive(Debug, Default)]
pub(super) struct Damage {
    objects: Vec<DamagedObject>,
    /// The position of each object. A lost bucket can have millions of them.
    places: BTreeMap<Key, usize>,
}

impl Damage {
    pub(super) fn add(&mut self, key: Key, what: Defect, backup: BackupId) {
        let place = *self.places.entry(key).or_insert(self.objects.len());
        match self.objects.get_mut(place) {
            Some(known) if known.backups.contains(&backup) => {}
            Some(known) => known.backups.push(backup),
            None => self.objects.push(DamagedObject { key, what, backups: vec![backup] }),
        }
    }

    pub(super) fn into_objects(self) -> Vec<DamagedObject> {
        self.objects
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Nonce, WriterId};

    #[test]
    fn each_damaged_object_is_listed_once_in_the_order_of_its_discovery() {
        let key = |nonce| Key::Data(ObjectName { writer: WriterId([0; 16]), nonce: Nonce([nonce; 16]) });
        let [one, two] = [1, 2].map(|id| BackupId([id; 16]));
        let mut damage = Damage::default();
        for (nonce, backup) in [(9, one), (3, one), (9, one), (3, two), (9, two), (5, two)] {
            damage.add(key(nonce), Defect::Missing, backup);
        }
        let found: Vec<_> =
            damage.into_objects().into_iter().map(|object| (object.key, object.backups)).collect();
        assert_eq!(found, [(key(9), vec![one, two]), (key(3), vec![one, two]), (key(5), vec![two])]);
    }
}
