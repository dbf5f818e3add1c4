//! Step 3: the sequence number, the flush, the pause, the capture.

use std::{io, path::Path};

use lsm_fs::{FileId, Fs};

use crate::{
    Capture, CheckpointSource, DeletionPause, Error, PauseGuard, Result, SourceRoot,
    plan::{CapturedVersion, Plan},
    target_life::Target,
};

/// The plan of a checkpoint, with the guard and the snapshots that keep the planned files from going away.
pub(super) struct Captured<'a> {
    pub(super) guard: Option<PauseGuard>,
    pub(super) capture: Capture<'a>,
    pub(super) plan: Plan,
    pub(super) seqno: Option<u64>,
}

impl Captured<'_> {
    pub(super) fn known_bytes(&self) -> u64 {
        self.plan.files().filter_map(|file| file.content.known_len()).fold(0, u64::saturating_add)
    }
}

pub(super) fn capture(source: &dyn CheckpointSource) -> Result<Captured<'_>> {
    let pause = source.deletion_pause();
    // Read the number before the flush, so that the flush covers every write up to it.
    let seqno = source.visible_seqno();
    source.flush().map_err(Error::from_source)?;
    // Begin the pause before the capture. The engine requests a deletion after the file has left the version, so the
    // capture names no file whose deletion was requested before the pause. A pause that began before the flush would
    // only keep garbage for as long as the flush takes.
    let guard = pause.map(DeletionPause::acquire);
    let capture = source.capture().map_err(Error::from_source)?;
    let mut versions = Vec::with_capacity(capture.trees.len());
    for (folder, snapshot) in &capture.trees {
        let files = snapshot.files().map_err(Error::from_source)?;
        let (version_id, kinds) = (snapshot.version_id(), snapshot.folders());
        versions.push(CapturedVersion { folder, version_id, kinds, files });
    }
    let plan = Plan::new(versions).map_err(|(path, problem)| Error::InvalidSnapshot { path, problem })?;
    if let Some(guard) = &guard {
        // Pass one path for each file, so that positions match the plan. No engine deletes an empty path.
        guard.narrow(plan.files().map(|file| file.content.path().unwrap_or(Path::new(""))));
    }
    Ok(Captured { guard, capture, plan, seqno })
}

/// Refuses a target in a directory of the source. Compares its spelling, and the inodes on the way to the root.
pub(super) fn refuse_nested(roots: &[SourceRoot], fs: &dyn Fs, target: &Target) -> Result<()> {
    let namespace = fs.backend_id();
    let mut by_inode: Vec<(FileId, &Path)> = Vec::new();
    for root in roots {
        if namespace.is_none() || namespace != root.fs.backend_id() {
            continue;
        }
        if target.path.starts_with(&root.path) {
            return Err(Error::NestedTarget { target: target.path.clone(), root: root.path.clone() });
        }
        match root.fs.metadata(&root.path) {
            Ok(metadata) => by_inode.extend(metadata.file_id.map(|id| (id, root.path.as_path()))),
            // A directory that does not exist yet holds nothing.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e.into()),
        }
    }
    if by_inode.is_empty() {
        return Ok(());
    }
    for id in ancestors(fs, target.parent())? {
        if let Some((_, root)) = by_inode.iter().find(|(root, _)| *root == id) {
            return Err(Error::NestedTarget { target: target.path.clone(), root: root.to_path_buf() });
        }
    }
    Ok(())
}

/// The limit on the levels above a target. No path is deeper, because a path has at most 4,096 bytes (`PATH_MAX` in
/// `include/uapi/linux/limits.h`), and a level takes at least two.
const DEPTH_MAX: usize = 2048;

/// Returns the directories on the way to the root, as `..` finds them, so that a symbolic link cannot bypass the check.
fn ancestors(fs: &dyn Fs, parent: &Path) -> Result<Vec<FileId>> {
    let mut ids = Vec::new();
    let mut at = parent.to_path_buf();
    while ids.len() < DEPTH_MAX {
        let there = fs.symlink_metadata(&at)?;
        // For a real directory, remove the last name of its path, which leads to the same place as `..`. Appending `..`
        // at each level would soon exceed `PATH_MAX`.
        let is_named = there.is_dir() && at.file_name().is_some();
        let there = if there.is_dir() { there } else { fs.metadata(&at)? };
        let Some(id) = there.file_id else { break };
        if ids.last() == Some(&id) {
            break;
        }
        ids.push(id);
        if is_named {
            at = lsm_fs::parent_of(&at).to_path_buf();
        } else {
            at.push("..");
        }
    }
    Ok(ids)
}
