//! [`Exit`]: the exit codes.

/// The result of a run. The variants are ordered by weight: if parts of a run end differently, the heaviest one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// The work is done, and everything is sound.
    Done,
    /// The command line is wrong.
    Usage,
    /// A checkpoint, a backup or a manifest is unsound, or none was found that is sound (for `check`, and young
    /// enough).
    Unsound,
    /// Another process is at work.
    Busy,
    /// The request was refused, and nothing was changed.
    Refused,
    /// Input or output failed.
    Io,
    /// A signal ended the run.
    Cancelled,
}

impl Exit {
    /// Returns the process's exit code. `signal` is the number of the signal that arrived, if any.
    pub(crate) fn code(self, signal: Option<u8>) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 1,
            Self::Unsound => 2,
            Self::Busy => 3,
            Self::Refused => 4,
            Self::Io => 5,
            Self::Cancelled => 128 + signal.unwrap_or(2),
        }
    }
}
