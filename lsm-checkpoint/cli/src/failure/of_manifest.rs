//! The errors of `lsm-manifest`, each with its exit code and the next step.

use lsm_checkpoint::CATALOG_FILE;
use lsm_manifest::Error;

use super::{Failure, of_fs, sentence};
use crate::{
    exit::Exit,
    text::{self, word},
};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = message(&error);
        let error = match error {
            Error::Fs(error) => return error.into(),
            error => error,
        };
        let (exit, kind) = code(&error);
        Self::new(exit, kind, message).hint_if(hint(&error))
    }
}

/// The next step for a file without a readable footer.
pub(crate) const HOPELESS: &str =
    "restore it from a checkpoint; if the engine can open it, it has a format of the engine's own";

/// Returns the message. Some messages of the library name a next step in its own words. They are replaced here, and the
/// hint names the step in the words of this command.
fn message(error: &Error) -> String {
    match error {
        Error::ParityUnavailable { file, offset } => {
            let file = text::path(file);
            format!(
                "{file}: the block at offset {offset} is damaged, and this build cannot restore it from its parity"
            )
        }
        Error::CurrentEmpty { file } => format!("{}: the file is empty", text::path(file)),
        Error::CurrentZeros { file } => format!("{}: the file holds only zeros", text::path(file)),
        Error::WrongVersion { file, found } => {
            format!("{}: the archive contains version {found}", text::path(file))
        }
        Error::PublishedNotDurable { file, source } => {
            format!("{}: complete, but a power cut may lose it: {}", text::path(file), of_fs::message(source))
        }
        error => sentence(error),
    }
}

/// Returns the exit code of an error, and its word for programs.
fn code(error: &Error) -> (Exit, &'static str) {
    match error {
        error if error.is_corruption() => (Exit::Unsound, "manifest_corrupt"),
        Error::DigestMismatch { .. } | Error::WrongVersion { .. } => (Exit::Unsound, "manifest_mismatch"),
        Error::MissingCurrent { .. } | Error::MissingArchive { .. } => (Exit::Unsound, "manifest_missing"),
        Error::CopiesDisagree { .. } => (Exit::Unsound, "manifest_copies_disagree"),
        Error::Rejected { .. } => (Exit::Unsound, "manifest_rejected"),
        Error::UnsupportedVersion { .. } => (Exit::Refused, "unsupported"),
        Error::KeyRequired { .. } | Error::NotEncrypted { .. } => (Exit::Refused, "key"),
        Error::SectionNotFound { .. } => (Exit::Refused, "no_such_section"),
        Error::InUse { .. } => (Exit::Busy, "in_use"),
        Error::PublishedNotDurable { .. } => (Exit::Io, "published_not_durable"),
        _ => (Exit::Io, "manifest"),
    }
}

/// Returns the next step, or `None` if the message contains it.
fn hint(error: &Error) -> Option<String> {
    Some(match error {
        Error::Corrupt { file, .. } | Error::NoFooter { file, .. }
            if file.file_name().is_some_and(|name| name == CATALOG_FILE) =>
        {
            "use another checkpoint; without one, see `A damaged catalog` in the manual".to_owned()
        }
        Error::NoFooter { .. } => HOPELESS.to_owned(),
        Error::Corrupt { file, .. } => {
            format!("list the damaged parts with `lsm-checkpoint manifest inspect {}`", word(file))
        }
        Error::WrongVersion { .. } => {
            "it was renamed or replaced: restore it and `current` from one checkpoint".to_owned()
        }
        Error::DigestMismatch { .. } => {
            "one of the two files was replaced: restore both from one checkpoint".to_owned()
        }
        Error::CurrentEmpty { .. } | Error::CurrentZeros { .. } | Error::MissingArchive { .. } => {
            "restore the directory from a checkpoint; do not fall back to another version".to_owned()
        }
        Error::CopiesDisagree { .. } => {
            "restore the file from a checkpoint; nothing shows which footer is right".to_owned()
        }
        Error::Rejected { .. } => {
            "check the key; if it is the right one, trust nothing in the directory".to_owned()
        }
        Error::KeyRequired { .. } => {
            "this command has no key: dump the section with the engine's own tools".to_owned()
        }
        Error::PublishedNotDurable { file, .. } => format!(
            "the device may be failing: look at the kernel's log (dmesg), then run `lsm-checkpoint manifest verify {}`",
            word(file)
        ),
        Error::UnsupportedVersion { .. } => {
            "use a newer version of lsm-checkpoint, and do not repair it".to_owned()
        }
        Error::SectionNotFound { file, .. } => {
            format!("list the sections with `lsm-checkpoint manifest inspect {}`", word(file))
        }
        Error::ParityUnavailable { .. } => {
            "repair it with a build that has the feature `parity` of lsm-manifest, or restore it from a checkpoint"
                .to_owned()
        }
        Error::InUse { .. } => "wait for the other process".to_owned(),
        _ => return None,
    })
}
