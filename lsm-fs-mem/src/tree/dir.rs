//! Directory entries, sorted by the bytes of their names and indexed by the first eight. Most lookups compare numbers
//! and then look at a single name.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ffi::OsStr,
};

use lsm_fs::Permissions;

use crate::micro::{Ino, Name};

#[derive(Clone, Debug, Default)]
pub(crate) struct DirNode {
    /// The entries by the first eight bytes of the name, as a number with the same order.
    buckets: BTreeMap<u64, Bucket>,
    /// The permissions that were set, if any were.
    pub(crate) permissions: Option<Permissions>,
}

/// Names with the same first eight bytes.
#[derive(Clone, Debug)]
enum Bucket {
    One([(Name, Ino); 1]),
    Many(BTreeMap<Name, Ino>),
}

/// Returns the first eight bytes of a name as a number. Shorter names are padded with NUL, which no name contains, so
/// they sort before the names that they are a prefix of.
fn head_of(name: &OsStr) -> u64 {
    let bytes = name.as_encoded_bytes();
    if let Some((head, _)) = bytes.split_first_chunk::<8>() {
        return u64::from_le_bytes(*head).swap_bytes();
    }
    let mut head = [0; 8];
    for (to, from) in head.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_le_bytes(head).swap_bytes()
}

impl DirNode {
    /// The same directory with nothing in it.
    pub(crate) fn without_names(&self) -> Self {
        Self { buckets: BTreeMap::new(), permissions: self.permissions }
    }

    pub(crate) fn get(&self, name: &OsStr) -> Option<Ino> {
        match self.buckets.get(&head_of(name))? {
            Bucket::One([(known, ino)]) => (**known == *name).then_some(*ino),
            Bucket::Many(many) => many.get(name).copied(),
        }
    }

    /// Binds a name. Returns the inode that it was bound to.
    #[inline]
    pub(crate) fn insert(&mut self, name: Name, ino: Ino) -> Option<Ino> {
        let mut bucket = match self.buckets.entry(head_of(&name)) {
            Entry::Vacant(place) => {
                place.insert(Bucket::One([(name, ino)]));
                return None;
            }
            Entry::Occupied(bucket) => bucket,
        };
        let both = match bucket.get_mut() {
            Bucket::Many(many) => return many.insert(name, ino),
            Bucket::One([(known, bound)]) if *known == name => return Some(std::mem::replace(bound, ino)),
            Bucket::One([(known, bound)]) => BTreeMap::from([(Name::clone(known), *bound), (name, ino)]),
        };
        bucket.insert(Bucket::Many(both));
        None
    }

    pub(crate) fn remove(&mut self, name: &OsStr) -> Option<Ino> {
        let Entry::Occupied(mut bucket) = self.buckets.entry(head_of(name)) else { return None };
        let (removed, is_empty) = match bucket.get_mut() {
            Bucket::One([(known, ino)]) => ((**known == *name).then_some(*ino), **known == *name),
            Bucket::Many(many) => (many.remove(name), many.is_empty()),
        };
        if is_empty {
            bucket.remove();
        }
        removed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Iterates over the entries in the byte order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Name, Ino)> {
        self.buckets.values().flat_map(|bucket| {
            let (one, many) = match bucket {
                Bucket::One([entry]) => (Some(entry), None),
                Bucket::Many(many) => (None, Some(many)),
            };
            let one = one.into_iter().map(|(name, ino)| (name, *ino));
            one.chain(many.into_iter().flatten().map(|(name, ino)| (name, *ino)))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn name(text: &str) -> Name {
        Arc::from(OsStr::new(text))
    }

    /// Names with common beginnings, some of which are prefixes of others.
    const NAMES: [&str; 12] = [
        "",
        "00000000001",
        "00000000002",
        "0000000",
        "00000000",
        "000000000",
        "a",
        "ab",
        "b",
        "B",
        "ä",
        "checkpoint-1",
    ];

    #[test]
    fn a_directory_is_a_sorted_map() {
        let (mut dir, mut plain) = (DirNode::default(), BTreeMap::new());
        // Each round binds an unbound name or frees a bound one, starting from another name.
        for round in 0..200_usize {
            let text = NAMES[round * 7 % NAMES.len()];
            let ino = round as u64;
            if round % 5 == 0 && plain.contains_key(text) {
                assert_eq!(dir.insert(name(text), ino), plain.insert(text, ino), "rebinds {text}");
            } else if plain.contains_key(text) {
                assert_eq!(dir.remove(OsStr::new(text)), plain.remove(text), "frees {text}");
            } else {
                assert_eq!(dir.insert(name(text), ino), plain.insert(text, ino), "binds {text}");
            }
            let found: Vec<_> = dir.iter().map(|(name, ino)| (name.to_str().unwrap(), ino)).collect();
            let wanted: Vec<_> = plain.iter().map(|(name, ino)| (*name, *ino)).collect();
            assert_eq!(found, wanted);
            assert_eq!(dir.is_empty(), plain.is_empty());
            for text in NAMES {
                assert_eq!(dir.get(OsStr::new(text)), plain.get(text).copied());
                if !plain.contains_key(text) {
                    assert_eq!(dir.remove(OsStr::new(text)), None);
                }
            }
        }
    }
}
