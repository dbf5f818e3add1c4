//! Brings each file into the staged directory by the first method that the policy allows and the volumes support.

mod base;
mod copy;
mod group;
mod live;
mod pending;
mod share;
mod views;

use std::{collections::BTreeSet, io, path::Path};

use lsm_fs::{Fs, Permissions, SyncMode};
use xxhash_rust::xxh3::xxh3_128;

pub(crate) use base::Base;
use group::Group;
pub(crate) use live::Unconfined;
use pending::PendingFile;
use views::Origins;
pub(crate) use views::SourceViews;

use crate::{
    BaseReport, Error, Method, PauseGuard, Policy, Result,
    permissions::Keeper,
    plan::{self, Plan, PlannedFile, PlannedFolder},
    progress::Control,
    source::Content,
    space::SpaceCheck,
    staged::StagedFs,
    view,
};

/// A file that is in the staged directory.
#[derive(Debug)]
pub(crate) struct FinishedFile<'a> {
    pub(crate) planned: &'a PlannedFile,
    pub(crate) folder: &'a PlannedFolder,
    pub(crate) method: Method,
    pub(crate) len: u64,
    pub(crate) checksum: Option<u128>,
    /// `true` if the source never writes to the file again.
    pub(crate) linkable: bool,
    /// The permissions in the source, if this file is a new inode.
    pub(crate) permissions: Option<Permissions>,
}

/// The parameters of a transfer.
pub(crate) struct TransferParams<'a> {
    pub(crate) staged: &'a StagedFs<'a>,
    /// The target's filesystem itself, on which `dir` is the staged directory.
    pub(crate) fs: &'a dyn Fs,
    pub(crate) unconfined: Unconfined<'a>,
    pub(crate) dir: &'a Path,
    pub(crate) policy: Policy,
    pub(crate) mode: SyncMode,
    pub(crate) base: Option<&'a Base>,
    pub(crate) control: &'a Control<'a>,
    pub(crate) space: SpaceCheck,
    pub(crate) guard: Option<&'a PauseGuard>,
    pub(crate) keeper: &'a Keeper,
}

/// The files of a plan that are in the staged directory, in the plan's order.
#[derive(Debug)]
pub(crate) struct Transferred<'a> {
    pub(crate) files: Vec<FinishedFile<'a>>,
    pub(crate) base: BaseReport,
}

/// Makes every file of a plan, and returns the files in the plan's order. On return, the contents of copies and clones
/// are durable, but the names are not.
pub(crate) fn run<'a>(
    params: &TransferParams<'_>,
    plan: &'a Plan,
    views: &'a SourceViews<'a>,
) -> Result<Transferred<'a>> {
    let finished = Vec::with_capacity(plan.file_count());
    let (refused, to_copy, base) = (BTreeSet::new(), Vec::new(), BaseReport::default());
    let mut transfer = Transfer { params, finished, refused, to_copy, base };
    let mut origins = Origins::default();
    for folder in plan.folders() {
        let mut grouped = group::group(folder, views, &mut origins);
        transfer.to_copy.append(&mut grouped.copied);
        for group in grouped.groups {
            transfer.try_methods(group)?;
        }
    }
    transfer.copy_rest()?;
    transfer.write_bytes(plan)?;
    let Transfer { finished: mut files, base, .. } = transfer;
    files.sort_unstable_by_key(|file| file.planned.pin);
    debug_assert_eq!(files.len(), plan.file_count(), "each file is finished, or the transfer fails");
    Ok(Transferred { files, base })
}

/// A method that does not work from a volume of the source to the target's volume, with the backend id and the id of
/// the former.
type Refusal = (Method, Option<u64>, Option<u64>);

struct Transfer<'t, 'a> {
    params: &'t TransferParams<'t>,
    finished: Vec<FinishedFile<'a>>,
    refused: BTreeSet<Refusal>,
    to_copy: Vec<PendingFile<'a>>,
    base: BaseReport,
}

impl<'a> Transfer<'_, 'a> {
    /// Tries the methods of the policy in turn for a group. If the last method is a copy, it queues the remaining files
    /// for it.
    fn try_methods(&mut self, mut group: Group<'a>) -> Result<()> {
        let volume = match group.fs.volume_id(group.from_dir) {
            Ok(volume) => Some(volume),
            // The calls for the files report the problem.
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::Unsupported) => None,
            Err(e) => return Err(e.into()),
        };
        share::measure(&mut group)?;
        let shared = view::shares_namespace(self.params.fs, group.fs);
        let mut left = std::mem::take(&mut group.files);
        for &method in plan::methods_in_order(self.params.policy) {
            if left.is_empty() {
                return Ok(());
            }
            let refusal = (method, group.fs.backend_id(), volume);
            if method == Method::Copy {
                self.to_copy.append(&mut left);
                return Ok(());
            }
            if method == Method::BaseLink {
                left = self.link_base(group.folder, left)?;
            } else if shared && !self.refused.contains(&refusal) {
                let outcome = self.share(&group, method, left)?;
                if outcome.by_volume {
                    self.refused.insert(refusal);
                }
                left = outcome.left;
            }
        }
        // If a method does not work between two volumes, the batch ends early. Files that have their own refusal come
        // first, because the first one is reported.
        left.sort_by_key(|file| file.refusal.is_none());
        match left.into_iter().next() {
            None => Ok(()),
            Some(file) => Err(Error::LinkRefused { path: file.path.to_path_buf(), source: file.refusal }),
        }
    }

    /// Writes the files whose bytes the snapshot supplies.
    fn write_bytes(&mut self, plan: &'a Plan) -> Result<()> {
        for folder in plan.folders() {
            for planned in &folder.files {
                if let Content::Bytes(bytes) = &planned.content {
                    self.params.staged.write(&self.params.dir.join(folder.path_of(planned)), bytes)?;
                    let checksum = xxh3_128(bytes);
                    check_sum(Path::new(&planned.name), planned.checksum, checksum)?;
                    let (method, len) = (Method::Written, bytes.len() as u64);
                    let (checksum, linkable, permissions) = (Some(checksum), false, None);
                    let file = FinishedFile { planned, folder, method, len, checksum, linkable, permissions };
                    self.finish(file, len)?;
                }
            }
        }
        Ok(())
    }

    /// Counts a finished file, and lets the engine delete its source. `uncounted` is the number of its bytes that the
    /// progress does not include yet.
    fn finish(&mut self, file: FinishedFile<'a>, uncounted: u64) -> Result<()> {
        if let Some(guard) = self.params.guard {
            guard.release_nth(file.planned.pin);
        }
        self.finished.push(file);
        if self.params.control.file_done(uncounted).is_break() { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// Compares the checksum from the snapshot with the computed one.
fn check_sum(path: &Path, expected: Option<u128>, found: u128) -> Result<()> {
    match expected {
        Some(expected) if expected != found => {
            Err(Error::SourceCorrupt { path: path.to_path_buf(), expected, found })
        }
        _ => Ok(()),
    }
}
