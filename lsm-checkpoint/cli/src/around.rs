//! [`look_around`]: names the checkpoints near a directory that has none.

use std::path::Path;

use lsm_checkpoint::is_checkpoint;
use lsm_fs::{Fs, FsFileType, StdFs, parent_of};

use crate::{
    session::{Result, Session},
    text,
};

/// Prints that a directory has no checkpoints, and names checkpoints near it.
pub(crate) fn no_checkpoints(session: &Session, dir: &Path) -> Result<()> {
    session.out.line(format!("{}: no checkpoints", text::path(dir)));
    look_around(session, dir)
}

/// For a directory without checkpoints, prints a note if it is a checkpoint itself, and for each directory in it that
/// has checkpoints. The user may have meant one of these.
pub(crate) fn look_around(session: &Session, dir: &Path) -> Result<()> {
    if is_checkpoint(&StdFs, dir)? {
        let parent = text::path(parent_of(dir));
        session
            .out
            .note(format!("this directory is a checkpoint itself: name its parent directory, {parent}"));
        return Ok(());
    }
    for entry in StdFs.read_dir(dir)?.iter().filter(|entry| entry.file_type == FsFileType::Directory) {
        session.signals.check()?;
        let below = dir.join(&entry.name);
        if has_checkpoints(&below) {
            session.out.note(format!("there are checkpoints in {}", text::path(&below)));
        }
    }
    Ok(())
}

/// Returns `true` if a directory has a checkpoint. An unreadable directory cannot give a hint.
pub(crate) fn has_checkpoints(dir: &Path) -> bool {
    let entries = StdFs.read_dir(dir).unwrap_or_default();
    let mut dirs = entries.iter().filter(|entry| entry.file_type == FsFileType::Directory);
    dirs.any(|entry| is_checkpoint(&StdFs, &dir.join(&entry.name)).unwrap_or(false))
}
