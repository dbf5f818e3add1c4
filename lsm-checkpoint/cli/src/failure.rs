//! [`Failure`]: a sentence, a hint and an exit code.

mod of_checkpoint;
mod of_fs;
mod of_manifest;
#[cfg(feature = "store")]
mod of_store;

use std::{error::Error, io};

use serde_json::json;

use crate::{exit::Exit, record::Record};

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

#[cfg(test)]
mod tests;
