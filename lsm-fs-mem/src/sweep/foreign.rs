//! Syncs by another process. They are legitimate, but they force changes that the workload has not synced yet.

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use crate::{crash::Foreign, machine::ROOT, micro::Ino, recording::Recording, tree::Tree};

/// A sync by another process, inserted at each moment of the workload in turn.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForeignSync {
    /// A sync of the file or directory at this path, if it exists at that moment.
    Path(PathBuf),
    /// A sync of each existing file and directory, one at a time.
    Each,
    /// A sync of the whole machine.
    Everything,
}

impl ForeignSync {
    /// Creates a sync of the file or directory at this path.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self::Path(path.into())
    }
}

/// Returns every foreign sync to insert, one for each run.
pub(super) fn insertions(recording: &Recording, syncs: &[ForeignSync]) -> Vec<Foreign> {
    let mut found = Vec::new();
    if syncs.is_empty() {
        return found;
    }
    for after in (0..=recording.events()).filter(|after| !recording.splits_a_group(*after)) {
        let live = recording.live_at(after);
        let mut targets: BTreeSet<Option<Ino>> = BTreeSet::new();
        for sync in syncs {
            match sync {
                ForeignSync::Everything => {
                    targets.insert(None);
                }
                ForeignSync::Each => {
                    targets
                        .extend(live.iter().filter(|(_, inode)| inode.links > 0).map(|(ino, _)| Some(ino)));
                }
                ForeignSync::Path(path) => targets.extend(lookup(recording, &live, path).map(Some)),
            }
        }
        found.extend(targets.into_iter().map(|target| Foreign { after, target }));
    }
    found
}

fn lookup(recording: &Recording, live: &Tree, path: &Path) -> Option<Ino> {
    let mut at = ROOT;
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                let found = live.lookup(at, name)?;
                at =
                    recording.hardware.mounts().find(|(covered, _)| *covered == found).map_or(found, |m| m.1);
            }
            Component::ParentDir => at = live.get(at)?.parent,
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Some(at)
}
