//! [`Session`]: the context that every verb needs beside its own arguments.

use std::path::Path;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use lsm_checkpoint::{ListedCheckpoint, list};
use lsm_fs::StdFs;

use crate::{
    globals::Globals,
    output::{Form, Output},
    progress::{Meter, Shown},
    signals::Signals,
    text, waiting,
};

pub(crate) use crate::failure::Result;

/// The difference that the clocks of two hosts may have.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(60);

/// The global options, the output and the signals.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) out: Output,
    pub(crate) signals: Signals,
    pub(crate) zone: TimeZone,
    pub(crate) now: Timestamp,
    exact: bool,
    shown: Shown,
}

impl Session {
    pub(crate) fn new(globals: &Globals, signals: Signals) -> Self {
        let form = if globals.json { Form::Json } else { Form::Text };
        Self {
            out: Output::new(form, globals.quiet),
            signals,
            zone: TimeZone::system(),
            now: globals.now.unwrap_or_else(Timestamp::now),
            exact: globals.bytes,
            shown: Shown::choose(globals.progress, globals.no_progress || globals.quiet),
        }
    }

    /// Formats a size for people: in binary units, or exact with `--bytes`.
    pub(crate) fn size(&self, bytes: u64) -> String {
        if self.exact { bytes.to_string() } else { text::size(bytes) }
    }

    /// Formats a time for people.
    pub(crate) fn time(&self, time: Timestamp) -> String {
        text::local(time, &self.zone)
    }

    /// Formats the age of a time for people.
    pub(crate) fn age(&self, then: Timestamp) -> String {
        text::age(then, self.now)
    }

    /// Returns `true` if a time is in the future by more than [`TOLERANCE`].
    pub(crate) fn is_in_future(&self, time: Timestamp) -> bool {
        time.duration_since(self.now) > TOLERANCE
    }

    /// Waits for a call that has no progress to show. A signal ends the wait, and with the process the call, so the
    /// call must only read or be safe to kill.
    pub(crate) fn waiting<T: Send + 'static>(&self, read: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        waiting::wait(&self.signals, waiting::PATIENCE, read, || {
            self.out.note("still waiting; SIGINT ends the wait");
        })
    }

    /// Lists the checkpoints of a directory.
    pub(crate) fn list(&self, dir: &Path) -> Result<Vec<ListedCheckpoint>> {
        let dir = dir.to_path_buf();
        Ok(self.waiting(move || list(&StdFs, &dir))??)
    }

    /// Begins a long step.
    pub(crate) fn meter(&self, step: impl Into<String>) -> Meter {
        self.out.flush();
        Meter::new(self.shown, step.into(), self.signals.clone())
    }
}
