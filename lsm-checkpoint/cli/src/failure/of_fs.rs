//! The errors of `lsm-fs`: the operation in an operator's words, and the next step.

use std::io;

use lsm_fs::{Error, Op};
use nix::errno::Errno;

use super::{Failure, sentence};
use crate::{exit::Exit, text};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(Exit::Io, "io", message(&error)).hint_if(hint(error.io_error()))
    }
}

/// Returns path, action and cause.
pub(crate) fn message(error: &Error) -> String {
    let cleanup =
        error.cleanup_failure().map(|cleanup| format!("; and the clean-up failed: {}", message(cleanup)));
    format!("{}: {}{}", text::path(error.path()), action(error), cleanup.unwrap_or_default())
}

/// Returns action and cause.
pub(super) fn action(error: &Error) -> String {
    let cause = sentence(error.io_error());
    match (verb(error.op()), error.other_path()) {
        (Some(verb), Some(other)) => format!("cannot {verb} it to {}: {cause}", text::path(other)),
        (Some(verb), None) => format!("cannot {verb} it: {cause}"),
        (None, _) => format!("{} failed: {cause}", error.op()),
    }
}

/// Returns a plain verb for an operation, or `None` if the name of the call serves.
fn verb(op: Op) -> Option<&'static str> {
    Some(match op {
        Op::Beneath | Op::Open => "open",
        Op::ReadDir => "list",
        Op::Metadata | Op::SymlinkMetadata => "look at",
        Op::Read | Op::ReadAt => "read",
        Op::Write | Op::WriteAt => "write",
        Op::CreateDir => "create",
        Op::RemoveFile | Op::RemoveDir | Op::RemoveDirAll => "remove",
        Op::SyncAll | Op::SyncData | Op::SyncDirectory => "sync",
        Op::TryLockDirectory | Op::TryLockExclusive => "lock",
        Op::HardLink => "link",
        Op::ReflinkFile => "clone",
        Op::Rename | Op::RenameNoreplace => "rename",
        _ => return None,
    })
}

/// Returns the next step for a cause.
fn hint(cause: &io::Error) -> Option<&'static str> {
    match cause.kind() {
        io::ErrorKind::NotFound => Some("check the path"),
        io::ErrorKind::NotADirectory => Some("the path, or a part of it, is a file: name a directory"),
        io::ErrorKind::IsADirectory => Some("name a file in this directory"),
        io::ErrorKind::PermissionDenied => {
            Some("run the command as the user that owns the directory, or as root")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("free some space, for instance with `lsm-checkpoint prune`, or choose another volume")
        }
        io::ErrorKind::ReadOnlyFilesystem => Some("mount the volume for writing, or choose another one"),
        // std has no stable kind for this error.
        _ if cause.raw_os_error().map(Errno::from_raw) == Some(Errno::EIO) => {
            Some("the device reports an error: look at the kernel's log (dmesg)")
        }
        _ => None,
    }
}
