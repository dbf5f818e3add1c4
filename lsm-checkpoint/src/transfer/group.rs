//! [`Group`]: files of one directory that go to one directory, and share a batch.

use std::{collections::HashMap, path::Path, sync::Arc};

use lsm_fs::Fs;

use super::{
    pending::PendingFile,
    views::{Origins, SourceViews},
};
use crate::{
    plan::{PlannedFile, PlannedFolder},
    source::Content,
};

/// Files that may be shared, lie in one directory and go to one directory.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) folder: &'a PlannedFolder,
    pub(super) fs: &'a dyn Fs,
    pub(super) from_dir: &'a Path,
    /// In the plan's order.
    pub(super) files: Vec<PendingFile<'a>>,
}

/// The files of a folder that lie in the source, by the method that they need.
#[derive(Debug, Default)]
pub(super) struct Grouped<'a> {
    /// By the directory that they come from, in the order in which each first comes.
    pub(super) groups: Vec<Group<'a>>,
    /// Files that may change and have to be copied.
    pub(super) copied: Vec<PendingFile<'a>>,
}

/// Takes the files of a folder apart.
pub(super) fn group<'a>(
    folder: &'a PlannedFolder,
    views: &'a SourceViews<'a>,
    origins: &mut Origins<'a>,
) -> Grouped<'a> {
    let mut grouped = Grouped::default();
    let (mut known, mut last) = (HashMap::new(), None);
    let mut pending = |fs: &'a Arc<dyn Fs>, planned: &'a PlannedFile, path: &'a Path| {
        let origin = origins.of(fs, planned);
        let (fs, len) = (views.of(fs, origin), planned.content.known_len());
        (origin, PendingFile { planned, folder, fs, path, len, refusal: None })
    };
    for planned in &folder.files {
        match &planned.content {
            Content::Immutable { fs, path, .. } => {
                let (origin, file) = pending(fs, planned, path);
                let from_dir = lsm_fs::parent_of(path);
                // As it is spelled: to compare paths by their components is slow.
                let from = (origin, from_dir.as_os_str());
                let at = match last {
                    // Most engines keep the files of a kind in one directory.
                    Some((known, at)) if known == from => at,
                    _ => *known.entry(from).or_insert(grouped.groups.len()),
                };
                last = Some((from, at));
                match grouped.groups.get_mut(at) {
                    Some(group) => group.files.push(file),
                    None => grouped.groups.push(Group { folder, fs: file.fs, from_dir, files: vec![file] }),
                }
            }
            Content::Prefix { fs, path, .. } => grouped.copied.push(pending(fs, planned, path).1),
            Content::Bytes(_) => {}
        }
    }
    grouped
}
