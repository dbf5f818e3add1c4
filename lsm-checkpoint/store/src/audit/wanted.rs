//! [`Wanted`]: the objects that backups need, to be looked up in the lists of the store.

use std::collections::BTreeMap;

use super::CheckReport;
use crate::{
    defect::Defect,
    error::Result,
    format::{CatalogPlace, ObjectRef},
    key::Key,
    meter::{Meter, Step},
    session::Session,
};

/// The objects, each once.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    objects: Vec<Object>,
    is_sorted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Object {
    key: Key,
    len: u64,
    found: Found,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    #[default]
    Nothing,
    Sound,
    Length(u64),
}

/// The objects that are missing or have another length than a backup claims.
#[derive(Debug)]
pub(super) struct Lacking {
    /// By key and claimed length. Backups that claim different lengths of an object cannot all be right.
    found: BTreeMap<(Key, u64), Option<u64>>,
}

impl Lacking {
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Returns the damage for a backup that claims this length.
    pub(super) fn defect(&self, key: Key, expected: u64) -> Option<Defect> {
        Some(match *self.found.get(&(key, expected))? {
            None => Defect::Missing,
            Some(found) => Defect::Length { expected, found },
        })
    }
}

impl Wanted {
    pub(super) fn add(&mut self, catalog: &CatalogPlace, refs: &[ObjectRef]) {
        let found = Found::Nothing;
        self.objects.push(Object { key: Key::Catalog(catalog.name), len: catalog.len, found });
        let data = refs.iter().map(|object| Object { key: Key::Data(object.name), len: object.len, found });
        self.objects.extend(data);
        // Backups share most of their objects, so the memory is bounded by the objects and one backup.
        self.objects.sort_unstable();
        self.objects.dedup();
        self.is_sorted = true;
    }

    /// Returns the number of the objects and their bytes.
    pub(super) fn total(&self) -> (u64, u64) {
        let bytes = self.objects.iter().fold(0_u64, |sum, object| sum.saturating_add(object.len));
        (self.objects.len() as u64, bytes)
    }

    /// Looks up the objects of a folder. Reports those that were found to the meter.
    pub(super) async fn look_up(
        &mut self,
        session: &Session,
        folder: &'static str,
        report: &mut CheckReport,
        meter: Option<&Meter>,
    ) -> Result<()> {
        debug_assert!(self.is_sorted || self.objects.is_empty(), "a search by halves needs an order");
        let mut listing = session.access.list(folder);
        while let Some(listed) = listing.next().await? {
            let Some(key) = listed.key.filter(|key| key.object().is_some()) else {
                report.strangers += 1;
                continue;
            };
            let first = self.objects.partition_point(|object| object.key < key);
            let same = self.objects.iter_mut().skip(first).take_while(|object| object.key == key);
            let mut is_wanted = false;
            for object in same {
                is_wanted = true;
                object.found =
                    if object.len == listed.len { Found::Sound } else { Found::Length(listed.len) };
            }
            let (count, bytes) = match is_wanted {
                true => (&mut report.objects, &mut report.bytes),
                false => (&mut report.other_objects, &mut report.other_bytes),
            };
            *count += 1;
            *bytes = bytes.saturating_add(listed.len);
            if let Some(meter) = meter.filter(|_| is_wanted) {
                meter.did(Step { files: 1, bytes: listed.len, sent: 0 })?;
            }
        }
        Ok(())
    }

    /// Returns the objects that are missing or have another length.
    pub(super) fn lacking(&self) -> Lacking {
        let lack = |object: &Object| {
            let found = match object.found {
                Found::Sound => return None,
                Found::Nothing => None,
                Found::Length(found) => Some(found),
            };
            Some(((object.key, object.len), found))
        };
        Lacking { found: self.objects.iter().filter_map(lack).collect() }
    }
}
