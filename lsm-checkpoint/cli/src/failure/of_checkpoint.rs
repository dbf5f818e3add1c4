//! The errors of `lsm-checkpoint`, each with its exit code and the next step.

use std::path::Path;

use lsm_checkpoint::{Error, Occupant};
use lsm_fs::parent_of;

use super::{Failure, of_error, of_fs, sentence};
use crate::{
    around::has_checkpoints,
    exit::Exit,
    text::{self, word},
};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = message(&error);
        match error {
            Error::Fs(error) => error.into(),
            Error::Manifest(error) => error.into(),
            Error::Cancelled => Self::cancelled(),
            Error::LeftBehind { error, left, .. } => {
                let first = Self::from(*error);
                let clears = match left.file_name() {
                    // A sweep does not look inside a target.
                    Some(name) if name == ".checkpoint-staged" => {
                        format!("repeat the restore: it clears {}", word(&left))
                    }
                    _ => format!("run `lsm-checkpoint sweep {}`", word(parent_of(&left))),
                };
                let hint = match first.hint {
                    Some(first) => format!("{first}; then {clears}"),
                    None => clears,
                };
                Self::new(Exit::Io, "left_behind", message).hint(hint)
            }
            error => {
                let (exit, kind) = code(&error);
                Self::new(exit, kind, message).hint_if(hint(&error))
            }
        }
    }
}

/// Returns the message. Some messages of the library name a next step in its own words. They are replaced here, and the
/// hint names the step in the words of this command.
fn message(error: &Error) -> String {
    match error {
        Error::BaseUnusable { base, source } => {
            format!("{}: cannot be used as the base: {}", text::path(base), of_error(source))
        }
        Error::Stranger { target, path } => {
            let (target, path) = (text::path(target), text::path(path));
            format!("{target}: not removed, because its catalog does not name {path}")
        }
        // The source of this command is a checkpoint.
        Error::InvalidSnapshot { path, problem } => {
            format!("the catalog lists {}: {problem}", text::path(path))
        }
        Error::WrongVersion { path, expected, problem } => {
            format!("{}: the catalog has version {expected}, but {problem}", text::path(path))
        }
        Error::SourceCorrupt { path, expected, found } => {
            let path = text::path(path);
            format!("{path}: damaged: its checksum is {found:#034x}, but the catalog has {expected:#034x}")
        }
        Error::NoSpace { needed, available } => {
            let (needed, available) = (text::size(*needed), text::size(*available));
            format!("{needed} are needed on the target's volume, but only {available} are available")
        }
        Error::NotEmpty { target, entry } => {
            format!("{}: not empty: it holds {}", text::path(target), text::path(entry))
        }
        Error::PublishedNotDurable { target, source } => {
            format!(
                "{}: complete, but a power cut may lose it: {}",
                text::path(target),
                of_fs::message(source)
            )
        }
        error => sentence(error),
    }
}

/// Returns the exit code of an error, and its word for programs.
fn code(error: &Error) -> (Exit, &'static str) {
    match error {
        Error::TargetExists { .. } => (Exit::Refused, "target_exists"),
        Error::InProgress { .. } => (Exit::Busy, "in_progress"),
        Error::NestedTarget { .. } => (Exit::Refused, "nested_target"),
        Error::InvalidTarget { .. } => (Exit::Refused, "invalid_target"),
        Error::NameRefused { .. } => (Exit::Refused, "name_refused"),
        Error::BaseUnusable { .. } => (Exit::Refused, "base_unusable"),
        Error::NotEmpty { .. } => (Exit::Refused, "not_empty"),
        Error::InvalidIdentity { .. } => (Exit::Refused, "invalid_identity"),
        Error::InvalidSnapshot { .. } => (Exit::Unsound, "invalid_snapshot"),
        Error::WrongVersion { .. } => (Exit::Unsound, "wrong_version"),
        Error::SourceChanged { .. } => (Exit::Unsound, "checkpoint_changed"),
        Error::SourceCorrupt { .. } => (Exit::Unsound, "checkpoint_corrupt"),
        Error::LinkRefused { .. } => (Exit::Refused, "link_refused"),
        Error::NoSpace { .. } => (Exit::Refused, "no_space"),
        Error::OwnerRefused { .. } => (Exit::Refused, "owner_refused"),
        Error::Undecided { .. } => (Exit::Refused, "undecided"),
        Error::NotACheckpoint { .. } => (Exit::Refused, "not_a_checkpoint"),
        Error::Stranger { .. } => (Exit::Refused, "stranger"),
        Error::BadCatalog { .. } => (Exit::Unsound, "bad_catalog"),
        Error::UnsupportedFormat { .. } | Error::UnsupportedFeatures { .. } => (Exit::Refused, "unsupported"),
        Error::PublishedNotDurable { .. } => (Exit::Io, "published_not_durable"),
        Error::RemovedNotDurable { .. } => (Exit::Io, "removed_not_durable"),
        _ => (Exit::Io, "other"),
    }
}

