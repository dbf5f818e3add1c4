//! [`Failure`]: a sentence, a hint and an exit code.

mod of_checkpoint;
pub(crate) mod of_fs;
pub(crate) mod of_manifest;
#[cfg(feature = "store")]
mod of_store;

use std::{error::Error, io, path::Path};

use lsm_checkpoint::Defect;
use serde_json::json;

use crate::{exit::Exit, record::Record, text};

/// The result of a verb.
pub(crate) type Result<T = Exit> = std::result::Result<T, Failure>;

/// A failed run, as it is reported to the operator.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// A stable word for programs.
    pub(crate) kind: &'static str,
    /// Path and cause.
    pub(crate) message: String,
    /// The next step of the operator.
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, kind: &'static str, message: impl Into<String>) -> Self {
        Self { exit, kind, message: message.into(), hint: None }
    }

    /// Makes a usage error that clap cannot detect.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// Makes a refusal. Nothing was changed.
    pub(crate) fn refused(kind: &'static str, message: impl Into<String>) -> Self {
        Self::new(Exit::Refused, kind, message)
    }

    /// Makes the failure of a run that a signal ended.
    pub(crate) fn cancelled() -> Self {
        Self::new(Exit::Cancelled, "interrupted", "interrupted by a signal")
    }

    /// Makes the failure to write results to stdout.
    pub(crate) fn of_stdout(error: &io::Error) -> Self {
        Self::new(Exit::Io, "output", format!("cannot write the results: {error}"))
            .hint("the work itself is done; make room for the output, and look with a read-only command")
    }

    /// Makes the failure of a process that cannot catch signals.
    pub(crate) fn of_signals(error: &io::Error) -> Self {
        Self::new(Exit::Io, "signals", format!("cannot catch signals: {error}"))
    }

    /// Makes the failure of a target that a crash may lose.
    pub(crate) fn not_durable(target: &Path) -> Self {
        let target = text::path(target);
        Self::new(
            Exit::Io,
            "not_durable",
            format!("{target}: complete, but this filesystem cannot sync directories"),
        )
        .hint(
            "until the system has written it, a power cut may lose it: run `sync`, or use another filesystem",
        )
    }

    /// Sets the next step.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the next step, if there is one.
    pub(crate) fn hint_if(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into);
        self
    }

    /// Returns the object for `--json`.
    pub(crate) fn record(&self, signal: Option<u8>) -> Record {
        Record::new("error")
            .with("kind", self.kind)
            .with("exit_code", json!(self.exit.code(signal)))
            .with("message", self.message.as_str())
            .with("hint", self.hint.as_deref())
    }
}

/// Joins an error and its causes into one sentence. A cause that the message already contains is left out.
pub(crate) fn sentence(error: &dyn Error) -> String {
    let mut sentence = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !sentence.contains(&text) {
            sentence.push_str(": ");
            sentence.push_str(&text);
        }
        cause = error.source();
    }
    sentence
}

/// Describes an error of the checkpoint library. An error of the filesystem is in the words of an operator.
pub(crate) fn of_error(error: &lsm_checkpoint::Error) -> String {
    match error {
        lsm_checkpoint::Error::Fs(error)
        | lsm_checkpoint::Error::Manifest(lsm_manifest::Error::Fs(error)) => of_fs::message(error),
        error => sentence(error),
    }
}

/// Describes a defect of an entry. The caller names the entry.
pub(crate) fn of_defect(defect: &Defect) -> String {
    match defect {
        Defect::Unreadable(error) | Defect::Manifest(lsm_manifest::Error::Fs(error)) => of_fs::action(error),
        defect => sentence(defect),
    }
}

/// Returns `true` if this user may not read an entry, so nobody knows its state.
pub(crate) fn is_denied(defect: &Defect) -> bool {
    match defect {
        Defect::Unreadable(error) | Defect::Manifest(lsm_manifest::Error::Fs(error)) => {
            error.kind() == io::ErrorKind::PermissionDenied
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
