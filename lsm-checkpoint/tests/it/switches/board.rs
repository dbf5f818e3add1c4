//! [`Board`]: the answers of an odd filesystem to calls on names. It is independent of the backend, so every backend of
//! the tests answers alike.

use std::{
    ffi::{OsStr, OsString},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use lsm_fs::errno;

/// The number of this errno on Linux.
pub(crate) const ENOLCK: i32 = 37;

/// One oddity of a filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    /// No oddity.
    Off,
    /// A directory cannot be renamed over an empty one, nor to a free name with the no-replace flag.
    RenameOverEmpty,
    /// No rename accepts the no-replace flag.
    Noreplace,
    /// `statfs` reports zeros.
    ZeroStatfs,
    /// No lock can be taken.
    NoLocks,
    /// There is no space for a name until another is removed.
    Full,
    /// There is no space for a name, and no rename is allowed.
    Quota,
    /// The first call of each kind takes effect and reports that the name exists.
    ExistsAfterEffect,
    /// Names that differ only in case are equal.
    FoldsCase,
    /// No name may hold a colon.
    NoColons,
    /// A directory cannot be synced.
    NoDirectorySync,
    /// The directory of the targets may be entered and written, but not opened.
    UnlistableParent,
}

impl Switch {
    pub(crate) const ALL: [Self; 12] = [
        Self::Off,
        Self::RenameOverEmpty,
        Self::Noreplace,
        Self::ZeroStatfs,
        Self::NoLocks,
        Self::Full,
        Self::Quota,
        Self::ExistsAfterEffect,
        Self::FoldsCase,
        Self::NoColons,
        Self::NoDirectorySync,
        Self::UnlistableParent,
    ];
}

/// The part of a call that a switch examines.
pub(crate) enum Request<'a> {
    /// A file, a directory or a link gets this name.
    Create {
        name: &'a OsStr,
        siblings: &'a dyn Fn() -> Vec<OsString>,
        made: Made,
    },
    /// A file or a directory gets another name.
    Rename {
        is_dir: bool,
        noreplace: bool,
        replaces: bool,
    },
    /// A name is removed.
    Remove,
    Lock,
    SyncDirectory,
    Statfs,
    /// The directory that holds the targets is opened.
    OpenParent,
}

/// The kind of object that gets a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    File,
    Directory,
    Link,
}

/// The answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The answer of the call itself.
    Plain,
    /// The call has no effect and returns this error.
    Refused(i32),
    /// The call takes effect and returns this error.
    Hidden(i32),
    /// The call returns zeros instead of its numbers.
    Zeros,
}

/// A switch and its state.
#[derive(Debug)]
pub(crate) struct Board {
    switch: Mutex<Switch>,
    /// The number of names for which there is space.
    room: AtomicU64,
    /// The kinds of calls whose effect was hidden.
    hidden: Mutex<Vec<&'static str>>,
}

impl Board {
    pub(crate) fn new(switch: Switch) -> Self {
        Self { switch: Mutex::new(switch), room: AtomicU64::new(0), hidden: Mutex::default() }
    }

    pub(crate) fn switch(&self) -> Switch {
        *self.switch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns another switch, or none.
    pub(crate) fn turn(&self, switch: Switch) {
        *self.switch.lock().unwrap_or_else(PoisonError::into_inner) = switch;
    }

    pub(crate) fn answer(&self, request: &Request<'_>) -> Answer {
        use Answer::{Plain, Refused};
        match (self.switch(), request) {
            (
                Switch::RenameOverEmpty | Switch::Noreplace | Switch::Full,
                Request::Rename { noreplace: true, .. },
            ) => Refused(errno::EINVAL),
            (Switch::RenameOverEmpty, Request::Rename { is_dir: true, replaces: true, .. }) => {
                Refused(errno::EEXIST)
            }
            (Switch::ZeroStatfs, Request::Statfs) => Answer::Zeros,
            (Switch::NoLocks, Request::Lock) => Refused(ENOLCK),
            (Switch::Full, Request::Create { .. }) => {
                let taken =
                    self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
                if taken.is_ok() { Plain } else { Refused(errno::ENOSPC) }
            }
            (Switch::Full, Request::Remove) => {
                self.room.fetch_add(1, Ordering::Relaxed);
                Plain
            }
            (Switch::Quota, Request::Create { .. } | Request::Rename { .. }) => Refused(errno::EDQUOT),
            (Switch::ExistsAfterEffect, Request::Create { made: Made::Directory, .. }) => {
                self.once("create_dir")
            }
            (Switch::ExistsAfterEffect, Request::Create { made: Made::Link, .. }) => self.once("link"),
            (Switch::ExistsAfterEffect, Request::Rename { noreplace: true, .. }) => self.once("rename"),
            (Switch::FoldsCase, Request::Create { name, siblings, .. }) => {
                let is_one = |other: &OsString| other != name && other.eq_ignore_ascii_case(name);
                if siblings().iter().any(is_one) { Refused(errno::EEXIST) } else { Plain }
            }
            (Switch::NoColons, Request::Create { name, .. }) if name.as_encoded_bytes().contains(&b':') => {
                Refused(errno::ENOENT)
            }
            (Switch::NoDirectorySync, Request::SyncDirectory) => Refused(errno::EINVAL),
            (Switch::UnlistableParent, Request::OpenParent) => Refused(errno::EACCES),
            _ => Plain,
        }
    }

    fn once(&self, kind: &'static str) -> Answer {
        let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        if hidden.contains(&kind) {
            return Answer::Plain;
        }
        hidden.push(kind);
        Answer::Hidden(errno::EEXIST)
    }
}
