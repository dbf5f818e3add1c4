//! The checkpoints of a directory, by the source that they were made of.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use lsm_checkpoint::{CheckpointState, VerifyOptions, VerifyReport, list, verify};
use lsm_fs::StdFs;

use crate::{
    exit::Exit,
    failure::{Failure, sentence},
    session::{Result, Session},
    text,
};

/// The checkpoints of one source.
#[derive(Debug)]
pub(crate) struct Group {
    /// The source's name for itself. It is empty for checkpoints whose catalog has none.
    pub(crate) identity: String,
    /// Those whose files are all there, the newest first. Of equal times, the last name comes first.
    pub(crate) complete: Vec<Member>,
    /// Those with a file that is missing or has another length.
    pub(crate) unsound: Vec<Member>,
}

/// A checkpoint of a group.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) path: PathBuf,
    pub(crate) name: OsString,
    pub(crate) created: Timestamp,
    /// Bytes that no other name holds.
    pub(crate) exclusive_bytes: u64,
}

impl Group {
    /// The name of the source for people.
    pub(crate) fn shown(&self) -> String {
        if self.identity.is_empty() { "(none)".to_owned() } else { text::plain(&self.identity).into_owned() }
    }

    /// Moves the complete ones that a quick verification finds unsound to the unsound ones.
    pub(crate) fn verify_all(&mut self, session: &Session) -> Result<()> {
        for member in std::mem::take(&mut self.complete) {
            session.signals.check()?;
            let is_sound = is_sound(session, &member)?;
            if is_sound { &mut self.complete } else { &mut self.unsound }.push(member);
        }
        Ok(())
    }
}

/// Tells if a quick verification finds no problem. A catalog that cannot be read is one.
pub(crate) fn is_sound(session: &Session, member: &Member) -> Result<bool> {
    match quick(session, &member.path) {
        Ok(report) => Ok(report.is_sound()),
        Err(failure) if failure.exit == Exit::Cancelled => Err(failure),
        Err(failure) => {
            session.out.note(format!("{}: passed over: {}", text::path(&member.path), failure.message));
            Ok(false)
        }
    }
}

/// Groups the checkpoints of a directory. Entries whose catalog cannot be read belong to no group.
pub(crate) fn groups(session: &Session, dir: &Path) -> Result<Vec<Group>> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for checkpoint in list(&StdFs, dir)? {
        session.signals.check()?;
        if let CheckpointState::Unreadable(error) = &checkpoint.state {
            session.out.note(format!("passed over: {}", sentence(error)));
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

/// The clocks of two hosts may differ by so much.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(60);

/// The newest checkpoint of a group that is sound and not from the future.
pub(crate) fn newest<'g>(session: &Session, group: &'g Group) -> Result<Option<&'g Member>> {
    for member in &group.complete {
        session.signals.check()?;
        if member.created.duration_since(session.now) > TOLERANCE {
            session.out.note(format!("{}: passed over: it is from the future", text::path(&member.path)));
        } else if is_sound(session, member)? {
            return Ok(Some(member));
        }
    }
    Ok(None)
}

/// A quick verification, which a signal cancels.
pub(crate) fn quick(session: &Session, checkpoint: &Path) -> Result<VerifyReport> {
    let signals = &session.signals;
    let stop = |_: &lsm_checkpoint::Progress| signals.flow();
    Ok(verify(&StdFs, checkpoint, &VerifyOptions::quick().progress(&stop))?)
}

/// The failure of a group of which nothing can be trusted.
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
