//! Checkpoints on the command line: a path, or `DIR@latest`.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use lsm_checkpoint::{
    CheckpointState, ListedCheckpoint, ListedContents, VerifyOptions, VerifyReport, list, verify,
};
use lsm_fs::StdFs;

use crate::{
    exit::Exit,
    failure::Failure,
    session::{Result, Session},
    text,
};

const LATEST: &[u8] = b"@latest";

/// The path of a checkpoint that is named on the command line.
pub(crate) fn resolve(session: &Session, given: &Path) -> Result<PathBuf> {
    let Some(dir) = given.as_os_str().as_bytes().strip_suffix(LATEST) else { return Ok(given.to_path_buf()) };
    let dir = if dir.is_empty() { Path::new(".") } else { Path::new(OsStr::from_bytes(dir)) };
    let latest = latest(session, dir)?;
    session.out.note(format!("{} is {}", text::path(given), text::path(&latest)));
    Ok(latest)
}

/// The newest sound checkpoint of a directory.
fn latest(session: &Session, dir: &Path) -> Result<PathBuf> {
    let listed = list(&StdFs, dir)?;
    let mut complete: Vec<_> = listed.iter().filter_map(complete).collect();
    complete.sort_by_key(|(contents, checkpoint)| (contents.created, &checkpoint.name));
    let number = complete.len() as u64;
    for (_, checkpoint) in complete.into_iter().rev() {
        let path = dir.join(&checkpoint.name);
        if quick(session, &path)?.is_sound() {
            return Ok(path);
        }
    }
    let none = match number {
        0 => "no complete checkpoint".to_owned(),
        number => format!("none of {} is sound", text::count(number, "checkpoint")),
    };
    Err(Failure::new(Exit::Unsound, "no_sound_checkpoint", format!("{}: {none}", text::path(dir)))
        .hint(format!("see all of them with `lsm-checkpoint list {}`", text::word(dir))))
}

/// A checkpoint whose files are all there, with its contents.
pub(crate) fn complete(checkpoint: &ListedCheckpoint) -> Option<(&ListedContents, &ListedCheckpoint)> {
    let is_complete = matches!(checkpoint.state, CheckpointState::Complete);
    checkpoint.contents.as_ref().filter(|_| is_complete).map(|contents| (contents, checkpoint))
}

/// A quick verification, which a signal cancels.
pub(crate) fn quick(session: &Session, checkpoint: &Path) -> Result<VerifyReport> {
    let signals = &session.signals;
    let stop = |_: &lsm_checkpoint::Progress| signals.flow();
    Ok(verify(&StdFs, checkpoint, &VerifyOptions::quick().progress(&stop))?)
}
