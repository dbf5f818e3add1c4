//! The plan of a push: the files that the repository has, and those to send.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Push, survey::LocalFile};
use crate::{
    error::Result,
    format::{Head, ObjectRef, Sha256, StoredFile},
    key::ObjectName,
    memory::Finished,
};

/// The digests of a file, and its object. An empty file has none.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) object: Option<ObjectRef>,
    pub(super) pieces: Vec<Sha256>,
    pub(super) origin: Origin,
}

/// The way in which the repository got a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A backup has it, or a killed call has sent it.
    Known,
    /// This call has copied it within the store.
    Copied,
    /// This call has sent it.
    Sent,
}

/// A file that the last backup of the source has under the same name, with the same length.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    checksum: Option<u128>,
    pub(super) stored: Stored,
}

/// The files of a push, in the order of the survey.
#[derive(Debug)]
pub(super) struct Files {
    stored: Mutex<Vec<Option<Stored>>>,
    /// `true` once all files were counted. A file can be sent again, but the progress counts it once.
    are_counted: AtomicBool,
    pub(super) candidates: Vec<Option<Candidate>>,
}

impl Files {
    fn lock(&self) -> MutexGuard<'_, Vec<Option<Stored>>> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_counted(&self) -> bool {
        self.are_counted.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self) {
        self.are_counted.store(true, Ordering::Relaxed);
    }

    pub(super) fn set(&self, at: usize, file: Stored) {
        if let Some(slot) = self.lock().get_mut(at) {
            *slot = Some(file);
        }
    }

    pub(super) fn get(&self, at: usize) -> Option<Stored> {
        self.lock().get(at).cloned().flatten()
    }

    /// Returns all files, once each of them is stored.
    pub(super) fn all(&self) -> Vec<Stored> {
        self.lock().iter().flatten().cloned().collect()
    }

    /// Forgets objects that a collector may have deleted.
    pub(super) fn lose(&mut self, objects: &BTreeSet<ObjectName>) {
        let is_lost = |stored: &Stored| stored.object.is_some_and(|object| objects.contains(&object.name));
        for slot in self.lock().iter_mut() {
            if slot.as_ref().is_some_and(is_lost) {
                *slot = None;
            }
        }
        for candidate in &mut self.candidates {
            if candidate.as_ref().is_some_and(|candidate| is_lost(&candidate.stored)) {
                *candidate = None;
            }
        }
    }
}

impl Push<'_> {
    /// Finds the files that need not be sent.
    pub(super) async fn plan(&self, head: &Head, mut resumed: BTreeMap<String, Finished>) -> Result<Files> {
        let mut previous = self.previous(head).await?;
        let (mut stored, mut candidates) = (Vec::new(), Vec::new());
        for file in &self.survey.files {
            let candidate = previous.remove(&file.path).filter(|candidate| candidate.fits(file));
            let finished = resumed.remove(&file.path).filter(|finished| self.can_go_on(finished, file));
            let finished = finished.map(of_finished);
            let known = candidate.as_ref().filter(|candidate| {
                !self.options.rehash && file.checksum.is_some() && candidate.checksum == file.checksum
            });
            let empty = Stored { object: None, pieces: Vec::new(), origin: Origin::Known };
            stored.push(match file.len {
                0 => Some(empty),
                _ => finished.or_else(|| known.map(|known| known.stored.clone())),
            });
            candidates.push(candidate);
        }
        Ok(Files { stored: Mutex::new(stored), are_counted: AtomicBool::new(false), candidates })
    }

    /// Returns `true` if a killed call has sent the file. A push that heals does not trust such a note, because the
    /// object may be the damaged one, or a copy of it.
    fn can_go_on(&self, finished: &Finished, file: &LocalFile) -> bool {
        let is_trusted = self.replaced.is_none() && !self.options.distrusted.contains(&finished.name);
        is_trusted && fits(finished, file)
    }

    /// Reads the files of the source's last backup. From a damaged backup, no file is reused.
    async fn previous(&self, head: &Head) -> Result<BTreeMap<String, Candidate>> {
        let of_source = head.backups.iter().filter(|backup| backup.source == self.survey.source);
        let Some(last) = of_source.max_by_key(|backup| (backup.created, backup.pushed)) else {
            return Ok(BTreeMap::new());
        };
        let Ok(mut catalog) = self.session.proved_catalog(last).await? else { return Ok(BTreeMap::new()) };
        let files = std::mem::take(&mut catalog.files);
        let candidates = files.into_iter().filter_map(|file| {
            let object =
                catalog.object_of(&file).filter(|object| !self.options.distrusted.contains(&object.name))?;
            let StoredFile { path, checksum, pieces, .. } = file;
            Some((
                path,
                Candidate {
                    checksum,
                    stored: Stored { object: Some(object), pieces, origin: Origin::Known },
                },
            ))
        });
        Ok(candidates.collect())
    }
}

impl Candidate {
    fn fits(&self, file: &LocalFile) -> bool {
        self.stored.object.is_some_and(|object| object.len == file.len)
    }
}

fn fits(finished: &Finished, file: &LocalFile) -> bool {
    finished.len == file.len && finished.checksum == file.checksum
}

fn of_finished(finished: Finished) -> Stored {
    let object = ObjectRef { name: finished.name, len: finished.len };
    Stored { object: Some(object), pieces: finished.pieces, origin: Origin::Known }
}
