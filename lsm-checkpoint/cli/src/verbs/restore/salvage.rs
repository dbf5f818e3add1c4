//! `restore --without-catalog`: opens one tree of a checkpoint by its manifest.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{CheckpointDir, Error, SalvageReport};
use lsm_fs::{Fs, FsFileType, StdFs, parent_of};
use lsm_manifest::CURRENT_VERSION_FILE;

use crate::{
    around::has_checkpoints,
    failure::Failure,
    record::{Record, of_path},
    session::{Result, Session},
    text,
};

/// The number of folders above a tree that a checkpoint may have.
const DEPTH_MAX: usize = 4;

/// Opens the tree in a directory, and prints its parts that were not verified. `target` is for the hint.
pub(super) fn open(session: &Session, path: &Path, target: &Path) -> Result<CheckpointDir> {
    let opened = CheckpointDir::salvage(Arc::new(StdFs), path);
    let (checkpoint, report) = opened.map_err(|error| refused(path, target, error))?;
    show(session, path, &report);
    Ok(checkpoint)
}

/// Makes the failure of a directory that holds no tree itself. Names the trees below it.
fn refused(path: &Path, target: &Path, error: Error) -> Failure {
    let is_other = !matches!(error, Error::NotACheckpoint { .. });
    if is_other || !path.is_dir() || has_checkpoints(path) {
        return error.into();
    }
    let (trees, shown) = (trees_below(path, DEPTH_MAX), text::path(path));
    let Some(first) = trees.first() else {
        let message = format!("{shown}: has no file `current`, so it cannot be restored without its catalog");
        return Failure::refused("no_pointer", message)
            .hint("use another checkpoint, or the engine's own tools if its manifest has another format");
    };
    let target = target.join(first.strip_prefix(path).unwrap_or(first));
    let hint = format!(
        "restore each tree, the first one with `mkdir -p {} && lsm-checkpoint restore --without-catalog {} {}`",
        text::word(parent_of(&target)),
        text::word(first),
        text::word(&target)
    );
    let message = format!(
        "{shown}: --without-catalog restores one tree, and this checkpoint has its trees in folders: {}",
        names(path, &trees)
    );
    Failure::refused("several_trees", message).hint(hint)
}

fn names(path: &Path, trees: &[PathBuf]) -> String {
    let names = trees.iter().map(|tree| text::path(tree.strip_prefix(path).unwrap_or(tree)));
    names.collect::<Vec<_>>().join(", ")
}

/// Returns the directories below a directory that have a file `current`, by name. An unreadable directory counts as
/// empty.
fn trees_below(dir: &Path, depth: usize) -> Vec<PathBuf> {
    let Some(below) = depth.checked_sub(1) else { return Vec::new() };
    let entries = StdFs.read_dir(dir).unwrap_or_default();
    let dirs = entries.into_iter().filter(|entry| entry.file_type == FsFileType::Directory);
    let mut dirs: Vec<_> = dirs.map(|entry| dir.join(entry.name)).collect();
    dirs.sort();
    let is_tree = |dir: &PathBuf| dir.join(CURRENT_VERSION_FILE).is_file();
    let trees = dirs.into_iter().flat_map(|dir| {
        let further = trees_below(&dir, below);
        Some(dir).filter(is_tree).into_iter().chain(further)
    });
    trees.collect()
}

/// Prints the parts that could not be verified, and the parts that are not restored.
fn show(session: &Session, path: &Path, report: &SalvageReport) {
    let left_out = report.left_out.iter().map(|entry| of_path(entry.as_os_str()));
    session.out.record(
        &Record::new("salvage")
            .path("checkpoint", path)
            .number("version_id", report.version_id)
            .number("unchecked_files", report.unchecked_files)
            .with("left_out", left_out.collect::<Vec<_>>())
            .number("unlisted", report.unlisted)
            .with("healed_sections", report.healed.clone()),
    );
    session.out.note(format!(
        "{}: version {}, named by CURRENT; not verified: {}, which the engine has to check",
        text::path(path),
        report.version_id,
        text::count(report.unchecked_files, "file"),
    ));
    for section in &report.healed {
        session
            .out
            .note(format!("{}: section {section} of the manifest is damaged: repair it", text::path(path)));
    }
    for entry in &report.left_out {
        session.out.note(format!(
            "{}: not restored: only the catalog could show if it belongs to the tree",
            text::path(&path.join(entry))
        ));
    }
    if report.unlisted > 0 {
        session.out.note(format!("{} more entries are not restored", report.unlisted));
    }
    let trees = trees_below(path, DEPTH_MAX);
    if !trees.is_empty() {
        session.out.note(format!(
            "{}: restore these trees too, each by its own path: {}",
            text::path(path),
            names(path, &trees)
        ));
    }
}
