//! [`Ends`]: the end of each verb on a repository.

use std::collections::BTreeMap;

use lsm_checkpoint_store::{BackupId, CheckReport, Defect, Error};

/// The longest message that is still clear.
const CLEAR: usize = 1000;

/// The defects of objects in words, by key.
pub(crate) type Defects = BTreeMap<String, String>;

/// The end of a verb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It succeeds, and its result is right.
    Sound,
    /// An audit reports these objects and no others.
    Reported(Defects),
    /// It fails with `Corrupt` and names one of these objects.
    Corrupt(Defects),
    NotARepository,
    NoState,
    NoSuchBackup(BackupId),
    /// It fails with another error, which has this message.
    Other(String),
}

impl End {
    /// The end of an audit that finds one damaged object.
    pub(crate) fn reported(key: &str, defect: &Defect) -> Self {
        Self::Reported(Defects::from([(key.to_owned(), defect.to_string())]))
    }

    /// The end of a verb that fails because of one object.
    pub(crate) fn corrupt(key: &str, defect: &Defect) -> Self {
        Self::Corrupt(Defects::from([(key.to_owned(), defect.to_string())]))
    }

    /// The end of an audit that returned a report.
    pub(crate) fn of_report(report: &CheckReport) -> Self {
        let damaged = report.damaged.iter().map(|object| (object.key.to_string(), object.what.to_string()));
        let defects: Defects = damaged.collect();
        assert_eq!(defects.len(), report.damaged.len(), "an object is reported twice");
        if defects.is_empty() { Self::Sound } else { Self::Reported(defects) }
    }

    /// The end of a verb that failed. The message is one short line.
    pub(crate) fn of_error(error: &Error) -> Self {
        let text = error.to_string();
        assert!(!text.is_empty() && !text.contains('\n') && text.len() < CLEAR, "not clear: {text:.2000}");
        match error {
            Error::Corrupt { key, what } => {
                assert!(text.starts_with(key.as_str()), "the message does not name {key}: {text}");
                Self::corrupt(key, what)
            }
            Error::NotARepository { .. } => Self::NotARepository,
            Error::NoState { .. } => Self::NoState,
            Error::NoSuchBackup { backup } => Self::NoSuchBackup(*backup),
            _ => Self::Other(text),
        }
    }

    /// Returns `true` if a verb may end so. If several objects make it fail, it may name any one of them.
    fn allows(&self, found: &Self) -> bool {
        match (self, found) {
            (Self::Corrupt(allowed), Self::Corrupt(named)) => {
                named.iter().all(|(key, what)| allowed.get(key) == Some(what))
            }
            _ => self == found,
        }
    }
}

/// The ends of all verbs on one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    /// The end of `list` and `status`.
    pub(crate) list: End,
    pub(crate) check: End,
    pub(crate) verify: End,
    /// The ends of the restores of the two backups.
    pub(crate) restore: [End; 2],
    pub(crate) collect: End,
    /// The keys of the objects that the collect deletes, in their order.
    pub(crate) deleted: Vec<String>,
    /// The end of the push of the third source.
    pub(crate) push: End,
    /// The end of a restore after this push, of the backup that it has made.
    pub(crate) pushed: End,
    /// The end of `forget` of the first backup.
    pub(crate) forget: End,
}

impl Ends {
    /// All verbs succeed, and nothing is deleted.
    pub(crate) fn sound() -> Self {
        Self::all(&End::Sound)
    }

    /// All verbs end in the same way, and nothing is deleted.
    pub(crate) fn all(end: &End) -> Self {
        let end = || end.clone();
        Self {
            list: end(),
            check: end(),
            verify: end(),
            restore: [end(), end()],
            collect: end(),
            deleted: Vec::new(),
            push: end(),
            pushed: end(),
            forget: end(),
        }
    }

    fn by_verb(&self) -> [(&'static str, &End); 9] {
        [
            ("list", &self.list),
            ("check", &self.check),
            ("verify", &self.verify),
            ("restore of the first backup", &self.restore[0]),
            ("restore of the second backup", &self.restore[1]),
            ("collect", &self.collect),
            ("push", &self.push),
            ("restore after the push", &self.pushed),
            ("forget", &self.forget),
        ]
    }

    /// Asserts that the verbs end as expected. `what` describes the damage.
    pub(crate) fn assert_as(&self, expected: &Self, what: &str) {
        for ((verb, found), (_, expected)) in self.by_verb().into_iter().zip(expected.by_verb()) {
            assert!(expected.allows(found), "{what}: {verb}: {found:?}, expected {expected:?}");
        }
        assert_eq!(self.deleted, expected.deleted, "{what}: the objects that the collect deletes");
    }
}
