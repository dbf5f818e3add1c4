//! Checkpoints on the command line: a path, or `DIR@latest`.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use crate::{
    around::look_around,
    exit::Exit,
    failure::Failure,
    groups::{Group, groups, is_in_future, newest, none_sound},
    session::{Result, Session},
    text,
};

const LATEST: &[u8] = b"@latest";

/// Resolves a checkpoint on the command line to its path.
pub(crate) fn resolve(session: &Session, given: &Path) -> Result<PathBuf> {
    let Some(dir) = given.as_os_str().as_bytes().strip_suffix(LATEST) else { return Ok(given.to_path_buf()) };
    let dir = if dir.is_empty() { Path::new(".") } else { Path::new(OsStr::from_bytes(dir)) };
    let latest = latest(session, dir)?;
    session.out.note(format!("{} is {}", text::path(given), text::path(&latest)));
    Ok(latest)
}

/// Returns `true` if a path asks for the newest checkpoint of a directory.
pub(crate) fn is_latest(given: &Path) -> bool {
    given.as_os_str().as_bytes().ends_with(LATEST)
}

/// Finds the newest sound checkpoint of a directory. Fails if it holds checkpoints of several sources, because a
/// restore of the wrong database is worse than none.
fn latest(session: &Session, dir: &Path) -> Result<PathBuf> {
    let groups = groups(session, dir)?;
    let failure = match groups.as_slice() {
        [] => {
            look_around(session, dir)?;
            let message = format!("{}: no checkpoint that can be read", text::path(dir));
            Failure::new(Exit::Unsound, "no_sound_checkpoint", message)
        }
        [group] => match newest(session, group)? {
            Some(member) => return Ok(member.path.clone()),
            None if group.complete.iter().any(|member| is_in_future(session, member)) => Failure::new(
                Exit::Unsound,
                "no_sound_checkpoint",
                format!(
                    "{}: every sound checkpoint has a time in the future: check the clock",
                    text::path(dir)
                ),
            ),
            None => none_sound(dir, group),
        },
        several => {
            let names: Vec<_> = several.iter().map(Group::shown).collect();
            let message = format!(
                "{}: `@latest` is ambiguous among several sources: {}",
                text::path(dir),
                names.join(", ")
            );
            Failure::refused("several_sources", message)
        }
    };
    Err(failure
        .hint(format!("list them with `lsm-checkpoint list {}`, and name one by its path", text::word(dir))))
}
