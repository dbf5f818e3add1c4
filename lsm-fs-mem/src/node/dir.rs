//! What a directory holds: names by their hash, so that a lookup compares numbers and looks at one name.

use std::{collections::BTreeMap, ffi::OsStr};

use crate::{
    hash::Fingerprint,
    micro::{Ino, Name},
};

#[derive(Clone, Debug, Default)]
pub(crate) struct DirNode {
    buckets: BTreeMap<u64, Bucket>,
}

/// The names of one hash.
#[derive(Clone, Debug)]
enum Bucket {
    One([(Name, Ino); 1]),
    Many(Vec<(Name, Ino)>),
}

impl Bucket {
    const fn entries(&self) -> &[(Name, Ino)] {
        match self {
            Self::One(one) => one,
            Self::Many(many) => many.as_slice(),
        }
    }

    fn find(&mut self, name: &OsStr) -> Option<&mut Ino> {
        let entries = match self {
            Self::One(one) => one.as_mut_slice(),
            Self::Many(many) => many,
        };
        entries.iter_mut().find(|(known, _)| **known == *name).map(|(_, ino)| ino)
    }
}

fn hash_of(name: &OsStr) -> u64 {
    let mut hash = Fingerprint::new();
    hash.bytes(name.as_encoded_bytes());
    hash.short()
}

impl DirNode {
    pub(crate) fn get(&self, name: &OsStr) -> Option<Ino> {
        self.get_hashed(hash_of(name), name)
    }

    /// Binds a name; returns what it was bound to.
    pub(crate) fn insert(&mut self, name: Name, ino: Ino) -> Option<Ino> {
        self.insert_hashed(hash_of(&name), name, ino)
    }

    pub(crate) fn remove(&mut self, name: &OsStr) -> Option<Ino> {
        self.remove_hashed(hash_of(name), name)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// In an order of its own, the same each time.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Name, Ino)> {
        self.buckets.values().flat_map(|bucket| bucket.entries()).map(|(name, ino)| (name, *ino))
    }

    /// By the bytes of the names.
    pub(crate) fn sorted(&self) -> Vec<(&Name, Ino)> {
        let mut entries: Vec<_> = self.iter().collect();
        entries.sort_unstable_by(|(a, _), (b, _)| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
        entries
    }

    fn get_hashed(&self, hash: u64, name: &OsStr) -> Option<Ino> {
        let entries = self.buckets.get(&hash)?.entries();
        entries.iter().find(|(known, _)| **known == *name).map(|(_, ino)| *ino)
    }

    fn insert_hashed(&mut self, hash: u64, name: Name, ino: Ino) -> Option<Ino> {
        match self.buckets.get_mut(&hash) {
            None => {
                self.buckets.insert(hash, Bucket::One([(name, ino)]));
                None
            }
            Some(bucket) => match bucket.find(&name) {
                Some(bound) => Some(std::mem::replace(bound, ino)),
                None => {
                    let mut many = bucket.entries().to_vec();
                    many.push((name, ino));
                    // Two orders of insertion make one directory.
                    many.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
                    *bucket = Bucket::Many(many);
                    None
                }
            },
        }
    }

    fn remove_hashed(&mut self, hash: u64, name: &OsStr) -> Option<Ino> {
        let bucket = self.buckets.get_mut(&hash)?;
        let ino = *bucket.find(name)?;
        match bucket {
            Bucket::Many(many) if many.len() > 1 => many.retain(|(known, _)| **known != *name),
            _ => drop(self.buckets.remove(&hash)),
        }
        Some(ino)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn name(text: &str) -> Name {
        Arc::from(OsStr::new(text))
    }

    #[test]
    fn names_of_one_hash_are_kept_apart() {
        let mut dir = DirNode::default();
        for (ino, text) in [(3, "c"), (1, "a"), (2, "b")] {
            assert_eq!(dir.insert_hashed(7, name(text), ino), None);
        }
        assert_eq!(dir.insert_hashed(7, name("b"), 9), Some(2));
        assert_eq!(dir.get_hashed(7, OsStr::new("b")), Some(9));
        assert_eq!(dir.get_hashed(7, OsStr::new("d")), None);
        assert_eq!(dir.sorted().iter().map(|(_, ino)| *ino).collect::<Vec<_>>(), [1, 9, 3]);
        assert_eq!(dir.remove_hashed(7, OsStr::new("d")), None);
        for (text, ino) in [("a", 1), ("c", 3), ("b", 9)] {
            assert_eq!(dir.remove_hashed(7, OsStr::new(text)), Some(ino));
        }
        assert!(dir.is_empty());
    }

    #[test]
    fn names_are_sorted_by_their_bytes() {
        let mut dir = DirNode::default();
        for text in ["b", "a", "ä", "B", "aa"] {
            dir.insert(name(text), 1);
        }
        let names: Vec<_> = dir.sorted().into_iter().map(|(name, _)| name.to_str().unwrap()).collect();
        assert_eq!(names, ["B", "a", "aa", "b", "ä"]);
    }
}
