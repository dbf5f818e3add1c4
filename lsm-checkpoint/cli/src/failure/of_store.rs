//! The errors of `lsm-checkpoint-store`, each with its exit code and the next step.

use lsm_checkpoint_store::Error;

use super::{Failure, sentence};
use crate::exit::Exit;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Cancelled => Self::cancelled(),
            Error::Checkpoint(error) => error.into(),
            Error::Fs(error) => error.into(),
            error => {
                let (exit, kind) = class(&error);
                Self::new(exit, kind, message(&error)).hint_if(hint(&error))
            }
        }
    }
}

/// Returns the message. The hint names the next step in the words of the command, so the library's is left out.
fn message(error: &Error) -> String {
    match error {
        Error::Fenced { writer, times } => {
            format!("collects took this push for dead {times} times, the last time as writer {writer}")
        }
        error => sentence(error),
    }
}

fn class(error: &Error) -> (Exit, &'static str) {
    match error {
        Error::Address { .. } => (Exit::Usage, "address"),
        Error::NotARepository { .. } => (Exit::Refused, "not_a_repository"),
        Error::RepositoryExists { .. } => (Exit::Refused, "repository_exists"),
        Error::StoreLacks { .. } => (Exit::Refused, "store_lacks"),
        Error::Unsupported { .. } => (Exit::Refused, "unsupported"),
        Error::BackupExists { .. } => (Exit::Refused, "backup_exists"),
        Error::NoSuchBackup { .. } => (Exit::Refused, "no_such_backup"),
        Error::BackupGone { .. } => (Exit::Refused, "backup_gone"),
        Error::TooLarge { .. } => (Exit::Refused, "too_large"),
        Error::NoState { .. } => (Exit::Unsound, "no_state"),
        Error::WentBack { .. } => (Exit::Unsound, "went_back"),
        Error::Corrupt { .. } => (Exit::Unsound, "corrupt"),
        Error::SourceDamaged { .. } => (Exit::Unsound, "source_damaged"),
        Error::Fenced { .. } => (Exit::Busy, "fenced"),
        Error::Contended { .. } => (Exit::Busy, "contended"),
        Error::Unknown { .. } => (Exit::Io, "unknown"),
        Error::Denied { .. } => (Exit::Io, "denied"),
        Error::Store { .. } => (Exit::Io, "store"),
        _ => (Exit::Io, "other"),
    }
}

fn hint(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::Denied { .. } => {
            "compare the rights of these credentials with OPERATING.md of lsm-checkpoint-store"
        }
        Error::Corrupt { .. } => {
            "run `lsm-checkpoint store check`; a push with --distrust sends damaged files again"
        }
        Error::WentBack { .. } => {
            "find out who rolled it back; to accept the older state, remove the file `seen` below the state directory"
        }
        Error::Fenced { .. } => "give `lsm-checkpoint store collect` a longer --fence-idle, and push again",
        Error::Store { .. } => "run the command again later; a push resumes where it stopped",
        _ => return None,
    })
}
