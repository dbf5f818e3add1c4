//! [`expected`]: the ends of the verbs on a damaged repository, as the documentation of the crate promises them.
//!
//! They follow from a comparison of the damaged objects with the undamaged ones, and from the reads of each verb:
//!
//! | verb | reads |
//! |---|---|
//! | all | the object `repository`, and the newest state |
//! | check | the references in each catalog, and the lengths of all objects in lists |
//! | verify | the same, each catalog, and its data |
//! | restore | the catalog of the backup, and its data |
//! | collect | the references in each catalog |
//! | push | the catalog of the last backup; without it, nothing is reused |

use std::fmt::Debug;
use std::ops::Range;

use bytes::Bytes;
use lsm_checkpoint_store::proof::{Constants, Head};
use lsm_checkpoint_store::{Backup, Defect, Key};

use super::ends::{Defects, End, Ends};
use super::garden::{Garden, Objects, catalog_key, newest_number};
use crate::proof::source::Source;

/// Damaged objects beside the undamaged ones. No digest was made to match the damage.
struct Comparison<'a> {
    garden: &'a Garden,
    objects: &'a Objects,
}

pub(crate) fn expected(garden: &Garden, objects: &Objects) -> Ends {
    let damaged = Comparison { garden, objects };
    let head = match damaged.head() {
        Ok(head) => head,
        Err(end) => return Ends::all(&end),
    };
    let collect = damaged.collect(&head);
    Ends {
        check: reported(damaged.check(&head)),
        verify: reported(damaged.verify(&head)),
        restore: [0, 1].map(|at| damaged.restore(&head, &garden.sources[at])),
        deleted: if collect == End::Sound { damaged.garbage() } else { Vec::new() },
        collect,
        pushed: damaged.pushed(&head),
        ..Ends::sound()
    }
}

impl Comparison<'_> {
    /// Returns the newest state, or the end of all verbs without it.
    fn head(&self) -> Result<Head, End> {
        self.decoded(Key::Repository, Constants::decode)?;
        let number = newest_number(self.objects).ok_or(End::NoState)?;
        self.decoded(Key::Head(number), |bytes| Head::decode(number, bytes))
    }

    /// Decodes an object. An archive has a second table of contents, so some damage does no harm.
    fn decoded<T: Debug + PartialEq>(
        &self,
        key: Key,
        decode: impl Fn(Vec<u8>) -> Result<T, Defect>,
    ) -> Result<T, End> {
        let key = key.to_string();
        let bytes = self.objects.get(&key).ok_or_else(|| End::corrupt(&key, &Defect::Missing))?;
        let found = decode(bytes.to_vec()).map_err(|defect| End::corrupt(&key, &defect))?;
        let sound = decode(self.garden.objects[&key].to_vec()).unwrap();
        assert_eq!(found, sound, "{key} is damaged, but has another valid content");
        Ok(found)
    }

    fn check(&self, head: &Head) -> Defects {
        let mut defects = Defects::new();
        for backup in &head.backups {
            let catalog = catalog_key(backup);
            if let Some(defect) = self.defect_of_refs(backup) {
                defects.insert(catalog, defect.to_string());
                continue;
            }
            for key in self.data_of(backup).into_iter().chain([catalog]) {
                if let Some(defect) = self.listed(&key) {
                    defects.insert(key, defect.to_string());
                }
            }
        }
        defects
    }

    fn verify(&self, head: &Head) -> Defects {
        let mut defects = self.check(head);
        for backup in &head.backups {
            let read: Vec<_> = match self.defect_of_catalog(backup) {
                Some(defect) => vec![(catalog_key(backup), defect)],
                None => self.defects_of_data(backup).collect(),
            };
            for (key, defect) in read {
                defects.entry(key).or_insert_with(|| defect.to_string());
            }
        }
        defects
    }

    fn restore(&self, head: &Head, source: &Source) -> End {
        let Some(backup) = head.backup(source.backup) else { return End::NoSuchBackup(source.backup) };
        if let Some(defect) = self.defect_of_catalog(backup) {
            return End::corrupt(&catalog_key(backup), &defect);
        }
        let defects: Defects =
            self.defects_of_data(backup).map(|(key, defect)| (key, defect.to_string())).collect();
        if defects.is_empty() { End::Sound } else { End::Corrupt(defects) }
    }

    fn collect(&self, head: &Head) -> End {
        let refused = head.backups.iter().find_map(|backup| Some((backup, self.defect_of_refs(backup)?)));
        refused.map_or(End::Sound, |(backup, defect)| End::corrupt(&catalog_key(backup), &defect))
    }

    /// A push takes a table from the last backup without a look at the object, if it can read the catalog.
    fn pushed(&self, head: &Head) -> End {
        let last = head.backups.iter().max_by_key(|backup| backup.created).unwrap();
        if self.defect_of_catalog(last).is_some() {
            return End::Sound;
        }
        let shared = self.garden.table(b"shared");
        self.read(&shared).map_or(End::Sound, |defect| End::corrupt(&shared, &defect))
    }

    /// An object under a new name of the same form is garbage.
    fn garbage(&self) -> Vec<String> {
        let new = self.objects.keys().filter(|key| !self.garden.objects.contains_key(*key));
        new.filter(|key| Key::parse(key).is_some_and(|key| key.object().is_some())).cloned().collect()
    }

    fn data_of(&self, backup: &Backup) -> Vec<String> {
        let refs = self.garden.catalog(backup).refs;
        refs.iter().map(|object| Key::Data(object.name).to_string()).collect()
    }

    fn defects_of_data(&self, backup: &Backup) -> impl Iterator<Item = (String, Defect)> {
        let data = self.data_of(backup).into_iter();
        data.filter_map(|key| {
            let defect = self.read(&key)?;
            Some((key, defect))
        })
    }

    /// The damage that a read of the references finds.
    fn defect_of_refs(&self, backup: &Backup) -> Option<Defect> {
        let place = backup.catalog.refs;
        let [start, end] = [place.offset, place.offset + place.len].map(|at| usize::try_from(at).unwrap());
        self.read_range(&catalog_key(backup), start..end)
    }

    /// The damage that a read of a whole catalog finds.
    fn defect_of_catalog(&self, backup: &Backup) -> Option<Defect> {
        let key = catalog_key(backup);
        self.listed(&key).or_else(|| self.read(&key))
    }

    /// The damage that a list shows.
    fn listed(&self, key: &str) -> Option<Defect> {
        let (sound, found) = self.pair(key);
        let Some(found) = found else { return Some(Defect::Missing) };
        (found.len() != sound.len()).then(|| length(sound.len(), found.len()))
    }

    /// The damage that a read finds. It reads as many bytes as the object should have.
    fn read(&self, key: &str) -> Option<Defect> {
        self.read_range(key, 0..self.garden.objects[key].len())
    }

    fn read_range(&self, key: &str, range: Range<usize>) -> Option<Defect> {
        let (sound, found) = self.pair(key);
        let Some(found) = found else { return Some(Defect::Missing) };
        match found.get(range.clone()) {
            None => Some(length(range.end, found.len())),
            Some(part) => (*part != sound[range]).then_some(Defect::Digest),
        }
    }

    /// Returns the undamaged object, and the damaged one.
    fn pair(&self, key: &str) -> (&Bytes, Option<&Bytes>) {
        (&self.garden.objects[key], self.objects.get(key))
    }
}

fn reported(defects: Defects) -> End {
    if defects.is_empty() { End::Sound } else { End::Reported(defects) }
}

fn length(expected: usize, found: usize) -> Defect {
    Defect::Length { expected: expected as u64, found: found as u64 }
}
