//! Step 3: the sequence number, the flush, the pause, the capture.

use std::{
    io,
    path::{Path, PathBuf},
};

use lsm_fs::{FileId, Fs};

use crate::{
    Capture, CheckpointSource, DeletionPause, Error, PauseGuard, Result, Snapshot, SourceFile,
    plan::{Plan, Tree},
    publish::Target,
    source::Content,
};

/// What is to be made, and what keeps it from going away meanwhile.
pub(super) struct Captured<'a> {
    pub(super) guard: Option<PauseGuard>,
    pub(super) capture: Capture<'a>,
    pub(super) plan: Plan,
    /// By tree.
    pub(super) files: Vec<Vec<SourceFile>>,
    pub(super) seqno: u64,
}

impl Captured<'_> {
    pub(super) fn known_bytes(&self) -> u64 {
        let len = |file: &SourceFile| match &file.content {
            Content::Immutable { len, .. } => len.unwrap_or_default(),
            Content::Prefix { len, .. } => *len,
            Content::Bytes(bytes) => bytes.len() as u64,
        };
        self.files.iter().flatten().map(len).fold(0, u64::saturating_add)
    }
}

pub(super) fn capture(source: &dyn CheckpointSource) -> Result<Captured<'_>> {
    let pause = source.deletion_pause();
    // Before the flush, so that all up to it is in what the flush writes.
    let seqno = source.visible_seqno();
    source.flush().map_err(Error::from_source)?;
    // Before the capture: a file asks for its deletion after it has left the version, so the capture names no file
    // that asked earlier. A pause that began before the flush would only keep garbage for as long as the flush takes.
    let guard = pause.map(DeletionPause::acquire);
    let capture = source.capture().map_err(Error::from_source)?;
    let mut files = Vec::with_capacity(capture.trees.len());
    for (_, snapshot) in &capture.trees {
        files.push(snapshot.files().map_err(Error::from_source)?);
    }
    let trees: Vec<Tree<'_>> = capture.trees.iter().zip(&files).map(tree).collect();
    let plan = Plan::new(&trees).map_err(|(path, problem)| Error::InvalidSnapshot { path, problem })?;
    if let Some(guard) = &guard {
        // One for each file, so that its position is the same here and there; nobody deletes an empty path.
        guard.narrow(files.iter().flatten().map(|file| file.path().unwrap_or(Path::new(""))));
    }
    Ok(Captured { guard, capture, plan, files, seqno })
}

fn tree<'a>(
    ((folder, snapshot), files): (&'a (String, Box<dyn Snapshot + '_>), &'a Vec<SourceFile>),
) -> Tree<'a> {
    let names = files.iter().map(|file| (&file.kind, file.name.as_os_str())).collect();
    Tree { folder, folders: snapshot.folders(), files: names }
}

/// Refuses a target in a directory of the source: by its spelling, and by the inodes on the way to the root.
pub(super) fn refuse_nested(source: &dyn CheckpointSource, fs: &dyn Fs, target: &Target) -> Result<()> {
    let namespace = fs.backend_id();
    let mut by_inode: Vec<(FileId, PathBuf)> = Vec::new();
    for root in source.roots() {
        if namespace.is_none() || namespace != root.fs.backend_id() {
            continue;
        }
        if target.path.starts_with(&root.path) {
            return Err(Error::NestedTarget { target: target.path.clone(), root: root.path });
        }
        match root.fs.metadata(&root.path) {
            Ok(metadata) => by_inode.extend(metadata.file_id.map(|id| (id, root.path))),
            // One that does not exist yet holds nothing.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e.into()),
        }
    }
    if by_inode.is_empty() {
        return Ok(());
    }
    for id in ancestors(fs, target.parent())? {
        if let Some((_, root)) = by_inode.iter().find(|(root, _)| *root == id) {
            return Err(Error::NestedTarget { target: target.path.clone(), root: root.clone() });
        }
    }
    Ok(())
}

/// No path is deeper.
const DEPTH_MAX: usize = 2048;

/// The directories on the way to the root, found through `..`, so that a symbolic link is no way around.
fn ancestors(fs: &dyn Fs, parent: &Path) -> Result<Vec<FileId>> {
    let mut ids = Vec::new();
    let mut at = parent.to_path_buf();
    while ids.len() < DEPTH_MAX {
        let Some(id) = fs.metadata(&at)?.file_id else { break };
        if ids.last() == Some(&id) {
            break;
        }
        ids.push(id);
        at.push("..");
    }
    Ok(ids)
}
