//! [`Group`]: files of one batch, which go from one source directory to one target directory.

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

/// Files that may be shared, from one source directory to one target directory.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) folder: &'a PlannedFolder,
    pub(super) fs: &'a dyn Fs,
    pub(super) from_dir: &'a Path,
    /// `true` for files of a live source, `false` for files of a checkpoint.
    pub(super) is_live: bool,
    /// The files, in the plan's order.
    pub(super) files: Vec<PendingFile<'a>>,
}

/// The files of a folder that lie in the source, divided into sharable files and files to copy.
#[derive(Debug, Default)]
pub(super) struct Grouped<'a> {
    /// One group for each source directory, in the order of their first files.
    pub(super) groups: Vec<Group<'a>>,
    /// Files that may change and must be copied.
    pub(super) copied: Vec<PendingFile<'a>>,
}

/// Divides the files of a folder.
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
                // Compare the spelling, because comparing paths by their components is slow.
                let from = (origin, from_dir.as_os_str());
                let at = match last {
                    // Try the directory of the previous file first. Most engines keep the files of a kind in one
                    // directory.
                    Some((known, at)) if known == from => at,
                    _ => *known.entry(from).or_insert(grouped.groups.len()),
                };
                last = Some((from, at));
                match grouped.groups.get_mut(at) {
                    Some(group) => group.files.push(file),
                    None => {
                        let (fs, is_live) = (file.fs, planned.root.is_none());
                        grouped.groups.push(Group { folder, fs, from_dir, is_live, files: vec![file] });
                    }
                }
            }
            Content::Mutable { fs, path, .. } | Content::Prefix { fs, path, .. } => {
                grouped.copied.push(pending(fs, planned, path).1);
            }
            Content::Bytes(_) => {}
        }
    }
    grouped
}