/// Returns the hint for a path that is not a checkpoint.
fn checkpoint_meant(given: &Path) -> String {
    if let Ok(to) = given.read_link() {
        return format!("it is a link to {}: name the directory itself", text::path(&to));
    }
    if matches!(given.try_exists(), Ok(false)) {
        return "nothing has this name: check the path".to_owned();
    }
    if has_checkpoints(given) {
        return format!("name a checkpoint in it; {}@latest is the newest", word(given));
    }
    "name a directory that `lsm-checkpoint list` shows".to_owned()
}

/// Returns the next step, or `None` if the message contains it.
fn hint(error: &Error) -> Option<String> {
    Some(match error {
        Error::TargetExists { occupant: Occupant::Other, .. } => {
            "choose another name, or move the existing entry away".to_owned()
        }
        Error::InProgress { staged, .. } => {
            let staged = word(staged);
            format!(
                "wait for the other process, which `fuser -v {staged}` shows; if there is none, `rm -r {staged}`"
            )
        }
        Error::NestedTarget { .. } => "choose a target outside the checkpoint".to_owned(),
        Error::InvalidTarget { .. } => "choose a new name in an existing directory".to_owned(),
        Error::NameRefused { .. } => "choose a target on another filesystem".to_owned(),
        Error::InvalidIdentity { .. } => "give the copy a name with --identity".to_owned(),
        Error::WrongVersion { .. } | Error::InvalidSnapshot { .. } => {
            "the checkpoint contradicts itself: use another one".to_owned()
        }
        Error::SourceChanged { .. } => {
            "another process changed or removed it: use another checkpoint, and verify this one".to_owned()
        }
        Error::SourceCorrupt { .. } => "the checkpoint is damaged: use an older one".to_owned(),
        Error::LinkRefused { .. } => {
            "choose a target on the volume of the checkpoint, or allow copies with `--policy prefer-link`"
                .to_owned()
        }
        Error::OwnerRefused { .. } => "run the restore as root, or as that user".to_owned(),
        Error::NoSpace { .. } => "free some space, or choose another volume; nothing was copied".to_owned(),
        Error::NotEmpty { .. } => "move that away, or restore into another directory".to_owned(),
        Error::Unreported { .. } => {
            "no target was made: run the command again, and report this defect of the program".to_owned()
        }
        Error::StagedMismatch { .. } => {
            "stop the process that writes there, then repeat the command".to_owned()
        }
        Error::PublishedNotDurable { target, .. } => {
            format!(
                "the device may be failing: do not rely on {}, and repeat on another device",
                word(target)
            )
        }
        Error::RemovedNotDurable { .. } => {
            "the device may be failing: sweep the directory once it works again".to_owned()
        }
        Error::Undecided { target, staged } => format!(
            "if {0} is in use, remove {1} and {0}/.checkpoint-unpublished; otherwise remove both directories",
            word(target),
            word(staged)
        ),
        Error::NotACheckpoint { dir } => checkpoint_meant(dir),
        Error::BaseUnusable { .. } => "name another checkpoint with --base, or leave out --base".to_owned(),
        Error::Stranger { target, .. } => format!(
            "move that away, or remove the rest with `lsm-checkpoint remove --force {}`",
            word(target)
        ),
        Error::BadCatalog { .. } => {
            "use another checkpoint; without one, see `A damaged catalog` in the manual".to_owned()
        }
        Error::UnsupportedFormat { .. } | Error::UnsupportedFeatures { .. } => {
            "use a newer version of lsm-checkpoint".to_owned()
        }
        _ => return None,
    })
}
