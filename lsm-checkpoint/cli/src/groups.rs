//! The checkpoints of a directory, grouped by source.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use lsm_checkpoint::{CheckpointState, VerifyOptions, VerifyReport, verify};
use lsm_fs::StdFs;

use crate::{
    exit::Exit,
    failure::{Failure, of_error},
    session::{Result, Session},
    text,
};

/// The checkpoints of one source.
#[derive(Debug)]
pub(crate) struct Group {
    /// The identity of the source. It is empty if the catalogs have none.
    pub(crate) identity: String,
    /// The checkpoints whose files are all present, newest first. At equal times, the last name comes first.
    pub(crate) complete: Vec<Member>,
    /// The checkpoints that lack a file, have one of another length, or failed a verification.
    pub(crate) unsound: Vec<Member>,
}

/// A checkpoint of a group.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) path: PathBuf,
    pub(crate) name: OsString,
    pub(crate) created: Timestamp,
    /// The bytes of files that have no name elsewhere.
    pub(crate) exclusive_bytes: u64,
}

impl Group {
    /// Returns the identity for people.
    pub(crate) fn shown(&self) -> String {
        if self.identity.is_empty() { "(none)".to_owned() } else { text::plain(&self.identity).into_owned() }
    }

    /// Verifies the complete checkpoints quickly, and moves the unsound ones to `unsound`.
    pub(crate) fn verify_all(&mut self, session: &Session) -> Result<()> {
        for member in std::mem::take(&mut self.complete) {
            session.signals.check()?;
            let is_sound = is_sound(session, &member)?;
            if is_sound { &mut self.complete } else { &mut self.unsound }.push(member);
        }
        Ok(())
    }
}

/// Returns `true` if a quick verification finds no problem. An unreadable catalog is a problem.
pub(crate) fn is_sound(session: &Session, member: &Member) -> Result<bool> {
    match quick(session, &member.path) {
        Ok(report) => Ok(report.is_sound()),
        Err(failure) if failure.exit == Exit::Cancelled => Err(failure),
        Err(failure) => {
            session.out.note(format!("{}: skipped: {}", text::path(&member.path), failure.message));
            Ok(false)
        }
    }
}

/// Groups the checkpoints of a directory. Entries whose catalog cannot be read belong to no group.
pub(crate) fn groups(session: &Session, dir: &Path) -> Result<Vec<Group>> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for checkpoint in session.list(dir)? {
        session.signals.check()?;
        if let CheckpointState::Unreadable(error) = &checkpoint.state {
            session.out.note(format!("skipped: {}", of_error(error)));
        }
        let Some(contents) = &checkpoint.contents else { continue };
        let member = Member {
            path: dir.join(&checkpoint.name),
            name: checkpoint.name.clone(),
            created: text::timestamp(contents.created),
            exclusive_bytes: contents.exclusive_bytes,
        };
        let identity = contents.identity.clone();
        let new = || Group { identity: identity.clone(), complete: Vec::new(), unsound: Vec::new() };
        let group = groups.entry(contents.identity.clone()).or_insert_with(new);
        let is_complete = matches!(checkpoint.state, CheckpointState::Complete);
        if is_complete { &mut group.complete } else { &mut group.unsound }.push(member);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    for group in &mut groups {
        for members in [&mut group.complete, &mut group.unsound] {
            members.sort_by(|a, b| (b.created, &b.name).cmp(&(a.created, &a.name)));
        }
    }
    Ok(groups)
}

/// Returns `true` if a checkpoint's time [is in the future](Session::is_in_future).
pub(crate) fn is_in_future(session: &Session, member: &Member) -> bool {
    session.is_in_future(member.created)
}

/// Finds the newest checkpoint of a group that is sound and not [in the future](is_in_future).
pub(crate) fn newest<'g>(session: &Session, group: &'g Group) -> Result<Option<&'g Member>> {
    for member in &group.complete {
        session.signals.check()?;
        if is_in_future(session, member) {
            session.out.note(format!("{}: skipped: its time is in the future", text::path(&member.path)));
        } else if is_sound(session, member)? {
            return Ok(Some(member));
        }
    }
    Ok(None)
}

/// Verifies a checkpoint quickly. A signal cancels the call.
pub(crate) fn quick(session: &Session, checkpoint: &Path) -> Result<VerifyReport> {
    let signals = &session.signals;
    let stop = |_: &lsm_checkpoint::Progress| signals.flow();
    Ok(verify(&StdFs, checkpoint, &VerifyOptions::quick().progress(&stop))?)
}

/// Makes the failure of a group without a sound checkpoint.
pub(crate) fn none_sound(dir: &Path, group: &Group) -> Failure {
    let number = (group.complete.len() + group.unsound.len()) as u64;
    let message = format!(
        "{}: none of {} of {} is sound",
        text::path(dir),
        text::count(number, "checkpoint"),
        group.shown()
    );
    Failure::new(Exit::Unsound, "no_sound_checkpoint", message)
}
